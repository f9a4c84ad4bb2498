-- A client may speak for several resource servers.

CREATE TABLE client_servers (
    client_id          BLOB NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    resource_server_id BLOB NOT NULL REFERENCES resource_servers (id),
    PRIMARY KEY (client_id, resource_server_id)
) STRICT, WITHOUT ROWID;
INSERT INTO client_servers SELECT id, speaks_for FROM clients WHERE speaks_for IS NOT NULL;
-- The column stays, empty: SQLite drops none that refers to another table.
UPDATE clients SET speaks_for = NULL;
