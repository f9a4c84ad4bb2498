-- People are looked for by how their username or address begins.

CREATE INDEX people_by_username_bytes ON people (username COLLATE "C");
CREATE INDEX people_by_email_folded ON people ((lower(email) COLLATE "C"));
