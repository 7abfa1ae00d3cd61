-- What is known of the databases that are followed.
CREATE TABLE sync_sources (
    name          text        PRIMARY KEY,
    reached       timestamptz,                 -- when it last answered
    complete      timestamptz,                 -- all that it had then is here
    compared      timestamptz,                 -- when balances were last compared
    accounts      bigint      NOT NULL DEFAULT 0, -- that were compared
    drifting      bigint      NOT NULL DEFAULT 0, -- of them, those that differ
    failing_since timestamptz,
    failures      int         NOT NULL DEFAULT 0, -- in a row
    problem       text        NOT NULL DEFAULT '' -- for operators
);

-- How far each of its queries has been read.
CREATE TABLE sync_streams (
    source   text   NOT NULL,
    stream   text   NOT NULL,
    high     bigint NOT NULL DEFAULT 0,        -- the highest id that was read
    settled  bigint NOT NULL DEFAULT 0,        -- up to which nothing is committed late
    rows     bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,        -- rows that were left out, however often
    PRIMARY KEY (source, stream)
);

-- Rows that were left out the last time they were read.
CREATE TABLE sync_rejects (
    source text        NOT NULL,
    stream text        NOT NULL,
    number bigint      NOT NULL,
    place  int         NOT NULL,               -- among the rows of a number
    at     timestamptz NOT NULL DEFAULT now(),
    reason text        NOT NULL,
    fields jsonb       NOT NULL,
    PRIMARY KEY (source, stream, number, place)
);

-- Accounts whose balance here is not that of the source.
CREATE TABLE sync_drift (
    source  text        NOT NULL,
    account text        NOT NULL,              -- ref
    ours    numeric     NOT NULL,
    theirs  numeric     NOT NULL,
    since   timestamptz NOT NULL,
    PRIMARY KEY (source, account)
);
---- create above / drop below ----
DROP TABLE sync_drift;
DROP TABLE sync_rejects;
DROP TABLE sync_streams;
DROP TABLE sync_sources;
