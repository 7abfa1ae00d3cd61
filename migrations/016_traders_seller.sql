-- What a holder sold on a day.
CREATE INDEX trader_days_seller ON trader_days (account, day, item) WHERE side = 'seller';
---- create above / drop below ----
DROP INDEX trader_days_seller;
