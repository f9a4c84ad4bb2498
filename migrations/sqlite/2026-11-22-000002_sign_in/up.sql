-- People sign in: passwords, browser sessions, interactions, consents, codes, refresh tokens, throttles.

CREATE TABLE passwords (
    person_id  BLOB NOT NULL PRIMARY KEY REFERENCES people (id) ON DELETE CASCADE,
    hash       TEXT NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE clients ADD COLUMN grant_types TEXT NOT NULL DEFAULT 'client_credentials';
ALTER TABLE clients ADD COLUMN redirect_uris TEXT NOT NULL DEFAULT '';
ALTER TABLE clients ADD COLUMN post_logout_redirect_uris TEXT NOT NULL DEFAULT '';
ALTER TABLE clients ADD COLUMN first_party INTEGER NOT NULL DEFAULT 0;
ALTER TABLE clients ADD COLUMN pkce_optional INTEGER NOT NULL DEFAULT 0;

-- A browser session. Its cookie is known only by digest; `sid` is what tokens say, and never the cookie's value.
CREATE TABLE sessions (
    id            BLOB NOT NULL PRIMARY KEY,
    person_id     BLOB NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    secret_digest BLOB NOT NULL UNIQUE,
    auth_time     INTEGER NOT NULL,
    acr           TEXT NOT NULL,
    amr           TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    seen_at       INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    ended_at      INTEGER,
    end_reason    TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_live_by_person ON sessions (person_id) WHERE ended_at IS NULL;
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- A validated authorization request on its way through the pages, bound to one browser.
CREATE TABLE interactions (
    id               BLOB NOT NULL PRIMARY KEY,
    browser_digest   BLOB NOT NULL,
    request          TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    session_id       BLOB,
    authenticated_at INTEGER,
    consented_at     INTEGER,
    ended_at         INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX interactions_by_expiry ON interactions (expires_at);

CREATE TABLE consents (
    person_id  BLOB NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    client_id  BLOB NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    scopes     TEXT NOT NULL,
    resources  TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (person_id, client_id)
) STRICT, WITHOUT ROWID;

-- The authentication a grant was made under, for the ID tokens that come of it.
ALTER TABLE grants ADD COLUMN session_id BLOB;
ALTER TABLE grants ADD COLUMN offline INTEGER NOT NULL DEFAULT 0;
ALTER TABLE grants ADD COLUMN resources TEXT NOT NULL DEFAULT '';
ALTER TABLE grants ADD COLUMN auth_time INTEGER;
ALTER TABLE grants ADD COLUMN acr TEXT;
ALTER TABLE grants ADD COLUMN amr TEXT;
ALTER TABLE grants ADD COLUMN claims TEXT;
CREATE INDEX grants_live_by_session ON grants (session_id) WHERE ended_at IS NULL;

-- Spent codes stay until everything that was issued from them has expired, so that reuse is recognised.
CREATE TABLE codes (
    digest       BLOB NOT NULL PRIMARY KEY,
    grant_id     BLOB NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    client_id    BLOB NOT NULL,
    redirect_uri TEXT NOT NULL,
    challenge    TEXT,
    nonce        TEXT,
    expires_at   INTEGER NOT NULL,
    keep_until   INTEGER NOT NULL,
    spent_at     INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX codes_by_keep ON codes (keep_until);

CREATE TABLE refresh_families (
    id              BLOB NOT NULL PRIMARY KEY,
    grant_id        BLOB NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    created_at      INTEGER NOT NULL,
    used_at         INTEGER NOT NULL,
    idle_expires_at INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    ended_at        INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_families_by_grant ON refresh_families (grant_id);
CREATE INDEX refresh_families_by_expiry ON refresh_families (expires_at);

CREATE TABLE refresh_tokens (
    digest           BLOB NOT NULL PRIMARY KEY,
    family_id        BLOB NOT NULL REFERENCES refresh_families (id) ON DELETE CASCADE,
    created_at       INTEGER NOT NULL,
    spent_at         INTEGER,
    successor        BLOB,
    successor_sealed BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_by_family ON refresh_tokens (family_id);
CREATE INDEX refresh_tokens_sealed ON refresh_tokens (spent_at) WHERE successor_sealed IS NOT NULL;

-- Failed attempts to prove a secret, by account and by client address, counted over all routes and nodes.
CREATE TABLE throttles (
    key            TEXT NOT NULL PRIMARY KEY,
    attempts       INTEGER NOT NULL,
    window_ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX throttles_by_window ON throttles (window_ends_at);
