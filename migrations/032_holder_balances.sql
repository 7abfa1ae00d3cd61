-- What holders have, and how many of them have how much: numbers of holders whose cost
-- does not follow how many holders there are (docs/decisions/0036-holders-by-bins.md).
-- All of it is as of a moment, of which holder_fold says which.

-- The bin of a balance: 0 for 0, and -1, -2 … mirror 1, 2 …: a bin for each balance up to
-- 127, and from there on 64 in which balances double. 3712 and -3712 are for what does not
-- fit in 64 bits.
CREATE FUNCTION balance_bin(amount numeric) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT sign(amount)::integer * CASE
        WHEN amount = 0 THEN 0
        WHEN amount NOT BETWEEN -9223372036854775808 AND 9223372036854775807 THEN 3712
        ELSE 64 * width_bucket(least(abs(amount), 9223372036854775807)::bigint::float8, '{
            128,256,512,1024,2048,4096,8192,16384,
            32768,65536,131072,262144,524288,1048576,2097152,4194304,
            8388608,16777216,33554432,67108864,134217728,268435456,536870912,1073741824,
            2147483648,4294967296,8589934592,17179869184,34359738368,68719476736,137438953472,274877906944,
            549755813888,1099511627776,2199023255552,4398046511104,8796093022208,17592186044416,35184372088832,70368744177664,
            140737488355328,281474976710656,562949953421312,1125899906842624,2251799813685248,4503599627370496,9007199254740992,18014398509481984,
            36028797018963968,72057594037927936,144115188075855872,288230376151711744,576460752303423488,1152921504606846976,2305843009213693952,4611686018427387904}'::float8[])
            + (least(abs(amount), 9223372036854775807)::bigint >> width_bucket(least(abs(amount), 9223372036854775807)::bigint::float8, '{
            128,256,512,1024,2048,4096,8192,16384,
            32768,65536,131072,262144,524288,1048576,2097152,4194304,
            8388608,16777216,33554432,67108864,134217728,268435456,536870912,1073741824,
            2147483648,4294967296,8589934592,17179869184,34359738368,68719476736,137438953472,274877906944,
            549755813888,1099511627776,2199023255552,4398046511104,8796093022208,17592186044416,35184372088832,70368744177664,
            140737488355328,281474976710656,562949953421312,1125899906842624,2251799813685248,4503599627370496,9007199254740992,18014398509481984,
            36028797018963968,72057594037927936,144115188075855872,288230376151711744,576460752303423488,1152921504606846976,2305843009213693952,4611686018427387904}'::float8[]))::integer
    END
$$;

-- Holders with an account that was ever used and is no issuer; merged accounts are those
-- of the holder of the other one. Sums, accounts and the largest balance are of those that
-- are not archived, the sums of each population.
CREATE TABLE holder_balances (
    holder            text    PRIMARY KEY,
    personal          numeric NOT NULL,
    private           numeric NOT NULL,
    everyone          numeric NOT NULL,
    personal_accounts integer NOT NULL,
    private_accounts  integer NOT NULL,
    all_accounts      integer NOT NULL,
    largest           bigint,                     -- null: there are none
    present           date    NOT NULL,           -- the latest day with a posting, also by archived accounts
    latest            date                        -- likewise by those that are not; null: there are none
);
CREATE INDEX holder_balances_largest ON holder_balances (largest);

-- How many holders are in a place, and what they have. tally: a population, whose places
-- are bins of balances; or present, latest, whose places are days, counted from 1970.
CREATE TABLE holder_tallies (
    tally   text    NOT NULL,
    place   integer NOT NULL,
    holders bigint  NOT NULL,
    total   numeric NOT NULL,
    PRIMARY KEY (tally, place)
);

-- Accounts by kind, and what they have. used: those with a posting.
CREATE TABLE account_totals (
    kind     text    NOT NULL,
    issuer   boolean NOT NULL,
    archived boolean NOT NULL,
    accounts bigint  NOT NULL,
    used     bigint  NOT NULL,
    postings bigint  NOT NULL,
    balance  numeric NOT NULL,
    PRIMARY KEY (kind, issuer, archived)
);

-- Accounts that were archived, brought back or merged since then, or whose merge was
-- undone. was: whether it was archived then; null: as it is now. Triggers write it, so that
-- a process of the version before, which may go on for a while, does too.
CREATE TABLE regrouped_accounts (
    account bigint PRIMARY KEY,
    was     boolean
);

CREATE FUNCTION regroup_archived() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO regrouped_accounts AS known VALUES (NEW.id, OLD.archived IS NOT NULL)
    ON CONFLICT (account) DO UPDATE SET was = coalesce(known.was, excluded.was);
    RETURN NULL;
END
$$;
CREATE TRIGGER regroup_archived AFTER UPDATE OF archived ON accounts
    FOR EACH ROW WHEN (OLD.archived IS DISTINCT FROM NEW.archived) EXECUTE FUNCTION regroup_archived();

CREATE FUNCTION regroup_merged() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO regrouped_accounts (account)
    SELECT DISTINCT account FROM unnest(ARRAY[OLD.account, OLD.target, NEW.account, NEW.target]) AS account WHERE account IS NOT NULL ORDER BY account
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
CREATE TRIGGER regroup_merged AFTER INSERT OR UPDATE OR DELETE ON merges FOR EACH ROW EXECUTE FUNCTION regroup_merged();

-- The moment: all transactions and accounts with these ids or lower ones are in the three
-- tables, and no others. Null: the tables say nothing.
CREATE TABLE holder_fold (
    single      boolean     PRIMARY KEY DEFAULT true CHECK (single),
    transaction bigint,
    account     bigint,
    at          timestamptz
);
INSERT INTO holder_fold DEFAULT VALUES;

CREATE INDEX accounts_archived ON accounts (archived) WHERE archived IS NOT NULL;
---- create above / drop below ----
DROP INDEX accounts_archived;
DROP TRIGGER regroup_merged ON merges;
DROP TRIGGER regroup_archived ON accounts;
DROP FUNCTION regroup_merged, regroup_archived;
DROP TABLE holder_fold, regrouped_accounts, account_totals, holder_tallies, holder_balances;
DROP FUNCTION balance_bin(numeric);
