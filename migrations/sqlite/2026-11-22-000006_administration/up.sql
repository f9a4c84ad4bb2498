-- API keys, and the ways the audit trail is asked.

CREATE TABLE api_keys (
    id          BLOB NOT NULL PRIMARY KEY,
    digest      BLOB NOT NULL UNIQUE,
    prefix      TEXT NOT NULL,
    name        TEXT NOT NULL,
    owner_kind  TEXT NOT NULL,
    owner_id    BLOB NOT NULL,
    permissions TEXT NOT NULL,
    created_by  TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    revoked_at  INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX api_keys_by_owner ON api_keys (owner_id, id);
CREATE INDEX api_keys_by_prefix ON api_keys (prefix);

CREATE INDEX facts_by_actor ON facts (actor, id);
CREATE INDEX facts_by_kind ON facts (kind, id);
