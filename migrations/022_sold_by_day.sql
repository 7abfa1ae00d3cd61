-- What was sold of all items is read by day: to find each item by itself takes longer.
CREATE INDEX price_days_day ON price_days (day);
CREATE INDEX trader_days_day ON trader_days (day);
