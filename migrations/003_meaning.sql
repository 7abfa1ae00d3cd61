-- The time zone of the community, by its IANA name. Its days are those of
-- account_days and day_snapshots.
ALTER TABLE settings ADD COLUMN timezone text NOT NULL DEFAULT 'UTC';

-- Whether an account issues money is apart from its kind: the supply is what all
-- accounts hold that do not issue. Until now, system accounts were the issuers.
ALTER TABLE accounts ADD COLUMN issuer boolean;
UPDATE accounts SET issuer = kind = 'system';
ALTER TABLE accounts ALTER COLUMN issuer SET NOT NULL;

ALTER TABLE flow_hours ADD COLUMN from_issuer boolean, ADD COLUMN to_issuer boolean;
UPDATE flow_hours SET from_issuer = from_kind = 'system', to_issuer = to_kind = 'system';
ALTER TABLE flow_hours
    DROP CONSTRAINT flow_hours_pkey,
    ADD PRIMARY KEY (hour, from_kind, from_issuer, to_kind, to_issuer, source);

-- Sums over many amounts may pass what 64 bits hold; what one account holds may not.
ALTER TABLE activity_hours ALTER volume TYPE numeric, ALTER transfers TYPE numeric;
ALTER TABLE flow_hours ALTER volume TYPE numeric;
ALTER TABLE account_days ALTER received TYPE numeric, ALTER sent TYPE numeric;
ALTER TABLE item_hours ALTER quantity TYPE numeric, ALTER volume TYPE numeric,
    ALTER other_quantity TYPE numeric, ALTER other_volume TYPE numeric;
ALTER TABLE day_snapshots ALTER supply TYPE numeric;

ALTER TABLE settings DROP CONSTRAINT settings_decimals_check, ADD CHECK (decimals BETWEEN 0 AND 9);

-- A statement names a few of a transaction's other accounts, the first ones.
DROP INDEX postings_transaction;
CREATE INDEX postings_transaction ON postings (transaction, seq);

-- A repair reads the sales in the order in which they were written.
CREATE INDEX sales_id ON sales (id);

-- The repair that is under way, if any: what it changes and which tables it makes,
-- and up to which transaction and sale they are made.
CREATE TABLE repairs (
    id          smallint    PRIMARY KEY CHECK (id = 1),
    what        text        NOT NULL,
    transaction bigint      NOT NULL,
    sale        bigint      NOT NULL,
    began       timestamptz NOT NULL
);

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
    stock    numeric          NOT NULL,
    PRIMARY KEY (item, hour)
);

-- Who sold and who bought an item on a day. Only sales with a price count, as in
-- item_hours, and only sides that are known.
CREATE TABLE trader_days (
    item     bigint NOT NULL,
    day      date   NOT NULL,
    account  bigint NOT NULL,
    side     text   NOT NULL CHECK (side IN ('seller', 'buyer')),
    sales    bigint NOT NULL,
    quantity numeric NOT NULL,
    volume   numeric NOT NULL,
    PRIMARY KEY (item, day, account, side)
);

-- What an item was sold for on a day: price minor units for pieces, in lowest
-- terms. There are no more rows than sales.
CREATE TABLE price_days (
    item     bigint NOT NULL,
    day      date   NOT NULL,
    price    bigint NOT NULL,
    pieces   bigint NOT NULL,
    sales    bigint NOT NULL,
    quantity numeric NOT NULL,
    volume   numeric NOT NULL,
    PRIMARY KEY (item, day, price, pieces)
);

-- What an account received from another one and sent to it on a day, net by
-- account in each transaction. Where several paid and several received, each
-- paid each in proportion, rounded down; what that leaves, in the order of the
-- accounts. With more than 1,000 pairs of them, the other account is 0.
CREATE TABLE counterparty_days (
    account      bigint NOT NULL,
    day          date   NOT NULL,
    other        bigint NOT NULL,
    received     numeric NOT NULL,
    sent         numeric NOT NULL,
    transactions bigint NOT NULL,
    PRIMARY KEY (account, day, other)
);

