-- The standard claims about people; locks; the account chosen in an interaction; a client's own max_age.

ALTER TABLE people ADD COLUMN email_verified boolean NOT NULL DEFAULT false;
ALTER TABLE people ADD COLUMN profile jsonb NOT NULL DEFAULT '{}';
ALTER TABLE people ADD COLUMN updated_at timestamptz NOT NULL DEFAULT 'epoch';
ALTER TABLE people ADD COLUMN locked_at timestamptz;
UPDATE people SET updated_at = created_at;

ALTER TABLE interactions ADD COLUMN account_choice text;
ALTER TABLE clients ADD COLUMN default_max_age_seconds bigint;

-- Names hold no characters that turn the direction of the text around them, from here on.
UPDATE people SET name = NULLIF(trim(translate(name, U&'\202A\202B\202C\202D\202E\2066\2067\2068\2069', '')), '') WHERE name IS NOT NULL;
UPDATE clients SET name = NULLIF(trim(translate(name, U&'\202A\202B\202C\202D\202E\2066\2067\2068\2069', '')), '') WHERE name IS NOT NULL;
