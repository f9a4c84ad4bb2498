DROP INDEX assignments_by_scope;
