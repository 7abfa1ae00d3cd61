-- Named places, by which people find their way: a town, a station. Shops have
-- their own coordinates.
CREATE TABLE places (
    world text   NOT NULL,
    name  text   NOT NULL,
    x     bigint NOT NULL,
    z     bigint NOT NULL,
    kind  text   NOT NULL,
    PRIMARY KEY (world, name)
);
CREATE INDEX places_name ON places (lower(name));

-- Where to buy and where to sell: the offers of an item, cheapest and dearest
-- first. A change of the stock alone touches neither index.
CREATE INDEX offers_asks ON offers (item, (ask::float8 / batch), id) WHERE active AND ask IS NOT NULL AND priced_in IS NULL;
CREATE INDEX offers_bids ON offers (item, (bid::float8 / batch), id) WHERE active AND bid IS NOT NULL AND priced_in IS NULL;

CREATE INDEX shops_owner ON shops (owner);
CREATE INDEX shops_at ON shops (world, x, z) WHERE active;
CREATE INDEX items_lower_name ON items (lower(name) text_pattern_ops);

-- The sales of a shop, newest first.
CREATE INDEX sales_shop ON sales (shop, at, id) WHERE shop IS NOT NULL;
---- create above / drop below ----
DROP INDEX sales_shop, items_lower_name, shops_at, shops_owner, offers_bids, offers_asks;
DROP TABLE places;
