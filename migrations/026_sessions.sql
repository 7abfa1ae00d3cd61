-- Who has signed in. Of a token only its hash is kept.
CREATE TABLE sessions (
    token   bytea       PRIMARY KEY CHECK (length(token) = 32),
    data    jsonb       NOT NULL,              -- when it ends for good, of whom it is, what gave the role
    subject text        NOT NULL GENERATED ALWAYS AS (data -> 'values' ->> 'subject') STORED,
    created timestamptz NOT NULL DEFAULT now(),
    expires timestamptz NOT NULL               -- unless it is used
);
CREATE INDEX sessions_subject ON sessions (subject, created);
CREATE INDEX sessions_expires ON sessions (expires);
---- create above / drop below ----
DROP TABLE sessions;
