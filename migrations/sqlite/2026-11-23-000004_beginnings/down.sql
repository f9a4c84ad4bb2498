DROP INDEX people_by_email_folded;
