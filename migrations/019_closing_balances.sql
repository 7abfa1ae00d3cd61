-- What each account had at the end of some days: so many rows of account_days lie
-- between two of them that what it had at the end of any other day costs about one
-- row an account. A row that is there is right: an append into the past deletes it,
-- as it does a snapshot, and the writer of snapshots makes it again. What is missing
-- costs time only.
CREATE TABLE closing_balances (
    day       date      PRIMARY KEY,
    accounts  bigint[]  NOT NULL,             -- those with a posting by then; the other lists are in their order
    balances  bigint[]  NOT NULL,
    postings  bigint[]  NOT NULL,             -- how many
    last_days integer[] NOT NULL              -- the latest day with a posting, counted from 1970
);
---- create above / drop below ----
DROP TABLE closing_balances;
