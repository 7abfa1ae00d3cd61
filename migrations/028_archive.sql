-- Months whose transactions, postings and sales are in files and no longer here. What
-- follows from them stays: rollups, snapshots, reports, balances, and refs, by which a
-- transaction that is sent again is known.

-- One row (id = 1): where the record begins. Nothing is written any more that is before
-- closed; all that was before begins has been removed, and begins_day is its day.
-- Both are the beginnings of days of the community.
CREATE TABLE archive (
    id         smallint    PRIMARY KEY CHECK (id = 1),
    closed     timestamptz NOT NULL,
    begins     timestamptz NOT NULL,
    begins_day date        NOT NULL
);
INSERT INTO archive VALUES (1, '-infinity', '-infinity', '-infinity');

-- The archived months, and what has been removed of each.
CREATE TABLE archive_months (
    month         date        PRIMARY KEY,        -- its first day
    starts        timestamptz NOT NULL,
    ends          timestamptz NOT NULL,
    manifest      jsonb       NOT NULL,           -- of its files
    archived      timestamptz NOT NULL DEFAULT now(),
    transactions  bigint      NOT NULL DEFAULT 0, -- removed
    postings      bigint      NOT NULL DEFAULT 0,
    sales         bigint      NOT NULL DEFAULT 0,
    refs_checksum numeric     NOT NULL DEFAULT 0  -- of the refs of what was removed
);

-- What each rollup has of an archived month, by which a row that changes is noticed.
CREATE TABLE archive_checksums (
    month      date    NOT NULL,
    rollup     text    NOT NULL,
    columns    text[]  NOT NULL,                  -- of which the checksum is
    rows       bigint  NOT NULL,
    checksum   numeric NOT NULL,
    PRIMARY KEY (month, rollup)
);

-- What the removed postings of an account add up to, by month: a balance is the sum of
-- these and of the postings that are here.
CREATE TABLE archive_balances (
    account  bigint      NOT NULL,
    month    date        NOT NULL,
    balance  numeric     NOT NULL,
    last_at  timestamptz NOT NULL,
    postings bigint      NOT NULL,
    first_at timestamptz NOT NULL,
    PRIMARY KEY (account, month)
);
---- create above / drop below ----
DROP TABLE archive_balances, archive_checksums, archive_months, archive;