-- What is known of those who own accounts. accounts.holder is the ref; a holder
-- without a row is known by its ref alone. Those of hidden holders count in every
-- sum, and are named nowhere.
CREATE TABLE holders (
    ref    text    PRIMARY KEY,
    name   text    NOT NULL,
    kind   text    NOT NULL,
    link   text    NOT NULL,
    label  text    NOT NULL,
    hidden boolean NOT NULL
);

ALTER TABLE accounts ADD label text NOT NULL DEFAULT '';

-- Names that accounts had, each until the last time.
CREATE TABLE account_names (
    account bigint      NOT NULL,
    name    text        NOT NULL,
    until   timestamptz NOT NULL,
    PRIMARY KEY (account, name)
);
CREATE INDEX account_names_name ON account_names (lower(name));
CREATE INDEX accounts_name ON accounts (lower(name));
CREATE INDEX accounts_ref ON accounts (lower(ref));

-- An account that is shown as a part of another one. A target is not merged.
CREATE TABLE merges (
    account bigint PRIMARY KEY,
    target  bigint NOT NULL
);
CREATE INDEX merges_target ON merges (target);

-- Accounts with the holder as whom they count: that of the account into which
-- they are merged, if they are.
CREATE VIEW account_holders AS
SELECT a.id, a.kind, a.issuer, coalesce(m.holder, a.holder) AS holder, a.archived
FROM accounts a LEFT JOIN (
    SELECT account, holder FROM merges JOIN accounts ON id = target) m ON m.account = a.id;

-- What people remember when they look at a chart. scope: all, item:REF,
-- source:NAME or kind:KIND.
CREATE TABLE events (
    ref   text        PRIMARY KEY,
    at    timestamptz NOT NULL,
    until timestamptz,
    title text        NOT NULL,
    text  text        NOT NULL,
    link  text        NOT NULL,
    scope text        NOT NULL
);
CREATE INDEX events_scope ON events (scope, at);

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
    count(*) FILTER (WHERE asks), count(*) FILTER (WHERE bids), coalesce(sum(stock) FILTER (WHERE asks), 0)
FROM (SELECT DISTINCT item, date_trunc('hour', seen, 'UTC') AS hour FROM offers) h
JOIN (
    SELECT *, (active AND ask IS NOT NULL AND coalesce(stock >= batch, true)) AS asks,
        (active AND bid IS NOT NULL AND coalesce(capacity - stock >= batch, true)) AS bids
    FROM offers) o ON o.item = h.item AND o.seen < h.hour + interval '1 hour'
GROUP BY h.item, h.hour;

ALTER TABLE shops
    ADD world text NOT NULL DEFAULT '', ADD x bigint, ADD y bigint, ADD z bigint,
    DROP item, DROP buy_price, DROP sell_price, DROP batch, DROP stock, DROP capacity;

INSERT INTO trader_days
SELECT item, (at AT TIME ZONE 'UTC')::date AS day, account, side, count(*), sum(quantity), sum(total)
FROM sales CROSS JOIN LATERAL (VALUES (seller, 'seller'), (buyer, 'buyer')) AS trader (account, side)
WHERE quantity > 0 AND total > 0 AND account IS NOT NULL
GROUP BY item, day, account, side;

INSERT INTO price_days
SELECT item, (at AT TIME ZONE 'UTC')::date AS day, total / gcd(total, quantity) AS price, quantity / gcd(total, quantity) AS pieces,
    count(*), sum(quantity), sum(total)
FROM sales WHERE quantity > 0 AND total > 0
GROUP BY item, day, price, pieces;

INSERT INTO counterparty_days
WITH nets AS (
    SELECT transaction, (at AT TIME ZONE 'UTC')::date AS day, account, sum(amount) AS net
    FROM postings GROUP BY transaction, day, account HAVING sum(amount) <> 0),
sizes AS (
    SELECT transaction, count(*) FILTER (WHERE net < 0) AS payers, count(*) FILTER (WHERE net > 0) AS receivers,
        sum(net) FILTER (WHERE net > 0) AS total
    FROM nets GROUP BY transaction),
