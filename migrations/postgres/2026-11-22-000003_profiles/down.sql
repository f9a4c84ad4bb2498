ALTER TABLE clients DROP COLUMN default_max_age_seconds;
ALTER TABLE interactions DROP COLUMN account_choice;
ALTER TABLE people DROP COLUMN locked_at;
ALTER TABLE people DROP COLUMN updated_at;
ALTER TABLE people DROP COLUMN profile;
ALTER TABLE people DROP COLUMN email_verified;
