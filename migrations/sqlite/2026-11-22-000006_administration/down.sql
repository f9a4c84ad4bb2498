DROP INDEX facts_by_kind;
DROP INDEX facts_by_actor;
DROP TABLE api_keys;