several AS (SELECT transaction FROM sizes WHERE least(payers, receivers) > 1 AND payers * receivers > 1000),
pairs AS (
    SELECT transaction, p.day, p.account AS payer, r.account AS receiver, -p.net AS paid, r.net AS received,
        div(-p.net * r.net, total) AS part
    FROM nets p JOIN nets r USING (transaction) JOIN sizes USING (transaction)
    WHERE p.net < 0 AND r.net > 0 AND NOT (least(payers, receivers) > 1 AND payers * receivers > 1000)),
payer_rests AS (
    SELECT transaction, payer, rest, sum(rest) OVER (PARTITION BY transaction ORDER BY payer) AS upto
    FROM (SELECT transaction, payer, paid - sum(part) AS rest FROM pairs GROUP BY transaction, payer, paid) AS rests),
receiver_rests AS (
    SELECT transaction, receiver, rest, sum(rest) OVER (PARTITION BY transaction ORDER BY receiver) AS upto
    FROM (SELECT transaction, receiver, received - sum(part) AS rest FROM pairs GROUP BY transaction, receiver, received) AS rests),
amounts AS (
    SELECT day, payer, receiver,
        part + greatest(0, least(p.upto, r.upto) - greatest(p.upto - p.rest, r.upto - r.rest)) AS amount
    FROM pairs JOIN payer_rests p USING (transaction, payer) JOIN receiver_rests r USING (transaction, receiver)),
sides AS (
    SELECT payer AS account, day, receiver AS other, 0 AS received, amount AS sent FROM amounts WHERE amount > 0
    UNION ALL
    SELECT receiver, day, payer, amount, 0 FROM amounts WHERE amount > 0
    UNION ALL
    SELECT account, day, 0, greatest(net, 0), greatest(-net, 0) FROM nets JOIN several USING (transaction))
SELECT account, day, other, sum(received), sum(sent), count(*)
FROM sides GROUP BY account, day, other;
---- create above / drop below ----
-- Each shop keeps the first of its offers.
ALTER TABLE shops
    ADD item bigint, ADD buy_price bigint, ADD sell_price bigint, ADD batch bigint CHECK (batch > 0), ADD stock bigint,
    ADD capacity bigint, DROP world, DROP x, DROP y, DROP z;
UPDATE shops s SET (item, buy_price, sell_price, batch, stock, capacity) =
    (SELECT item, ask, bid, batch, stock, capacity FROM offers WHERE shop = s.id AND priced_in IS NULL ORDER BY id LIMIT 1);
DROP VIEW account_holders;
DROP INDEX accounts_name, accounts_ref;
ALTER TABLE accounts DROP label;
DROP TABLE events, merges, account_names, holders, counterparty_days, price_days, trader_days, item_offer_hours, offer_changes, offers;
DROP SEQUENCE offer_ids;

ALTER TABLE settings DROP CONSTRAINT settings_decimals_check, ADD CHECK (decimals BETWEEN 0 AND 6);
ALTER TABLE day_snapshots ALTER supply TYPE bigint;
ALTER TABLE item_hours ALTER quantity TYPE bigint, ALTER volume TYPE bigint,
    ALTER other_quantity TYPE bigint, ALTER other_volume TYPE bigint;
ALTER TABLE account_days ALTER received TYPE bigint, ALTER sent TYPE bigint;
ALTER TABLE flow_hours ALTER volume TYPE bigint;
ALTER TABLE activity_hours ALTER volume TYPE bigint, ALTER transfers TYPE bigint;
DROP TABLE repairs;
DROP INDEX sales_id;
DROP INDEX postings_transaction;
CREATE INDEX postings_transaction ON postings (transaction);
ALTER TABLE flow_hours
    DROP CONSTRAINT flow_hours_pkey,
    DROP COLUMN from_issuer,
    DROP COLUMN to_issuer,
    ADD PRIMARY KEY (hour, from_kind, to_kind, source);
ALTER TABLE accounts DROP COLUMN issuer;

ALTER TABLE settings DROP COLUMN timezone;
