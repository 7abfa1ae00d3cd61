-- Which accounts belong to whom of those who sign in.
CREATE TABLE claims (
    subject text        NOT NULL,
    account text        NOT NULL,           -- ref
    code    text        NOT NULL,           -- that a payment of the account has to have in its message; empty: an operator says so
    asked   timestamptz NOT NULL,
    proven  timestamptz,                    -- null: not yet
    PRIMARY KEY (subject, account)
);

-- When they last looked at their page, and the time before.
CREATE TABLE visits (
    subject text        PRIMARY KEY,
    latest  timestamptz NOT NULL,
    before  timestamptz NOT NULL
);
---- create above / drop below ----
DROP TABLE visits, claims;
