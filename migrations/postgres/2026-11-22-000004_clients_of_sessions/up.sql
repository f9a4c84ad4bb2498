-- Where a client is told that a session has ended (OpenID Connect Back-Channel Logout 1.0 §2.2).

ALTER TABLE clients ADD COLUMN backchannel_logout_uri text;

-- Pairwise subjects (OpenID Connect Core §8.1): clients of one sector know a person by a name of their own.
ALTER TABLE clients ADD COLUMN sector text;
CREATE TABLE pairwise_subjects (
    person_id uuid NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    sector    text NOT NULL,
    sub       text NOT NULL UNIQUE,
    PRIMARY KEY (person_id, sector)
);
-- The subject as the client knows it; NULL where it is the person's own.
ALTER TABLE grants ADD COLUMN sub text;

-- Whom to tell of the end of a session, and every name of a person.
CREATE INDEX grants_by_session ON grants (session_id);
CREATE INDEX person_names_by_person ON person_names (person_id);
