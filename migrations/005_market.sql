-- item_hours by day of the community, for numbers that need no hours.
CREATE TABLE item_days (
    item           bigint  NOT NULL,
    day            date    NOT NULL,
    sales          bigint  NOT NULL,
    quantity       numeric NOT NULL,
    volume         numeric NOT NULL,
    other_lines    bigint  NOT NULL,
    other_quantity numeric NOT NULL,
    other_volume   numeric NOT NULL,
    high           double precision,          -- null while there is no sale
    low            double precision,
    PRIMARY KEY (item, day)
);
CREATE INDEX item_days_day ON item_days (day);

-- The group that an item belongs to, such as Food; empty: none is known.
ALTER TABLE items ADD grouping text NOT NULL DEFAULT '';

-- The time zones that a ledger may have are whole hours from UTC, so an hour is part
-- of one day.
INSERT INTO item_days
SELECT item, (hour AT TIME ZONE coalesce((SELECT timezone FROM settings), 'UTC'))::date AS day,
    sum(sales), sum(quantity), sum(volume), sum(other_lines), sum(other_quantity), sum(other_volume), max(high), min(low)
FROM item_hours GROUP BY item, day;
---- create above / drop below ----
ALTER TABLE items DROP grouping;
DROP TABLE item_days;
