ALTER TABLE grants DROP COLUMN sub;
DROP TABLE pairwise_subjects;
ALTER TABLE clients DROP COLUMN sector;
ALTER TABLE clients DROP COLUMN backchannel_logout_uri;
