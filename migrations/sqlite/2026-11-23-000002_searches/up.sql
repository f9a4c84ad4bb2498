-- Who holds something at a scope, for searches for subjects. What principals and subjects of edges lead to has its index.

CREATE INDEX assignments_by_scope ON assignments (resource_server_id, scope, role_id, action, resource_type);
