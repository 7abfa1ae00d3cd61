-- What two accounts paid each other on a day is one row, not one for each of them,
-- which halves what an append writes for them. low is the account with the smaller
-- id; 0, which is below all ids, stands for several accounts.
ALTER TABLE counterparty_days RENAME TO counterparty_days_old;
ALTER INDEX counterparty_days_pkey RENAME TO counterparty_days_old_pkey;
CREATE TABLE counterparty_days (
    low          bigint  NOT NULL,
    high         bigint  NOT NULL,
    transactions bigint  NOT NULL,
    day          date    NOT NULL,
    up           numeric NOT NULL,            -- what low paid high
    down         numeric NOT NULL,            -- what high paid low
    PRIMARY KEY (low, day, high)
);
INSERT INTO counterparty_days (low, day, high, up, down, transactions)
SELECT other, day, account, received, sent, transactions FROM counterparty_days_old WHERE other < account
ORDER BY other, day, account;
DROP TABLE counterparty_days_old;
CREATE INDEX counterparty_days_high ON counterparty_days (high, day);

-- The same from the side of each account: what it received from the other one and
-- sent to it.
CREATE VIEW counterparties AS
SELECT low AS account, day, high AS other, down AS received, up AS sent, transactions FROM counterparty_days WHERE low <> 0
UNION ALL
SELECT high, day, low, up, down, transactions FROM counterparty_days;
---- create above / drop below ----
CREATE TABLE counterparty_days_old (
    account      bigint NOT NULL,
    day          date   NOT NULL,
    other        bigint NOT NULL,
    received     numeric NOT NULL,
    sent         numeric NOT NULL,
    transactions bigint NOT NULL
);
INSERT INTO counterparty_days_old SELECT account, day, other, received, sent, transactions FROM counterparties;
DROP VIEW counterparties;
DROP TABLE counterparty_days;
ALTER TABLE counterparty_days_old RENAME TO counterparty_days;
ALTER TABLE counterparty_days ADD PRIMARY KEY (account, day, other);
