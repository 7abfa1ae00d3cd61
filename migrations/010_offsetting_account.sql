-- The page of an account says how much of its trade is marked.
CREATE INDEX offsetting_traders_account ON offsetting_traders (account, day);
---- create above / drop below ----
DROP INDEX offsetting_traders_account;
