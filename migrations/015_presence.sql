-- When an account had its first posting, by which it is known when a holder joined.
ALTER TABLE balances ADD first_at timestamptz;
UPDATE balances SET first_at = (SELECT min(at) FROM postings WHERE postings.account = balances.account);
-- Where the record has no posting of it, the balance is wrong, as a verification says.
UPDATE balances SET first_at = last_at WHERE first_at IS NULL;
-- The default is for programs of the release before, which do not know the column.
ALTER TABLE balances ALTER first_at SET DEFAULT now(), ALTER first_at SET NOT NULL;

-- active: how many holders, of accounts that are not issuers, had a posting on the day;
-- on it or on the day before; and so on to 7 days.
-- cohorts: how many had one in the month of the day, up to that day: of those who
-- joined in it, in the month before, and so on, 24 numbers; then the same by quarter,
-- and by year.
-- A snapshot of the release before has neither, and is made again.
ALTER TABLE day_snapshots
    ADD active integer[] NOT NULL DEFAULT '{}',
    ADD cohorts integer[] NOT NULL DEFAULT '{}';
DROP INDEX day_snapshots_incomplete;
CREATE INDEX day_snapshots_incomplete ON day_snapshots (day) WHERE active = '{}';
---- create above / drop below ----
DROP INDEX day_snapshots_incomplete;
CREATE INDEX day_snapshots_incomplete ON day_snapshots (day) WHERE population_holders = '{}';
ALTER TABLE day_snapshots DROP active, DROP cohorts;
ALTER TABLE balances DROP first_at;
