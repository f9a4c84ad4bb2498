-- Facts are looked for by what they concern: a resource server (then the resource is empty), or one resource of it.

CREATE TABLE fact_resources (
    resource_server_id UUID NOT NULL,
    resource           TEXT NOT NULL,
    fact_id            UUID NOT NULL,
    PRIMARY KEY (resource_server_id, resource, fact_id)
);
CREATE INDEX fact_resources_by_resource ON fact_resources (resource, fact_id);
-- What is deleted goes with its fact.
CREATE INDEX fact_resources_by_fact ON fact_resources (fact_id);

-- What earlier facts concern stands in the change log of their revision. Its keys begin with the resource server.
INSERT INTO fact_resources
SELECT CAST(substr(c.key, 1, 36) AS uuid), '', f.id
FROM facts f JOIN changes c ON c.revision = f.revision
WHERE c.kind IN ('roles', 'assignments', 'attributes', 'resource', 'external_subject', 'relations')
ON CONFLICT DO NOTHING;

INSERT INTO fact_resources
SELECT CAST(substr(c.key, 1, 36) AS uuid), substr(c.key, 38), f.id
FROM facts f JOIN changes c ON c.revision = f.revision
WHERE c.kind IN ('resource', 'external_subject')
ON CONFLICT DO NOTHING;

INSERT INTO fact_resources
SELECT CAST(substr(c.key, 1, 36) AS uuid), CAST(substr(c.key, 38) AS json) ->> 0, f.id
FROM facts f JOIN changes c ON c.revision = f.revision
WHERE c.kind = 'relations'
ON CONFLICT DO NOTHING;

-- resource server / principal / scope, where it is on one resource.
INSERT INTO fact_resources
SELECT CAST(substr(c.key, 1, 36) AS uuid), substr(c.key, 38 + strpos(substr(c.key, 38), '/')), f.id
FROM facts f JOIN changes c ON c.revision = f.revision
WHERE c.kind = 'assignments' AND strpos(substr(c.key, 38), '/') > 0
ON CONFLICT DO NOTHING;

INSERT INTO fact_resources
SELECT s.id, '', f.id
FROM facts f JOIN resource_servers s ON f.subject = 'resource-server:' || s.name
ON CONFLICT DO NOTHING;
