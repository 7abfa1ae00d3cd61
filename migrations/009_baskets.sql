-- What an account bought on a day, for items that are bought together.
CREATE INDEX trader_days_buyer ON trader_days (account, day, item) WHERE side = 'buyer';
---- create above / drop below ----
DROP INDEX trader_days_buyer;
