-- How many holders had how much at the end of days that are over, of a ledger with too many
-- to read the balance of each (docs/decisions/0042-days-of-large-ledgers.md). They are made
-- with the day snapshots, and an append into the past deletes them likewise.

-- tally: single, of holders with personal accounts alone, who are part of each population;
-- personal, private and all, of the others; kinds, of used accounts by the number of their
-- kind; and archived, of those of them that were archived by then. places: bins of balances,
-- as those of holder_tallies, or numbers of kinds. claim is of one who is making days up to
-- this one.
CREATE TABLE day_tallies (
    day     date        NOT NULL,
    tally   text        NOT NULL,
    claim   text        NOT NULL DEFAULT '',
    places  integer[]   NOT NULL,
    holders bigint[]    NOT NULL,
    totals  numeric[]   NOT NULL,
    made    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (day, tally, claim)
);
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'exchequer_serve') THEN
        GRANT INSERT, DELETE ON day_tallies TO exchequer_serve;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'exchequer_ingest') THEN
        GRANT DELETE ON day_tallies TO exchequer_ingest;
    END IF;
END
$$;
---- create above / drop below ----
DROP TABLE day_tallies;
