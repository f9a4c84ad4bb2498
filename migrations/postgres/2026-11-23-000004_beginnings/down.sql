DROP INDEX people_by_email_folded;
DROP INDEX people_by_username_bytes;
