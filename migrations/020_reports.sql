-- When a snapshot was made, by which it is known whether a month has changed since its
-- report was compared with the record. The clock's time and not that of the transaction,
-- which begins before it has locked out appends.
ALTER TABLE day_snapshots ADD made timestamptz NOT NULL DEFAULT clock_timestamp();

-- The reports of months that are over. What the first one says stays.
CREATE TABLE reports (
    month    date        PRIMARY KEY,         -- its first day
    made_at  timestamptz NOT NULL,
    version  text        NOT NULL,            -- of the program that made it
    numbers  jsonb       NOT NULL,            -- as they were then
    checked  timestamptz NOT NULL,            -- when they were last read from the record
    latest   jsonb       NOT NULL             -- as they were then
);

-- What became known later: each number that was another one when it was read again.
CREATE TABLE report_errata (
    month    date        NOT NULL,
    nr       integer     NOT NULL,
    made_at  timestamptz NOT NULL,
    version  text        NOT NULL,
    what     text        NOT NULL,            -- which number
    of       text        NOT NULL,            -- of which source, item or holder; empty: of all
    before   text,                            -- null: it had none
    after    text,
    PRIMARY KEY (month, nr)
);
---- create above / drop below ----
DROP TABLE report_errata, reports;
ALTER TABLE day_snapshots DROP made;
