DROP INDEX codes_by_grant;
