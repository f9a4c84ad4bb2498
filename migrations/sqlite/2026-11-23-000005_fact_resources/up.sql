-- Facts are looked for by what they concern: a resource server (then the resource is empty), or one resource of it.

CREATE TABLE fact_resources (
    resource_server_id BLOB NOT NULL,
    resource           TEXT NOT NULL,
    fact_id            BLOB NOT NULL,
    PRIMARY KEY (resource_server_id, resource, fact_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX fact_resources_by_resource ON fact_resources (resource, fact_id);
-- What is deleted goes with its fact.
CREATE INDEX fact_resources_by_fact ON fact_resources (fact_id);

-- What earlier facts concern stands in the change log of their revision. Its keys begin with the resource server.
INSERT OR IGNORE INTO fact_resources
SELECT unhex(replace(substr(c.key, 1, 36), '-', '')), '', f.id
FROM facts f JOIN changes c ON c.revision = f.revision
WHERE c.kind IN ('roles', 'assignments', 'attributes', 'resource', 'external_subject', 'relations');

INSERT OR IGNORE INTO fact_resources
SELECT unhex(replace(substr(c.key, 1, 36), '-', '')), substr(c.key, 38), f.id
FROM facts f JOIN changes c ON c.revision = f.revision
WHERE c.kind IN ('resource', 'external_subject');

INSERT OR IGNORE INTO fact_resources
SELECT unhex(replace(substr(c.key, 1, 36), '-', '')), substr(c.key, 38) ->> 0, f.id
FROM facts f JOIN changes c ON c.revision = f.revision
WHERE c.kind = 'relations';

-- resource server / principal / scope, where it is on one resource.
INSERT OR IGNORE INTO fact_resources
SELECT unhex(replace(substr(c.key, 1, 36), '-', '')), substr(c.key, 38 + instr(substr(c.key, 38), '/')), f.id
FROM facts f JOIN changes c ON c.revision = f.revision
WHERE c.kind = 'assignments' AND instr(substr(c.key, 38), '/') > 0;

INSERT OR IGNORE INTO fact_resources
SELECT s.id, '', f.id
FROM facts f JOIN resource_servers s ON f.subject = 'resource-server:' || s.name;
