-- Accounts that are few among many: the issuers, and those that are nobody's own.
CREATE INDEX accounts_few ON accounts (issuer, kind) WHERE issuer OR kind <> 'personal';
---- create above / drop below ----
DROP INDEX accounts_few;
