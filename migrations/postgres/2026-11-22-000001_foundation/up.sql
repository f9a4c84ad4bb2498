-- People, clients, resource servers, roles, assignments, grants, keys, the change log, facts and the outbox.
-- Moments are timestamptz; identifiers are UUIDs of version 7; documents are JSON.

CREATE TABLE revisions (
    id       SMALLINT NOT NULL PRIMARY KEY CHECK (id = 1),
    epoch    UUID NOT NULL,
    revision BIGINT NOT NULL
);

CREATE TABLE changes (
    revision BIGINT NOT NULL,
    ordinal  INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    key      TEXT NOT NULL,
    actor    TEXT NOT NULL,
    at       TIMESTAMPTZ NOT NULL,
    before   JSONB,
    after    JSONB,
    PRIMARY KEY (revision, ordinal)
);

CREATE TABLE people (
    id          UUID NOT NULL PRIMARY KEY,
    sub         TEXT NOT NULL UNIQUE,
    username    TEXT NOT NULL UNIQUE,
    name        TEXT,
    email       TEXT,
    created_at  TIMESTAMPTZ NOT NULL,
    disabled_at TIMESTAMPTZ
);

-- One namespace for subs and usernames: no name can mean two people, nor differ from another's by case alone.
CREATE TABLE person_names (
    name      TEXT NOT NULL PRIMARY KEY,
    folded    TEXT NOT NULL,
    person_id UUID NOT NULL REFERENCES people (id) ON DELETE CASCADE
);
CREATE INDEX person_names_by_folded ON person_names (folded);

CREATE TABLE resource_servers (
    id                UUID NOT NULL PRIMARY KEY,
    name              TEXT NOT NULL UNIQUE,
    identifier        TEXT NOT NULL UNIQUE,
    scopes            TEXT NOT NULL,
    claim_roles       BOOLEAN NOT NULL,
    claim_permissions BOOLEAN NOT NULL,
    created_at        TIMESTAMPTZ NOT NULL
);

CREATE TABLE permissions (
    resource_server_id UUID NOT NULL REFERENCES resource_servers (id) ON DELETE CASCADE,
    action             TEXT NOT NULL,
    resource_type      TEXT NOT NULL,
    PRIMARY KEY (resource_server_id, action, resource_type)
);

CREATE TABLE clients (
    id            UUID NOT NULL PRIMARY KEY,
    client_id     TEXT NOT NULL UNIQUE,
    name          TEXT,
    auth_method   TEXT NOT NULL,
    secret_digest BYTEA,
    jwks          TEXT,
    scopes        TEXT NOT NULL,
    speaks_for    UUID REFERENCES resource_servers (id),
    created_at    TIMESTAMPTZ NOT NULL,
    disabled_at   TIMESTAMPTZ
);

CREATE TABLE client_resources (
    client_id          UUID NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    resource_server_id UUID NOT NULL REFERENCES resource_servers (id),
    PRIMARY KEY (client_id, resource_server_id)
);

