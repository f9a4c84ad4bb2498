-- The standard claims about people; locks; the account chosen in an interaction; a client's own max_age.

ALTER TABLE people ADD COLUMN email_verified boolean NOT NULL DEFAULT false;
ALTER TABLE people ADD COLUMN profile jsonb NOT NULL DEFAULT '{}';
ALTER TABLE people ADD COLUMN updated_at timestamptz NOT NULL DEFAULT 'epoch';
ALTER TABLE people ADD COLUMN locked_at timestamptz;
UPDATE people SET updated_at = created_at;

ALTER TABLE interactions ADD COLUMN account_choice text;
ALTER TABLE clients ADD COLUMN default_max_age_seconds bigint;
