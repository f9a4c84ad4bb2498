-- People sign in: passwords, browser sessions, interactions, consents, codes, refresh tokens, throttles.

CREATE TABLE passwords (
    person_id  UUID NOT NULL PRIMARY KEY REFERENCES people (id) ON DELETE CASCADE,
    hash       TEXT NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL
);

ALTER TABLE clients ADD COLUMN grant_types TEXT NOT NULL DEFAULT 'client_credentials';
ALTER TABLE clients ADD COLUMN redirect_uris TEXT NOT NULL DEFAULT '';
ALTER TABLE clients ADD COLUMN post_logout_redirect_uris TEXT NOT NULL DEFAULT '';
ALTER TABLE clients ADD COLUMN first_party BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE clients ADD COLUMN pkce_optional BOOLEAN NOT NULL DEFAULT FALSE;

-- A browser session. Its cookie is known only by digest; `sid` is what tokens say, and never the cookie's value.
CREATE TABLE sessions (
    id            UUID NOT NULL PRIMARY KEY,
    person_id     UUID NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    secret_digest BYTEA NOT NULL UNIQUE,
    auth_time     TIMESTAMPTZ NOT NULL,
    acr           TEXT NOT NULL,
    amr           TEXT NOT NULL,
    created_at    TIMESTAMPTZ NOT NULL,
    seen_at       TIMESTAMPTZ NOT NULL,
    expires_at    TIMESTAMPTZ NOT NULL,
    ended_at      TIMESTAMPTZ,
    end_reason    TEXT
);
CREATE INDEX sessions_live_by_person ON sessions (person_id) WHERE ended_at IS NULL;
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- A validated authorization request on its way through the pages, bound to one browser.
CREATE TABLE interactions (
    id               UUID NOT NULL PRIMARY KEY,
    browser_digest   BYTEA NOT NULL,
    request          JSONB NOT NULL,
    created_at       TIMESTAMPTZ NOT NULL,
    expires_at       TIMESTAMPTZ NOT NULL,
    session_id       UUID,
    authenticated_at TIMESTAMPTZ,
    consented_at     TIMESTAMPTZ,
    ended_at         TIMESTAMPTZ
);
CREATE INDEX interactions_by_expiry ON interactions (expires_at);

CREATE TABLE consents (
    person_id  UUID NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    client_id  UUID NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    scopes     TEXT NOT NULL,
    resources  TEXT NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (person_id, client_id)
);

-- The authentication a grant was made under, for the ID tokens that come of it.
ALTER TABLE grants ADD COLUMN session_id UUID;
ALTER TABLE grants ADD COLUMN offline BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE grants ADD COLUMN resources TEXT NOT NULL DEFAULT '';
ALTER TABLE grants ADD COLUMN auth_time TIMESTAMPTZ;
ALTER TABLE grants ADD COLUMN acr TEXT;
ALTER TABLE grants ADD COLUMN amr TEXT;
ALTER TABLE grants ADD COLUMN claims JSONB;
CREATE INDEX grants_live_by_session ON grants (session_id) WHERE ended_at IS NULL;

-- Spent codes stay until everything that was issued from them has expired, so that reuse is recognised.
CREATE TABLE codes (
    digest       BYTEA NOT NULL PRIMARY KEY,
    grant_id     UUID NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    client_id    UUID NOT NULL,
    redirect_uri TEXT NOT NULL,
    challenge    TEXT,
    nonce        TEXT,
    expires_at   TIMESTAMPTZ NOT NULL,
    keep_until   TIMESTAMPTZ NOT NULL,
    spent_at     TIMESTAMPTZ
);
CREATE INDEX codes_by_keep ON codes (keep_until);

CREATE TABLE refresh_families (
    id              UUID NOT NULL PRIMARY KEY,
    grant_id        UUID NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    created_at      TIMESTAMPTZ NOT NULL,
    used_at         TIMESTAMPTZ NOT NULL,
    idle_expires_at TIMESTAMPTZ NOT NULL,
    expires_at      TIMESTAMPTZ NOT NULL,
    ended_at        TIMESTAMPTZ
);
CREATE INDEX refresh_families_by_grant ON refresh_families (grant_id);
CREATE INDEX refresh_families_by_expiry ON refresh_families (expires_at);

CREATE TABLE refresh_tokens (
    digest           BYTEA NOT NULL PRIMARY KEY,
    family_id        UUID NOT NULL REFERENCES refresh_families (id) ON DELETE CASCADE,
    created_at       TIMESTAMPTZ NOT NULL,
    spent_at         TIMESTAMPTZ,
    successor        BYTEA,
    successor_sealed BYTEA
);
CREATE INDEX refresh_tokens_by_family ON refresh_tokens (family_id);
CREATE INDEX refresh_tokens_sealed ON refresh_tokens (spent_at) WHERE successor_sealed IS NOT NULL;

-- Failed attempts to prove a secret, by account and by client address, counted over all routes and nodes.
CREATE TABLE throttles (
    key            TEXT NOT NULL PRIMARY KEY,
    attempts       INTEGER NOT NULL,
    window_ends_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX throttles_by_window ON throttles (window_ends_at);
