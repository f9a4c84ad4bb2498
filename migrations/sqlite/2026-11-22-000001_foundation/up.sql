-- People, clients, resource servers, roles, assignments, grants, keys, the change log, facts and the outbox.
-- Moments are microseconds since 1970-01-01 UTC; identifiers are UUIDs of version 7; documents are JSON.

CREATE TABLE revisions (
    id       INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    epoch    BLOB NOT NULL,
    revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE changes (
    revision INTEGER NOT NULL,
    ordinal  INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    key      TEXT NOT NULL,
    actor    TEXT NOT NULL,
    at       INTEGER NOT NULL,
    before   TEXT,
    after    TEXT,
    PRIMARY KEY (revision, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE people (
    id          BLOB NOT NULL PRIMARY KEY,
    sub         TEXT NOT NULL UNIQUE,
    username    TEXT NOT NULL UNIQUE,
    name        TEXT,
    email       TEXT,
    created_at  INTEGER NOT NULL,
    disabled_at INTEGER
) STRICT, WITHOUT ROWID;

-- One namespace for subs and usernames: no name can mean two people, nor differ from another's by case alone.
CREATE TABLE person_names (
    name      TEXT NOT NULL PRIMARY KEY,
    folded    TEXT NOT NULL,
    person_id BLOB NOT NULL REFERENCES people (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX person_names_by_folded ON person_names (folded);

CREATE TABLE resource_servers (
    id                BLOB NOT NULL PRIMARY KEY,
    name              TEXT NOT NULL UNIQUE,
    identifier        TEXT NOT NULL UNIQUE,
    scopes            TEXT NOT NULL,
    claim_roles       INTEGER NOT NULL,
    claim_permissions INTEGER NOT NULL,
    created_at        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE permissions (
    resource_server_id BLOB NOT NULL REFERENCES resource_servers (id) ON DELETE CASCADE,
    action             TEXT NOT NULL,
    resource_type      TEXT NOT NULL,
    PRIMARY KEY (resource_server_id, action, resource_type)
) STRICT, WITHOUT ROWID;

CREATE TABLE clients (
    id            BLOB NOT NULL PRIMARY KEY,
    client_id     TEXT NOT NULL UNIQUE,
    name          TEXT,
    auth_method   TEXT NOT NULL,
    secret_digest BLOB,
    jwks          TEXT,
    scopes        TEXT NOT NULL,
    speaks_for    BLOB REFERENCES resource_servers (id),
    created_at    INTEGER NOT NULL,
    disabled_at   INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE client_resources (
    client_id          BLOB NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    resource_server_id BLOB NOT NULL REFERENCES resource_servers (id),
    PRIMARY KEY (client_id, resource_server_id)
) STRICT, WITHOUT ROWID;

-- The jti of a client assertion is spent by inserting its digest (RFC 7523 §3).
CREATE TABLE spent_assertions (
    digest     BLOB NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX spent_assertions_by_expiry ON spent_assertions (expires_at);

CREATE TABLE roles (
    id                 BLOB NOT NULL PRIMARY KEY,
    resource_server_id BLOB NOT NULL REFERENCES resource_servers (id) ON DELETE CASCADE,
    name               TEXT NOT NULL,
    created_at         INTEGER NOT NULL,
    UNIQUE (resource_server_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE role_permissions (
    role_id       BLOB NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
    action        TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    PRIMARY KEY (role_id, action, resource_type)
) STRICT, WITHOUT ROWID;

CREATE TABLE role_includes (
    role_id     BLOB NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
    included_id BLOB NOT NULL REFERENCES roles (id),
    PRIMARY KEY (role_id, included_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX role_includes_by_included ON role_includes (included_id);

CREATE TABLE groups (
    id         BLOB NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE group_members (
    member_kind TEXT NOT NULL,
    member_id   BLOB NOT NULL,
    group_id    BLOB NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    not_before  INTEGER,
    expires_at  INTEGER,
    reason      TEXT,
    given_by    TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (member_id, group_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_members_by_group ON group_members (group_id);

CREATE TABLE assignments (
    id                 BLOB NOT NULL PRIMARY KEY,
    resource_server_id BLOB NOT NULL REFERENCES resource_servers (id) ON DELETE CASCADE,
    principal_kind     TEXT NOT NULL,
    principal_id       BLOB NOT NULL,
    role_id            BLOB REFERENCES roles (id),
    action             TEXT,
    resource_type      TEXT,
    effect             TEXT NOT NULL CHECK (effect IN ('allow', 'deny')),
    not_before         INTEGER,
    expires_at         INTEGER,
    reason             TEXT,
    given_by           TEXT NOT NULL,
    created_at         INTEGER NOT NULL,
    CHECK ((role_id IS NOT NULL AND action IS NULL AND resource_type IS NULL)
        OR (role_id IS NULL AND action IS NOT NULL AND resource_type IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX assignments_by_principal ON assignments (principal_id, resource_server_id);
CREATE INDEX assignments_by_role ON assignments (role_id);

CREATE TABLE grants (
    id         BLOB NOT NULL PRIMARY KEY,
    client_id  BLOB NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    person_id  BLOB NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    scopes     TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    ended_at   INTEGER,
    end_reason TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_live_by_person ON grants (person_id) WHERE ended_at IS NULL;
CREATE INDEX grants_live_by_client ON grants (client_id) WHERE ended_at IS NULL;

CREATE TABLE denied_tokens (
    id         BLOB NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL,
    denied_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX denied_tokens_by_expiry ON denied_tokens (expires_at);

CREATE TABLE signing_keys (
    kid        TEXT NOT NULL PRIMARY KEY,
    state      TEXT NOT NULL CHECK (state IN ('pending', 'signing', 'retired', 'revoked')),
    moment     INTEGER NOT NULL,
    public_jwk TEXT NOT NULL,
    sealed     BLOB,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- The gates of first creation and of rotation: one key signs, one waits.
CREATE UNIQUE INDEX signing_keys_one_signing ON signing_keys (state) WHERE state = 'signing';
CREATE UNIQUE INDEX signing_keys_one_pending ON signing_keys (state) WHERE state = 'pending';

CREATE TABLE setup_links (
    digest     BLOB NOT NULL PRIMARY KEY,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE facts (
    id         BLOB NOT NULL PRIMARY KEY,
    at         INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    actor      TEXT NOT NULL,
    subject    TEXT NOT NULL,
    revision   INTEGER,
    request_id TEXT,
    detail     TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX facts_by_subject ON facts (subject, id);

CREATE TABLE outbox (
    id            BLOB NOT NULL PRIMARY KEY,
    topic         TEXT NOT NULL,
    payload       TEXT NOT NULL,
    attempts      INTEGER NOT NULL,
    due_at        INTEGER NOT NULL,
    claimed_until INTEGER,
    created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_by_due ON outbox (due_at);
