-- Who of the holders moved, who was active lately, and who joined when, in the numbers of a
-- large ledger (docs/decisions/0036-holders-by-bins.md).

-- Null where a process of the version before has added up.
ALTER TABLE holder_balances
    ADD COLUMN personal_latest date,    -- the latest day with a posting, by accounts that are not archived
    ADD COLUMN private_latest  date,
    ADD COLUMN personal_moved  boolean, -- whether these accounts have more than one posting together
    ADD COLUMN private_moved   boolean,
    ADD COLUMN all_moved       boolean,
    ADD COLUMN joined          date;    -- the first day with a posting, also by archived accounts

-- How many holders of a group are in a bin of balances, and what they have. Groups are
--   moved POPULATION   with more than one posting; period is 0
--   active POPULATION  by the day of the latest posting, counted from 1970: the last 100
--                      days, holder_fold says from which one
--   joined             by the month of the first posting, counted from the year 0
--   left               likewise, of those who have no account any more; place and total are 0
--   indebted KIND      not holders, but accounts with a balance below zero that are not archived,
--                      without issuers; period, place and total are 0
-- Holders with personal accounts alone are part of each population, and in "single" instead.
CREATE TABLE holder_groups (
    tally   text    NOT NULL,
    period  integer NOT NULL,
    place   integer NOT NULL,
    holders bigint  NOT NULL,
    total   numeric NOT NULL,
    PRIMARY KEY (tally, period, place)
);

-- The moment of the groups is that of the other tables where whole_at is at. A process of the
-- version before leaves out the groups, and sets at alone. So that it waits while others add up
-- all, these set both some minutes ahead.
ALTER TABLE holder_fold
    ADD COLUMN whole_at    timestamptz,
    ADD COLUMN active_from integer; -- the first day of the active ones
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'exchequer_serve') THEN
        GRANT INSERT, UPDATE, DELETE ON holder_groups TO exchequer_serve;
    END IF;
END
$$;
---- create above / drop below ----
UPDATE holder_fold SET transaction = NULL, account = NULL, at = NULL;
ALTER TABLE holder_fold DROP COLUMN active_from, DROP COLUMN whole_at;
DROP TABLE holder_groups;
ALTER TABLE holder_balances
    DROP COLUMN joined, DROP COLUMN all_moved, DROP COLUMN private_moved, DROP COLUMN personal_moved,
    DROP COLUMN private_latest, DROP COLUMN personal_latest;
