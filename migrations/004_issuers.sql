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

-- Sums over many amounts may pass what 64 bits hold; what one account holds may not.
ALTER TABLE activity_hours ALTER volume TYPE numeric, ALTER transfers TYPE numeric;
ALTER TABLE flow_hours ALTER volume TYPE numeric;
ALTER TABLE account_days ALTER received TYPE numeric, ALTER sent TYPE numeric;
ALTER TABLE item_hours ALTER quantity TYPE numeric, ALTER volume TYPE numeric,
    ALTER other_quantity TYPE numeric, ALTER other_volume TYPE numeric;
ALTER TABLE day_snapshots ALTER supply TYPE numeric;

ALTER TABLE settings DROP CONSTRAINT settings_decimals_check, ADD CHECK (decimals BETWEEN 0 AND 9);

-- A repair reads the sales in the order in which they were written.
CREATE INDEX sales_id ON sales (id);

-- The repair that is under way, if any: what it changes and which tables it makes,
-- and up to which transaction and sale they are made.
CREATE TABLE repairs (
    id          smallint    PRIMARY KEY CHECK (id = 1),
    what        text        NOT NULL,
    transaction bigint      NOT NULL,
    sale        bigint      NOT NULL,
    began       timestamptz NOT NULL
);
---- create above / drop below ----
ALTER TABLE settings DROP CONSTRAINT settings_decimals_check, ADD CHECK (decimals BETWEEN 0 AND 6);
ALTER TABLE day_snapshots ALTER supply TYPE bigint;
ALTER TABLE item_hours ALTER quantity TYPE bigint, ALTER volume TYPE bigint,
    ALTER other_quantity TYPE bigint, ALTER other_volume TYPE bigint;
ALTER TABLE account_days ALTER received TYPE bigint, ALTER sent TYPE bigint;
ALTER TABLE flow_hours ALTER volume TYPE bigint;
ALTER TABLE activity_hours ALTER volume TYPE bigint, ALTER transfers TYPE bigint;
DROP TABLE repairs;
DROP INDEX sales_id;
ALTER TABLE flow_hours
    DROP CONSTRAINT flow_hours_pkey,
    DROP COLUMN from_issuer,
    DROP COLUMN to_issuer,
    ADD PRIMARY KEY (hour, from_kind, to_kind, source);
ALTER TABLE accounts DROP COLUMN issuer;
