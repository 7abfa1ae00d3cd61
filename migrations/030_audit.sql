-- What admins and operators did, and what became of it. Rows are added, and never changed
-- or deleted by the program. What has an end of its own has two: one when it begins, and one
-- with its result, which names the first (opening).
CREATE TABLE audit (
    id      bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    opening bigint,                            -- null: a row by itself, or the first of two
    subject text        NOT NULL,              -- who, for good
    name    text        NOT NULL,              -- who, to be shown
    role    text        NOT NULL,
    address text        NOT NULL,              -- from where
    action  text        NOT NULL,
    target  text        NOT NULL,
    detail  text        NOT NULL,
    result  text        NOT NULL CHECK (result IN ('begun', 'done', 'failed', 'refused'))
);
CREATE INDEX audit_opening ON audit (opening) WHERE opening IS NOT NULL;
CREATE INDEX audit_subject ON audit (subject, id) WHERE opening IS NULL;
CREATE INDEX audit_action ON audit (action, id) WHERE opening IS NULL;

-- The last run of each job. Who runs one holds an advisory lock.
CREATE TABLE jobs (
    name    text        PRIMARY KEY,
    audit   bigint      NOT NULL,              -- the row of its start
    process text        NOT NULL,
    began   timestamptz NOT NULL,
    beat    timestamptz NOT NULL,              -- when its process last wrote
    step    text        NOT NULL DEFAULT '',
    done    bigint      NOT NULL DEFAULT 0,
    total   bigint      NOT NULL DEFAULT 0,    -- 0: not known
    ended   timestamptz,
    failed  boolean     NOT NULL DEFAULT false,
    outcome text        NOT NULL DEFAULT ''
);

-- Of what people wrote about accounts, for lists of it.
CREATE INDEX accounts_labelled ON accounts (ref) WHERE label <> '';
CREATE INDEX holders_hidden ON holders (ref) WHERE hidden;
CREATE INDEX account_names_until ON account_names (until);
---- create above / drop below ----
DROP INDEX accounts_labelled, holders_hidden, account_names_until;
DROP TABLE jobs, audit;
