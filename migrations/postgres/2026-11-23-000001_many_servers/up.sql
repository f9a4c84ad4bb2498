-- A client may speak for several resource servers; and every write of authorization data tells the other nodes at once.

CREATE TABLE client_servers (
    client_id          uuid NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    resource_server_id uuid NOT NULL REFERENCES resource_servers (id),
    PRIMARY KEY (client_id, resource_server_id)
);
INSERT INTO client_servers SELECT id, speaks_for FROM clients WHERE speaks_for IS NOT NULL;
-- The column stays, empty, as in SQLite, which drops none that refers to another table.
UPDATE clients SET speaks_for = NULL;

-- Such commits take turns by the row of revisions anyhow, so that NOTIFY, which makes them do so, costs nothing more.
CREATE FUNCTION tell_nodes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY doorward;
    RETURN NULL;
END
$$;
CREATE TRIGGER revisions_tell_nodes AFTER UPDATE ON revisions FOR EACH STATEMENT EXECUTE FUNCTION tell_nodes();
