-- Of several, one is kept.
UPDATE clients SET speaks_for =
    (SELECT min(resource_server_id) FROM client_servers WHERE client_servers.client_id = clients.id);
DROP TABLE client_servers;