-- The jti of a client assertion is spent by inserting its digest (RFC 7523 §3).
CREATE TABLE spent_assertions (
    digest     BYTEA NOT NULL PRIMARY KEY,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX spent_assertions_by_expiry ON spent_assertions (expires_at);

CREATE TABLE roles (
    id                 UUID NOT NULL PRIMARY KEY,
    resource_server_id UUID NOT NULL REFERENCES resource_servers (id) ON DELETE CASCADE,
    name               TEXT NOT NULL,
    created_at         TIMESTAMPTZ NOT NULL,
    UNIQUE (resource_server_id, name)
);

CREATE TABLE role_permissions (
    role_id       UUID NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
    action        TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    PRIMARY KEY (role_id, action, resource_type)
);

CREATE TABLE role_includes (
    role_id     UUID NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
    included_id UUID NOT NULL REFERENCES roles (id),
    PRIMARY KEY (role_id, included_id)
);
CREATE INDEX role_includes_by_included ON role_includes (included_id);

CREATE TABLE groups (
    id         UUID NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE group_members (
    member_kind TEXT NOT NULL,
    member_id   UUID NOT NULL,
    group_id    UUID NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    not_before  TIMESTAMPTZ,
    expires_at  TIMESTAMPTZ,
    reason      TEXT,
    given_by    TEXT NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (member_id, group_id)
);
CREATE INDEX group_members_by_group ON group_members (group_id);

CREATE TABLE assignments (
    id                 UUID NOT NULL PRIMARY KEY,
    resource_server_id UUID NOT NULL REFERENCES resource_servers (id) ON DELETE CASCADE,
    principal_kind     TEXT NOT NULL,
    principal_id       UUID NOT NULL,
    role_id            UUID REFERENCES roles (id),
    action             TEXT,
    resource_type      TEXT,
    effect             TEXT NOT NULL CHECK (effect IN ('allow', 'deny')),
    not_before         TIMESTAMPTZ,
    expires_at         TIMESTAMPTZ,
    reason             TEXT,
    given_by           TEXT NOT NULL,
    created_at         TIMESTAMPTZ NOT NULL,
    CHECK ((role_id IS NOT NULL AND action IS NULL AND resource_type IS NULL)
        OR (role_id IS NULL AND action IS NOT NULL AND resource_type IS NOT NULL))
);
-- Covering: the assignments of one principal lie scattered over the table, and a decision reads them all.
CREATE INDEX assignments_by_principal ON assignments (principal_id, resource_server_id)
    INCLUDE (id, role_id, action, resource_type, effect, not_before, expires_at);
CREATE INDEX assignments_by_role ON assignments (role_id);

CREATE TABLE grants (
    id         UUID NOT NULL PRIMARY KEY,
    client_id  UUID NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    person_id  UUID NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    scopes     TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    ended_at   TIMESTAMPTZ,
    end_reason TEXT
);
CREATE INDEX grants_live_by_person ON grants (person_id) WHERE ended_at IS NULL;
CREATE INDEX grants_live_by_client ON grants (client_id) WHERE ended_at IS NULL;

CREATE TABLE denied_tokens (
    id         UUID NOT NULL PRIMARY KEY,
    expires_at TIMESTAMPTZ NOT NULL,
    denied_at  TIMESTAMPTZ NOT NULL
);
CREATE INDEX denied_tokens_by_expiry ON denied_tokens (expires_at);

CREATE TABLE signing_keys (
    kid        TEXT NOT NULL PRIMARY KEY,
    state      TEXT NOT NULL CHECK (state IN ('pending', 'signing', 'retired', 'revoked')),
    moment     TIMESTAMPTZ NOT NULL,
    public_jwk JSONB NOT NULL,
    sealed     BYTEA,
    created_at TIMESTAMPTZ NOT NULL
);
-- The gates of first creation and of rotation: one key signs, one waits.
CREATE UNIQUE INDEX signing_keys_one_signing ON signing_keys (state) WHERE state = 'signing';
CREATE UNIQUE INDEX signing_keys_one_pending ON signing_keys (state) WHERE state = 'pending';

CREATE TABLE setup_links (
    digest     BYTEA NOT NULL PRIMARY KEY,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    used_at    TIMESTAMPTZ
);

CREATE TABLE facts (
    id         UUID NOT NULL PRIMARY KEY,
    at         TIMESTAMPTZ NOT NULL,
    kind       TEXT NOT NULL,
    actor      TEXT NOT NULL,
    subject    TEXT NOT NULL,
    revision   BIGINT,
    request_id TEXT,
    detail     JSONB NOT NULL
);
CREATE INDEX facts_by_subject ON facts (subject, id);

CREATE TABLE outbox (
    id            UUID NOT NULL PRIMARY KEY,
    topic         TEXT NOT NULL,
    payload       JSONB NOT NULL,
    attempts      INTEGER NOT NULL,
    due_at        TIMESTAMPTZ NOT NULL,
    claimed_until TIMESTAMPTZ,
    created_at    TIMESTAMPTZ NOT NULL
);
CREATE INDEX outbox_by_due ON outbox (due_at);
