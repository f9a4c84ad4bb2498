-- A grant that nobody can use is deleted, and its codes with it: they are found without reading them all.
CREATE INDEX codes_by_grant ON codes (grant_id);
