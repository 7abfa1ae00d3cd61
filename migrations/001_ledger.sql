-- The record: accounts, transactions, postings, sales, and the rollups that are
-- kept in the same database transaction as what they sum.
-- There are no foreign keys.

CREATE SEQUENCE account_ids;
CREATE SEQUENCE item_ids;
CREATE SEQUENCE shop_ids;
CREATE SEQUENCE transaction_ids;
CREATE SEQUENCE sale_ids;

-- One row (id = 1): what the ledger is called and how its money is written.
CREATE TABLE settings (
    id       smallint PRIMARY KEY CHECK (id = 1),
    name     text     NOT NULL,
    symbol   text     NOT NULL,
    decimals smallint NOT NULL CHECK (decimals BETWEEN 0 AND 6)
);

CREATE TABLE accounts (
    id       bigint      PRIMARY KEY,
    ref      text        NOT NULL UNIQUE,
    kind     text        NOT NULL CHECK (kind IN ('personal', 'business', 'government', 'system')),
    name     text        NOT NULL,
    holder   text        NOT NULL,
    opened   timestamptz NOT NULL,
    archived timestamptz
);
CREATE INDEX accounts_holder ON accounts (holder);

CREATE TABLE items (
    id   bigint PRIMARY KEY,
    ref  text   NOT NULL UNIQUE,
    name text   NOT NULL
);

CREATE TABLE shops (
    id         bigint      PRIMARY KEY,
    ref        text        NOT NULL UNIQUE,
    place      text        NOT NULL,
    owner      bigint      NOT NULL,          -- account
    item       bigint      NOT NULL,
    buy_price  bigint,                        -- what a customer pays for a batch
    sell_price bigint,                        -- what a customer gets for a batch
    batch      bigint      NOT NULL CHECK (batch > 0),
    stock      bigint,
    capacity   bigint,
    active     boolean     NOT NULL,
    seen       timestamptz NOT NULL
);

CREATE TABLE transactions (
    id      bigint      PRIMARY KEY,
    at      timestamptz NOT NULL,
    source  text        NOT NULL,
    message text        NOT NULL,
    origin  text        NOT NULL,
    ref     text        NOT NULL
);

-- Which refs are already written, of transactions (what = 't') and of sales
-- (what = 's'): writing the same ref twice changes nothing.
CREATE TABLE refs (
    ref    text   NOT NULL COLLATE "C",
    origin text   NOT NULL COLLATE "C",
    what   "char" NOT NULL,
    id     bigint NOT NULL,
    PRIMARY KEY (ref, origin, what)
);

CREATE TABLE postings (
    account     bigint      NOT NULL,
    at          timestamptz NOT NULL,
    transaction bigint      NOT NULL,
    seq         integer     NOT NULL,
    amount      bigint      NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (account, at, transaction, seq)
);
CREATE INDEX postings_transaction ON postings (transaction);

-- direction: 'sale' where the seller keeps the shop, 'purchase' where the
-- buyer does. A return or a correction has a negative quantity or total.
CREATE TABLE sales (
    item        bigint      NOT NULL,
    at          timestamptz NOT NULL,
    id          bigint      NOT NULL,
    shop        bigint,
    seller      bigint,
    buyer       bigint,
    direction   text        NOT NULL CHECK (direction IN ('sale', 'purchase')),
    quantity    bigint      NOT NULL,
    total       bigint      NOT NULL,
    tax         bigint      NOT NULL,
    transaction bigint,
    origin      text        NOT NULL,
    ref         text        NOT NULL,
    PRIMARY KEY (item, at, id)
);

CREATE TABLE balances (
    account  bigint      PRIMARY KEY,
    balance  bigint      NOT NULL,
    last_at  timestamptz NOT NULL,            -- latest posting
    postings bigint      NOT NULL
);

-- volume: value moved, the sum of what each account gained on balance in each
-- transaction. transfers: the part that moved between different holders, no
-- system account on either side.
CREATE TABLE activity_hours (
    hour         timestamptz PRIMARY KEY,
    transactions bigint NOT NULL,
    postings     bigint NOT NULL,
    volume       bigint NOT NULL,
    transfers    bigint NOT NULL
);

-- A transaction's value by who paid and who received, net by account, shared
-- out exactly when several kinds pay and several receive.
CREATE TABLE flow_hours (
    hour         timestamptz NOT NULL,
    from_kind    text        NOT NULL,
    to_kind      text        NOT NULL,
    source       text        NOT NULL,
    transactions bigint      NOT NULL,
    volume       bigint      NOT NULL,
    PRIMARY KEY (hour, from_kind, to_kind, source)
);

CREATE TABLE account_days (
    account  bigint NOT NULL,
    day      date   NOT NULL,
    received bigint NOT NULL,
    sent     bigint NOT NULL,                 -- positive
    postings bigint NOT NULL,
    PRIMARY KEY (account, day)
);
CREATE INDEX account_days_day ON account_days (day);

-- Lines with quantity > 0 and total > 0 are sales and make the prices; all
-- others (returns, gifts, corrections) are counted apart. Prices are minor
-- units for one piece.
CREATE TABLE item_hours (
    item             bigint           NOT NULL,
    hour             timestamptz      NOT NULL,
    sales            bigint           NOT NULL,
    quantity         bigint           NOT NULL,
    volume           bigint           NOT NULL,
    other_lines      bigint           NOT NULL,
    other_quantity   bigint           NOT NULL,
    other_volume     bigint           NOT NULL,
    open             double precision,        -- null while there is no sale
    high             double precision,
    low              double precision,
    close            double precision,
    open_at          timestamptz,
    open_sale        bigint,
    close_at         timestamptz,
    close_sale       bigint,
    PRIMARY KEY (item, hour)
);
CREATE INDEX item_hours_hour ON item_hours (hour);

-- The state of the economy at the end of a past UTC day. A row that is there
-- is right: appending a posting of a past day deletes, in the same database
-- transaction, the snapshots of that day and all later ones, which are then
-- made again.
CREATE TABLE day_snapshots (
    day      date    PRIMARY KEY,
    supply   bigint  NOT NULL,
    holders  bigint  NOT NULL,                -- personal holders, zero balances left out
    gini     double precision,                -- null: not available
    top1     double precision,
    top10    double precision,
    palma    double precision
);
---- create above / drop below ----
DROP TABLE day_snapshots, item_hours, account_days, flow_hours, activity_hours, balances, sales,
    postings, refs, transactions, shops, items, accounts, settings;
DROP SEQUENCE account_ids, item_ids, shop_ids, transaction_ids, sale_ids;
