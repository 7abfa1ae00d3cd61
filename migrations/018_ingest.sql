-- The keys of programs that use the API. Of a key, only its hash is kept.
CREATE TABLE keys (
    id      text        PRIMARY KEY,
    hash    bytea       NOT NULL CHECK (length(hash) = 32),
    name    text        NOT NULL,
    scopes  text[]      NOT NULL,
    created timestamptz NOT NULL DEFAULT now(),
    expires timestamptz,
    revoked timestamptz,
    used    timestamptz                       -- to the hour
);

-- The latest balance of an account that was observed from outside.
CREATE TABLE observed_balances (
    account bigint      PRIMARY KEY,
    at      timestamptz NOT NULL,
    balance bigint      NOT NULL
);
---- create above / drop below ----
DROP TABLE observed_balances;
DROP TABLE keys;
