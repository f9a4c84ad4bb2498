DROP INDEX person_names_by_person;
DROP INDEX grants_by_session;
DELETE FROM person_names WHERE name IN (SELECT sub FROM pairwise_subjects);
ALTER TABLE grants DROP COLUMN sub;
DROP TABLE pairwise_subjects;
ALTER TABLE clients DROP COLUMN sector;
ALTER TABLE clients DROP COLUMN backchannel_logout_uri;
