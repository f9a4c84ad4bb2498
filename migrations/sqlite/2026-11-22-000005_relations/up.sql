-- The decision service: scopes of assignments, models, policies, registered resources and subjects, relation edges.
-- Resources and external subjects are written type:id; the first colon parts them.

-- The empty scope is the whole resource server; else one resource and all below it.
ALTER TABLE assignments ADD COLUMN scope TEXT NOT NULL DEFAULT '';
DROP INDEX assignments_by_principal;
CREATE INDEX assignments_by_principal ON assignments (principal_id, resource_server_id, scope);

-- Version 0 is none. Rolling back moves the pointer; versions are never changed.
ALTER TABLE resource_servers ADD COLUMN model_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE resource_servers ADD COLUMN policy_version INTEGER NOT NULL DEFAULT 0;

CREATE TABLE models (
    resource_server_id BLOB NOT NULL REFERENCES resource_servers (id) ON DELETE CASCADE,
    version            INTEGER NOT NULL CHECK (version > 0),
    document           TEXT NOT NULL,
    given_by           TEXT NOT NULL,
    created_at         INTEGER NOT NULL,
    PRIMARY KEY (resource_server_id, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE policies (
    resource_server_id BLOB NOT NULL REFERENCES resource_servers (id) ON DELETE CASCADE,
    version            INTEGER NOT NULL CHECK (version > 0),
    policy_text        TEXT NOT NULL,
    given_by           TEXT NOT NULL,
    created_at         INTEGER NOT NULL,
    PRIMARY KEY (resource_server_id, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE resources (
    resource_server_id BLOB NOT NULL REFERENCES resource_servers (id) ON DELETE CASCADE,
    object             TEXT NOT NULL,
    attributes         TEXT NOT NULL,
    created_at         INTEGER NOT NULL,
    PRIMARY KEY (resource_server_id, object)
) STRICT, WITHOUT ROWID;

-- Subjects that only the resource server knows.
CREATE TABLE external_subjects (
    id                 BLOB NOT NULL PRIMARY KEY,
    resource_server_id BLOB NOT NULL REFERENCES resource_servers (id) ON DELETE CASCADE,
    subject            TEXT NOT NULL,
    disabled_at        INTEGER,
    created_at         INTEGER NOT NULL,
    UNIQUE (resource_server_id, subject)
) STRICT, WITHOUT ROWID;

-- What a resource server registers of a subject, external or of the directory.
CREATE TABLE subject_attributes (
    resource_server_id BLOB NOT NULL REFERENCES resource_servers (id) ON DELETE CASCADE,
    principal_id       BLOB NOT NULL,
    attributes         TEXT NOT NULL,
    PRIMARY KEY (principal_id, resource_server_id)
) STRICT, WITHOUT ROWID;

-- object#relation@subject. One subject among any number is found by point look-up; what leads on (groups, everybody,
-- other resources, usersets) is listed, and few.
CREATE TABLE edges (
    resource_server_id BLOB NOT NULL REFERENCES resource_servers (id) ON DELETE CASCADE,
    object             TEXT NOT NULL,
    relation           TEXT NOT NULL,
    subject_kind       TEXT NOT NULL
        CHECK (subject_kind IN ('user', 'client', 'external', 'group', 'everyone', 'object', 'userset')),
    subject            TEXT NOT NULL,
    subject_relation   TEXT NOT NULL,
    not_before         INTEGER,
    expires_at         INTEGER,
    reason             TEXT,
    given_by           TEXT NOT NULL,
    created_at         INTEGER NOT NULL,
    PRIMARY KEY (resource_server_id, object, subject, subject_kind, subject_relation, relation)
) STRICT, WITHOUT ROWID;
CREATE INDEX edges_listed ON edges (resource_server_id, object)
    WHERE subject_kind IN ('group', 'everyone', 'object', 'userset');
CREATE INDEX edges_by_subject ON edges (resource_server_id, subject, subject_kind, subject_relation, relation, object);
