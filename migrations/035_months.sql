-- How a ledger that has become large is divided by month: postings, account_days and
-- counterparty_days, whose indexes begin with an account, become tables with a part for all
-- that there is (postings_before_2026_12) and one for each later month (postings_2026_12).
-- A ledger that is not large stays as it is. The steps are functions, so that roles which
-- own no tables can take them: see docs/decisions/0041-months.md.

-- The tables, and the column by which each is divided.
CREATE FUNCTION monthly_tables() RETURNS TABLE (of text, along text) LANGUAGE sql IMMUTABLE AS $$
    VALUES ('postings', 'at'), ('account_days', 'day'), ('counterparty_days', 'day')
$$;

-- Whether they are divided.
CREATE FUNCTION is_monthly() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT relkind = 'p' FROM pg_class WHERE oid = 'postings'::regclass
$$;

-- Has autovacuum leave the tables, which it does for one who has waited for a second; readers
-- and writers go on. Then readers are to wait for a moment only.
CREATE FUNCTION interrupt_vacuum() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('lock_timeout', '3s', true);
    LOCK TABLE postings, account_days, counterparty_days IN SHARE UPDATE EXCLUSIVE MODE;
    PERFORM set_config('lock_timeout', '200ms', true);
END
$$;

-- The first step: new rows are before a month. It refuses a month that begins before all
-- that there is has ended, and keeps what an interrupted division has done.
CREATE FUNCTION bound_months(starts date) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    t record;
    old name;
    bound name := 'before_' || to_char(starts, 'YYYY_MM');
BEGIN
    IF is_monthly() THEN
        RAISE EXCEPTION 'the ledger is divided by month already';
    ELSIF EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN
        RAISE EXCEPTION 'a ledger on Citus is not divided by month';
    ELSIF starts <> date_trunc('month', starts::timestamp)::date THEN
        RAISE EXCEPTION '% is not the first day of a month', starts;
    ELSIF starts > date_trunc('month', now() AT TIME ZONE 'UTC') + interval '2 months' THEN
        RAISE EXCEPTION 'a ledger is divided at a month that is near';
    ELSIF starts <= (SELECT max(at AT TIME ZONE 'UTC')::date + 1 FROM transactions) THEN
        RAISE EXCEPTION 'there are transactions later than %, or a day before it', starts;
    END IF;
    PERFORM interrupt_vacuum();
    FOR t IN SELECT * FROM monthly_tables() LOOP
        FOR old IN SELECT conname FROM pg_constraint WHERE conrelid = t.of::regclass AND conname LIKE 'before\_%' AND conname <> bound LOOP
            EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I', t.of, old);
        END LOOP;
        CONTINUE WHEN EXISTS (SELECT FROM pg_constraint WHERE conrelid = t.of::regclass AND conname = bound);
        EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I CHECK (%I < %L) NOT VALID', t.of, bound, t.along, starts || ' 00:00:00+00');
    END LOOP;
END
$$;

-- The second step: so are the old rows. It reads the three tables, and holds up nobody.
CREATE FUNCTION check_months() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    c record;
BEGIN
    FOR c IN
        SELECT conrelid::regclass AS of, conname FROM pg_constraint
        WHERE conrelid IN (SELECT t.of::regclass FROM monthly_tables() t) AND conname LIKE 'before\_%' AND NOT convalidated
    LOOP
        EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', c.of, c.conname);
    END LOOP;
END
$$;

-- The third step: the tables that there are become the first parts. It changes the catalogue
-- only, with a lock that readers wait for.
CREATE FUNCTION divide_months() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    t record;
    c record;
    bound name;
    first name;
    views text[];
