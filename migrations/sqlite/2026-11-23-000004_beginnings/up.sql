-- People are looked for by how their username or address begins.

CREATE INDEX people_by_email_folded ON people (lower(email));
