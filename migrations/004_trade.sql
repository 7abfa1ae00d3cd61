-- A shop is a place with any number of offers, and each change of an offer is
-- kept. A shop of earlier versions becomes one with one offer.
CREATE SEQUENCE offer_ids;

-- The latest state of each offer. An offer never changes its shop, ref or item.
-- shop and offers are reference tables.
CREATE TABLE offers (
    id        bigint      PRIMARY KEY,
    shop      bigint      NOT NULL,
    ref       text        NOT NULL,
    item      bigint      NOT NULL,
    ask       bigint,                         -- what a customer pays for a batch
    bid       bigint,                         -- what a customer gets for a batch
    priced_in bigint,                         -- item; null: ask and bid are money
    batch     bigint      NOT NULL CHECK (batch > 0),
    stock     bigint,
    capacity  bigint,
    active    boolean     NOT NULL,
    seen      timestamptz NOT NULL,
    UNIQUE (shop, ref, item)
);
CREATE INDEX offers_item ON offers (item);

-- What an offer became at a time. Append only.
CREATE TABLE offer_changes (
    item      bigint      NOT NULL,
    offer     bigint      NOT NULL,
    at        timestamptz NOT NULL,
    ask       bigint,
    bid       bigint,
    priced_in bigint,
    batch     bigint      NOT NULL,
    stock     bigint,
    capacity  bigint,
    active    boolean     NOT NULL,
    PRIMARY KEY (item, offer, at)
);

-- What stood at the end of an hour, of hours in which an offer of the item
-- changed: until the next row, it went on to stand. Only offers that are active
-- and priced in money count. An ask stands while the stock is unknown or has a
-- batch, a bid while the room left is unknown or takes a batch. Prices are minor
-- units for one piece; stock is the sum of the known stocks of the asks.
CREATE TABLE item_offer_hours (
    item     bigint           NOT NULL,
    hour     timestamptz      NOT NULL,
    best_ask double precision,                -- lowest; null: no ask stands
    best_bid double precision,                -- highest
    asks     bigint           NOT NULL,
    bids     bigint           NOT NULL,
    stock    bigint           NOT NULL,
    PRIMARY KEY (item, hour)
);

-- A negative number means nothing for an offer, and was not refused earlier.
INSERT INTO offers
SELECT nextval('offer_ids'), s.id, i.ref, s.item,
    CASE WHEN buy_price >= 0 THEN buy_price END, CASE WHEN sell_price >= 0 THEN sell_price END, NULL, batch,
    CASE WHEN stock >= 0 THEN stock END, CASE WHEN capacity >= 0 THEN capacity END, active, seen
FROM shops s JOIN items i ON i.id = s.item
ORDER BY s.id;

INSERT INTO offer_changes
SELECT item, id, seen, ask, bid, priced_in, batch, stock, capacity, active FROM offers;

INSERT INTO item_offer_hours
SELECT h.item, h.hour, min(ask::float8 / batch) FILTER (WHERE asks), max(bid::float8 / batch) FILTER (WHERE bids),
    count(*) FILTER (WHERE asks), count(*) FILTER (WHERE bids), coalesce(sum(stock) FILTER (WHERE asks), 0)::bigint
FROM (SELECT DISTINCT item, date_trunc('hour', seen, 'UTC') AS hour FROM offers) h
JOIN (
    SELECT *, (active AND ask IS NOT NULL AND coalesce(stock >= batch, true)) AS asks,
        (active AND bid IS NOT NULL AND coalesce(capacity - stock >= batch, true)) AS bids
    FROM offers) o ON o.item = h.item AND o.seen < h.hour + interval '1 hour'
GROUP BY h.item, h.hour;

ALTER TABLE shops
    ADD world text NOT NULL DEFAULT '', ADD x bigint, ADD y bigint, ADD z bigint,
    DROP item, DROP buy_price, DROP sell_price, DROP batch, DROP stock, DROP capacity;
---- create above / drop below ----
-- Each shop keeps the first of its offers.
ALTER TABLE shops
    ADD item bigint, ADD buy_price bigint, ADD sell_price bigint, ADD batch bigint CHECK (batch > 0), ADD stock bigint,
    ADD capacity bigint, DROP world, DROP x, DROP y, DROP z;
UPDATE shops s SET (item, buy_price, sell_price, batch, stock, capacity) =
    (SELECT item, ask, bid, batch, stock, capacity FROM offers WHERE shop = s.id AND priced_in IS NULL ORDER BY id LIMIT 1);
DROP TABLE item_offer_hours, offer_changes, offers;
DROP SEQUENCE offer_ids;
