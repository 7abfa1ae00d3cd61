-- Offsetting trade: sales that undo each other, so that their turnover says little of
-- what is traded. docs/numbers.md has the rule. All tables but offsetting_cleared
-- follow from the sales and are kept by a pass in the background; none is written by
-- an append.

-- One row (id = 1): up to which sale the days are judged, and with what beside the
-- sales (the rule, the time zone, merges). With another basis all days are judged
-- anew.
CREATE TABLE offsetting_state (
    id    smallint PRIMARY KEY CHECK (id = 1),
    sale  bigint   NOT NULL,
    basis text     NOT NULL
);
INSERT INTO offsetting_state VALUES (1, 0, '');

-- The marks: all sales of an item from one account to another on a day. rule: why.
CREATE TABLE offsetting_pairs (
    item     bigint  NOT NULL,
    day      date    NOT NULL,
    seller   bigint  NOT NULL,
    buyer    bigint  NOT NULL,
    rule     text    NOT NULL CHECK (rule IN ('own', 'pair', 'cycle')),
    sales    bigint  NOT NULL,
    quantity numeric NOT NULL,
    volume   numeric NOT NULL,
    PRIMARY KEY (item, day, seller, buyer)
);

-- What the marked sales are in the rollups of sales: their part of item_days,
-- item_hours, price_days and trader_days. Extreme and last prices cannot be
-- subtracted, so those of the other sales are here (null: there are none), as long
-- as there are so many sales in all.
CREATE TABLE offsetting_days (
    item      bigint  NOT NULL,
    day       date    NOT NULL,
    sales     bigint  NOT NULL,
    quantity  numeric NOT NULL,
    volume    numeric NOT NULL,
    all_sales bigint  NOT NULL,
    high      double precision,
    low       double precision,
    PRIMARY KEY (item, day)
);
CREATE INDEX offsetting_days_day ON offsetting_days (day);

CREATE TABLE offsetting_hours (
    item      bigint      NOT NULL,
    hour      timestamptz NOT NULL,
    day       date        NOT NULL,
    sales     bigint      NOT NULL,
    quantity  numeric     NOT NULL,
    volume    numeric     NOT NULL,
    all_sales bigint      NOT NULL,
    open      double precision,
    high      double precision,
    low       double precision,
    close     double precision,
    close_at  timestamptz,
    PRIMARY KEY (item, hour)
);

CREATE TABLE offsetting_prices (
    item     bigint  NOT NULL,
    day      date    NOT NULL,
    price    bigint  NOT NULL,
    pieces   bigint  NOT NULL,
    sales    bigint  NOT NULL,
    quantity numeric NOT NULL,
    volume   numeric NOT NULL,
    PRIMARY KEY (item, day, price, pieces)
);

CREATE TABLE offsetting_traders (
    item     bigint  NOT NULL,
    day      date    NOT NULL,
    account  bigint  NOT NULL,
    side     text    NOT NULL CHECK (side IN ('seller', 'buyer')),
    sales    bigint  NOT NULL,
    quantity numeric NOT NULL,
    volume   numeric NOT NULL,
    PRIMARY KEY (item, day, account, side)
);

-- Two accounts whose trade in an item an operator does not want marked, in the order
-- of their ids. Both are the same where the trade is one account's with itself.
CREATE TABLE offsetting_cleared (
    item bigint NOT NULL,
    low  bigint NOT NULL,
    high bigint NOT NULL,
    PRIMARY KEY (item, low, high)
);

-- The rollups of sales without the marked ones, with the same columns. A row stays
-- where nothing is left, except of prices and traders.
CREATE VIEW item_days_without AS
SELECT d.item, d.day, d.sales - coalesce(o.sales, 0) AS sales, CASE WHEN o.item IS NULL THEN d.quantity ELSE d.quantity - o.quantity END AS quantity,
    CASE WHEN o.item IS NULL THEN d.volume ELSE d.volume - o.volume END AS volume, d.other_lines, d.other_quantity, d.other_volume,
    CASE WHEN o.all_sales = d.sales THEN o.high ELSE d.high END AS high,
    CASE WHEN o.all_sales = d.sales THEN o.low ELSE d.low END AS low
FROM item_days d LEFT JOIN offsetting_days o ON o.item = d.item AND o.day = d.day;

CREATE VIEW item_hours_without AS
SELECT h.item, h.hour, h.sales - coalesce(o.sales, 0) AS sales, CASE WHEN o.item IS NULL THEN h.quantity ELSE h.quantity - o.quantity END AS quantity,
    CASE WHEN o.item IS NULL THEN h.volume ELSE h.volume - o.volume END AS volume, h.other_lines, h.other_quantity, h.other_volume,
    CASE WHEN o.all_sales = h.sales THEN o.open ELSE h.open END AS open,
    CASE WHEN o.all_sales = h.sales THEN o.high ELSE h.high END AS high,
    CASE WHEN o.all_sales = h.sales THEN o.low ELSE h.low END AS low,
    CASE WHEN o.all_sales = h.sales THEN o.close ELSE h.close END AS close,
    CASE WHEN o.all_sales = h.sales THEN o.close_at ELSE h.close_at END AS close_at
FROM item_hours h LEFT JOIN offsetting_hours o ON o.item = h.item AND o.hour = h.hour;

CREATE VIEW price_days_without AS
SELECT p.item, p.day, p.price, p.pieces, p.sales - coalesce(o.sales, 0) AS sales,
    CASE WHEN o.item IS NULL THEN p.quantity ELSE p.quantity - o.quantity END AS quantity, CASE WHEN o.item IS NULL THEN p.volume ELSE p.volume - o.volume END AS volume
FROM price_days p LEFT JOIN offsetting_prices o ON o.item = p.item AND o.day = p.day AND o.price = p.price AND o.pieces = p.pieces
WHERE o.item IS NULL OR p.sales > o.sales;

CREATE VIEW trader_days_without AS
SELECT t.item, t.day, t.account, t.side, t.sales - coalesce(o.sales, 0) AS sales,
    CASE WHEN o.item IS NULL THEN t.quantity ELSE t.quantity - o.quantity END AS quantity, CASE WHEN o.item IS NULL THEN t.volume ELSE t.volume - o.volume END AS volume
FROM trader_days t LEFT JOIN offsetting_traders o ON o.item = t.item AND o.day = t.day AND o.account = t.account AND o.side = t.side
WHERE o.item IS NULL OR t.sales > o.sales;
---- create above / drop below ----
DROP VIEW trader_days_without, price_days_without, item_hours_without, item_days_without;
DROP TABLE offsetting_cleared, offsetting_traders, offsetting_prices, offsetting_hours, offsetting_days, offsetting_pairs, offsetting_state;
