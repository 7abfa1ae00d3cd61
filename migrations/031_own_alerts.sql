-- Rules of people who have signed in. How they stand is in alert_rules and alert_states,
-- with their owner.
CREATE TABLE own_rules (
    owner      text        NOT NULL,        -- subject
    name       text        NOT NULL,
    definition jsonb       NOT NULL,
    made       timestamptz NOT NULL,
    PRIMARY KEY (owner, name)
);

-- Where their alerts are sent to. To be sent with, the address and the secret have to be
-- kept.
CREATE TABLE own_receivers (
    owner  text        NOT NULL,
    name   text        NOT NULL,
    kind   text        NOT NULL,
    url    text        NOT NULL,
    secret text        NOT NULL,            -- that signs a webhook; else empty
    made   timestamptz NOT NULL,
    PRIMARY KEY (owner, name)
);

-- Whose rules these are: what they may see, and their feed.
CREATE TABLE own_people (
    owner     text        PRIMARY KEY,
    sees      smallint    NOT NULL,         -- how much of the ledger, when they were last seen
    seen      timestamptz NOT NULL,
    feed      bytea,                        -- SHA-256 of the token in its address; null: there is none
    feed_made timestamptz
);
CREATE INDEX own_people_feed ON own_people (feed);

-- Alerts since the last one that was sent, which were too many for a day.
ALTER TABLE alert_rules ADD COLUMN unsent int NOT NULL DEFAULT 0;
---- create above / drop below ----
ALTER TABLE alert_rules DROP COLUMN unsent;
DROP TABLE own_people, own_receivers, own_rules;