BEGIN
    FOR t IN SELECT * FROM monthly_tables() LOOP
        SELECT conname INTO STRICT bound FROM pg_constraint WHERE conrelid = t.of::regclass AND conname LIKE 'before\_%' AND convalidated;
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL) PARTITION BY RANGE (%I)', t.of || '_monthly', t.of, t.along);
        EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I', t.of || '_monthly', bound);
    END LOOP;
    PERFORM interrupt_vacuum();
    LOCK TABLE postings, account_days, counterparty_days IN ACCESS EXCLUSIVE MODE;
    SELECT array_agg(DISTINCT format('CREATE OR REPLACE VIEW %s AS %s', ev_class::regclass, pg_get_viewdef(ev_class))) INTO views
    FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid IN (SELECT m.of::regclass FROM monthly_tables() m) AND ev_class <> d.refobjid;
    FOR t IN SELECT * FROM monthly_tables() LOOP
        first := t.of || '_' || bound;
        -- Its rights are those of the whole. The part by itself is read only.
        FOR c IN
            SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS role, privilege_type AS may
            FROM pg_class, aclexplode(relacl) WHERE oid = t.of::regclass AND grantee <> relowner
        LOOP
            EXECUTE format('GRANT %s ON %I TO %s', c.may, t.of || '_monthly', c.role);
            IF c.may <> 'SELECT' THEN
                EXECUTE format('REVOKE %s ON %I FROM %s', c.may, t.of, c.role);
            END IF;
        END LOOP;
        -- The indexes too.
        FOR c IN
            SELECT part.indexrelid::regclass AS part, whole.indexrelid::regclass AS whole, i.relname AS named
            FROM pg_index part JOIN pg_class i ON i.oid = part.indexrelid
            JOIN pg_index whole ON whole.indrelid = (t.of || '_monthly')::regclass AND whole.indkey::text = part.indkey::text
            WHERE part.indrelid = t.of::regclass
        LOOP
            EXECUTE format('ALTER INDEX %s RENAME TO %I', c.part, replace(c.named, t.of, first));
            EXECUTE format('ALTER INDEX %s RENAME TO %I', c.whole, c.named);
        END LOOP;
        EXECUTE format('ALTER TABLE %I RENAME TO %I', t.of, first);
        EXECUTE format('ALTER TABLE %I RENAME TO %I', t.of || '_monthly', t.of);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (MINVALUE) TO (%L)',
            t.of, first, replace(substr(bound, 8), '_', '-') || '-01 00:00:00+00');
        EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I', first, bound);
    END LOOP;
    FOR i IN 1 .. coalesce(cardinality(views), 0) LOOP
        EXECUTE views[i];
    END LOOP;
END
$$;

-- Makes what is missing of months that begin on these days. It refuses months of the future
-- but the next one. Of a ledger that is not divided it removes the bound of a division that
-- did not come to its end, if these months are behind it.
CREATE FUNCTION add_months(months date[]) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    t record;
    m date;
    part name;
    bound name;
BEGIN
    IF (SELECT max(month) FROM unnest(months) AS month) > date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month' THEN
        RAISE EXCEPTION 'no month later than the next one is made';
    END IF;
    -- One after the other: of two that make the same table one would fail.
    PERFORM pg_advisory_xact_lock(hashtextextended('months of ' || current_schema(), 0));
    IF NOT is_monthly() THEN
        FOR t IN
            SELECT conrelid::regclass AS of, conname FROM pg_constraint
            WHERE conrelid IN (SELECT monthly.of::regclass FROM monthly_tables() AS monthly) AND conname LIKE 'before\_%'
                AND conname <= (SELECT 'before_' || to_char(max(month), 'YYYY_MM') FROM unnest(months) AS month) COLLATE "C"
        LOOP
            PERFORM set_config('lock_timeout', '200ms', true); -- readers wait behind it
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', t.of, t.conname);
        END LOOP;
        RETURN;
    END IF;
    FOR t IN SELECT * FROM monthly_tables() LOOP
        SELECT substr(relname, length(t.of) + 2) INTO bound FROM pg_inherits JOIN pg_class ON oid = inhrelid
        WHERE inhparent = t.of::regclass AND relname LIKE '%\_before\_%';
        FOR m IN SELECT DISTINCT date_trunc('month', month::timestamp)::date AS starts FROM unnest(months) AS month ORDER BY starts LOOP
            part := t.of || to_char(m, '_YYYY_MM');
            CONTINUE WHEN ('before_' || to_char(m, 'YYYY_MM')) COLLATE "C" < bound OR to_regclass(part::text) IS NOT NULL;
            -- Made and then attached: this locks out no reader and no writer.
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', part, t.of);
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                t.of, part, m || ' 00:00:00+00', (m + interval '1 month')::date || ' 00:00:00+00');
        END LOOP;
    END LOOP;
END
$$;

