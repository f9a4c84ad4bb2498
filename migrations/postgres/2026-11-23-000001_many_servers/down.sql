DROP TRIGGER revisions_tell_nodes ON revisions;
DROP FUNCTION tell_nodes();
-- Of several, one is kept.
UPDATE clients SET speaks_for =
    (SELECT resource_server_id FROM client_servers WHERE client_servers.client_id = clients.id
     ORDER BY resource_server_id LIMIT 1);
DROP TABLE client_servers;
