-- Whether an account issues money is apart from its kind: the supply is what all
-- accounts hold that do not issue. Until now, system accounts were the issuers.
ALTER TABLE accounts ADD COLUMN issuer boolean;
UPDATE accounts SET issuer = kind = 'system';
ALTER TABLE accounts ALTER COLUMN issuer SET NOT NULL;

ALTER TABLE flow_hours ADD COLUMN from_issuer boolean, ADD COLUMN to_issuer boolean;
UPDATE flow_hours SET from_issuer = from_kind = 'system', to_issuer = to_kind = 'system';
ALTER TABLE flow_hours
    DROP CONSTRAINT flow_hours_pkey,
    ADD PRIMARY KEY (hour, from_kind, from_issuer, to_kind, to_issuer, source);
---- create above / drop below ----
ALTER TABLE flow_hours
    DROP CONSTRAINT flow_hours_pkey,
    DROP COLUMN from_issuer,
    DROP COLUMN to_issuer,
    ADD PRIMARY KEY (hour, from_kind, to_kind, source);
ALTER TABLE accounts DROP COLUMN issuer;