-- Autovacuum looks at each part, and never at the whole, by whose statistics Postgres joins
-- and groups. This computes those of one table of which there is a quarter more than the
-- last time, and returns whether there is one: its lock, which who makes months waits for,
-- ends with the transaction.
CREATE FUNCTION analyze_months() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    t record;
BEGIN
    FOR t IN
        SELECT monthly.of FROM monthly_tables() AS monthly JOIN pg_class whole ON whole.oid = monthly.of::regclass AND whole.relkind = 'p'
        WHERE 1.25 * greatest(whole.reltuples, 0) < (
            SELECT sum(greatest(part.reltuples, 0)) FROM pg_inherits JOIN pg_class part ON part.oid = inhrelid WHERE inhparent = whole.oid)
    LOOP
        EXECUTE format('ANALYZE %I', t.of);
        RETURN true;
    END LOOP;
    RETURN false;
END
$$;

-- No function finds anything in another schema, or in one of who calls it; and only these
-- roles may call them, where there are any.
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOREACH f IN ARRAY ARRAY['monthly_tables()', 'is_monthly()', 'interrupt_vacuum()', 'bound_months(date)', 'check_months()', 'divide_months()', 'add_months(date[])', 'analyze_months()']::regprocedure[] LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', f, current_schema());
    END LOOP;
    REVOKE ALL ON FUNCTION interrupt_vacuum, bound_months, check_months, divide_months, add_months, analyze_months FROM PUBLIC;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'exchequer_serve') THEN
        GRANT EXECUTE ON FUNCTION bound_months, check_months, divide_months, add_months, analyze_months TO exchequer_serve;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'exchequer_ingest') THEN
        GRANT EXECUTE ON FUNCTION add_months TO exchequer_ingest;
    END IF;
END
$$;
---- create above / drop below ----
-- A ledger that is divided becomes whole again, which copies its rows.
DO $$
DECLARE
    t record;
    c record;
    views text[];
BEGIN
    FOR c IN
        SELECT conrelid::regclass AS of, conname FROM pg_constraint
        WHERE conrelid IN (SELECT monthly.of::regclass FROM monthly_tables() AS monthly) AND conname LIKE 'before\_%'
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.of, c.conname);
    END LOOP;
    IF NOT is_monthly() THEN
        RETURN;
    END IF;
    SELECT array_agg(DISTINCT format('CREATE OR REPLACE VIEW %s AS %s', ev_class::regclass, pg_get_viewdef(ev_class))) INTO views
    FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid IN (SELECT m.of::regclass FROM monthly_tables() m) AND ev_class <> d.refobjid;
    FOR t IN SELECT * FROM monthly_tables() LOOP
        EXECUTE format('ALTER TABLE %I RENAME TO %I', t.of, t.of || '_monthly');
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', t.of, t.of || '_monthly');
        EXECUTE format('INSERT INTO %I SELECT * FROM %I', t.of, t.of || '_monthly');
        FOR c IN
            SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS role, privilege_type AS may
            FROM pg_class, aclexplode(relacl) WHERE oid = (t.of || '_monthly')::regclass AND grantee <> relowner
        LOOP
            EXECUTE format('GRANT %s ON %I TO %s', c.may, t.of, c.role);
        END LOOP;
        FOR c IN
            SELECT made.indexrelid::regclass AS made, whole.indexrelid::regclass AS whole, i.relname AS named
            FROM pg_index whole JOIN pg_class i ON i.oid = whole.indexrelid
            JOIN pg_index made ON made.indrelid = t.of::regclass AND whole.indkey::text = made.indkey::text
            WHERE whole.indrelid = (t.of || '_monthly')::regclass
        LOOP
            EXECUTE format('ALTER INDEX %s RENAME TO %I', c.whole, c.named || '_monthly');
            EXECUTE format('ALTER INDEX %s RENAME TO %I', c.made, c.named);
        END LOOP;
    END LOOP;
    FOR i IN 1 .. coalesce(cardinality(views), 0) LOOP
        EXECUTE views[i];
    END LOOP;
    FOR t IN SELECT * FROM monthly_tables() LOOP
        EXECUTE format('DROP TABLE %I', t.of || '_monthly');
    END LOOP;
END
$$;
DROP FUNCTION analyze_months, add_months, divide_months, check_months, bound_months, interrupt_vacuum, is_monthly, monthly_tables;
