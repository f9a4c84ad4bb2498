-- The standard claims about people; locks; the account chosen in an interaction; a client's own max_age.

ALTER TABLE people ADD COLUMN email_verified INTEGER NOT NULL DEFAULT 0;
ALTER TABLE people ADD COLUMN profile TEXT NOT NULL DEFAULT '{}';
ALTER TABLE people ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE people ADD COLUMN locked_at INTEGER;
UPDATE people SET updated_at = created_at;

ALTER TABLE interactions ADD COLUMN account_choice TEXT;
ALTER TABLE clients ADD COLUMN default_max_age_seconds INTEGER;

-- Names hold no characters that turn the direction of the text around them, from here on.
UPDATE people SET name = NULLIF(trim(replace(replace(replace(replace(replace(replace(replace(replace(replace(name, char(8234), ''), char(8235), ''), char(8236), ''), char(8237), ''), char(8238), ''), char(8294), ''), char(8295), ''), char(8296), ''), char(8297), '')), '') WHERE name IS NOT NULL;
UPDATE clients SET name = NULLIF(trim(replace(replace(replace(replace(replace(replace(replace(replace(replace(name, char(8234), ''), char(8235), ''), char(8236), ''), char(8237), ''), char(8238), ''), char(8294), ''), char(8295), ''), char(8296), ''), char(8297), '')), '') WHERE name IS NOT NULL;
