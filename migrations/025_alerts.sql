-- Rules that are watched, as they were defined when they were last evaluated. No owner:
-- those of the operators' file.
CREATE TABLE alert_rules (
    owner      text        NOT NULL,
    name       text        NOT NULL,
    definition jsonb       NOT NULL,
    since_id   bigint      NOT NULL,           -- transactions, or sales, up to it are no news
    evaluated  timestamptz NOT NULL,
    fired      timestamptz,                    -- the last alert
    problem    text        NOT NULL DEFAULT '', -- why it could not be evaluated
    PRIMARY KEY (owner, name)
);

-- What is known of each thing that a rule is about, so that an alert is sent once.
CREATE TABLE alert_states (
    owner           text        NOT NULL,
    rule            text        NOT NULL,
    subject         text        NOT NULL,
    state           text        NOT NULL,
    since           timestamptz NOT NULL,
    candidate       text        NOT NULL DEFAULT '', -- a state that has not lasted yet
    candidate_since timestamptz,
    as_of           timestamptz NOT NULL,       -- of the value that was read last
    PRIMARY KEY (owner, rule, subject)
);

-- One row (id = 1): the window that was evaluated last, and how far the record has been
-- read. What is not above the settled ids was committed, and read, before.
CREATE TABLE alert_evaluation (
    id                   smallint    PRIMARY KEY CHECK (id = 1),
    evaluated            timestamptz NOT NULL,
    swept                timestamptz NOT NULL,  -- when what is old was last deleted
    marked               timestamptz NOT NULL,  -- when the high ids were read
    transactions_settled bigint      NOT NULL,
    transactions_high    bigint      NOT NULL,
    sales_settled        bigint      NOT NULL,
    sales_high           bigint      NOT NULL
);

-- Where alerts are sent to: how that goes. Addresses and secrets are not kept.
CREATE TABLE alert_receivers (
    owner         text        NOT NULL,
    name          text        NOT NULL,
    kind          text        NOT NULL,
    target        bytea       NOT NULL,         -- a hash of its address, by which a change is known
    retry_at      timestamptz NOT NULL,         -- nothing is sent before; a process that sends sets it as its lease
    failures      int         NOT NULL DEFAULT 0, -- in a row
    failing_since timestamptz,
    off           timestamptz,                  -- after repeated failures
    problem       text        NOT NULL DEFAULT '',
    PRIMARY KEY (owner, name)
);

CREATE TABLE alerts (
    id       text        PRIMARY KEY,
    owner    text        NOT NULL,
    rule     text        NOT NULL,
    kind     text        NOT NULL,
    subject  text        NOT NULL,
    at       timestamptz NOT NULL,
    title    text        NOT NULL,
    text     text        NOT NULL,
    path     text        NOT NULL,              -- of a page of this site
    public   boolean     NOT NULL,
    shows    smallint    NOT NULL,              -- how much of the ledger it tells
    accounts text[]      NOT NULL,              -- refs of those that it names
    covers   bigint[]    NOT NULL               -- ids of the transactions or sales that it is about
);
CREATE INDEX alerts_at ON alerts (at);
CREATE INDEX alerts_rule ON alerts (owner, rule, at);
CREATE INDEX alerts_public ON alerts (at, id) WHERE public;

CREATE TABLE alert_deliveries (
    alert    text        NOT NULL,
    owner    text        NOT NULL,
    receiver text        NOT NULL,
    status   text        NOT NULL CHECK (status IN ('pending', 'sent', 'failed', 'dropped')),
    created  timestamptz NOT NULL,
    tried    timestamptz,
    attempts int         NOT NULL DEFAULT 0,
    outcome  text        NOT NULL DEFAULT '',   -- of the last attempt
    PRIMARY KEY (alert, owner, receiver)
);
CREATE INDEX alert_deliveries_pending ON alert_deliveries (owner, receiver, attempts, created) WHERE status = 'pending';
CREATE INDEX alert_deliveries_sent ON alert_deliveries (owner, receiver, tried) WHERE status = 'sent';
CREATE INDEX alert_deliveries_created ON alert_deliveries (created);
---- create above / drop below ----
DROP TABLE alert_deliveries, alerts, alert_receivers, alert_evaluation, alert_states, alert_rules;
