-- API keys, and the ways the audit trail is asked.

CREATE TABLE api_keys (
    id          uuid NOT NULL PRIMARY KEY,
    digest      bytea NOT NULL UNIQUE,
    prefix      text NOT NULL,
    name        text NOT NULL,
    owner_kind  text NOT NULL,
    owner_id    uuid NOT NULL,
    permissions text NOT NULL,
    created_by  text NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    revoked_at  timestamptz
);
CREATE INDEX api_keys_by_owner ON api_keys (owner_id, id);
CREATE INDEX api_keys_by_prefix ON api_keys (prefix);

CREATE INDEX facts_by_actor ON facts (actor, id);
CREATE INDEX facts_by_kind ON facts (kind, id);
