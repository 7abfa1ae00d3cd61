-- The three roles of Exchequer in a database of its own:
--
--   exchequer_owner   owns the tables: migrate, import, archive, verify, repair,
--                     offsetting, keys
--   exchequer_serve   reads them, keeps the day snapshots and who has signed in,
--                     judges offsetting trade, sends alerts, counts how fast pages
--                     are and notes what admins do: serve, export
--   exchequer_ingest  adds to the ledger what other programs send to serve, and what
--                     sources have that are followed
--
-- `exchequer migrate --roles` runs it before it migrates, so that there is an owner,
-- and after it, when there are tables: the first time as a superuser, later as
-- exchequer_owner, which Postgres then warns that it can change nothing of the database
-- and the schema. It may be run at any time:
--
--   psql -v ON_ERROR_STOP=1 -f deploy/postgres/roles.sql DATABASE
--
-- The ledger is in the schema public, or in the first one of search_path:
--
--   PGOPTIONS='-c search_path=town' psql …
--
-- It sets no passwords; `migrate --roles` does, or \password exchequer_owner.

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['exchequer_owner', 'exchequer_serve', 'exchequer_ingest'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', role);
        END IF;
    END LOOP;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO exchequer_owner, exchequer_serve, exchequer_ingest', current_database());
    -- verify makes temporary tables.
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO exchequer_owner', current_database());
END
$$;

DO $$
DECLARE
    schema name := current_schema();
BEGIN
    EXECUTE format('REVOKE ALL ON SCHEMA %I FROM PUBLIC', schema);
    EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %I TO exchequer_owner', schema);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO exchequer_serve, exchequer_ingest', schema);
    -- The tables that are there, and those that a later migration makes.
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO exchequer_serve, exchequer_ingest', schema);
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE exchequer_owner IN SCHEMA %I GRANT SELECT ON TABLES TO exchequer_serve, exchequer_ingest', schema);
    -- What an append writes. It changes rollups and names, and takes nothing away from the
    -- record.
    EXECUTE format('GRANT INSERT, UPDATE ON ALL TABLES IN SCHEMA %I TO exchequer_ingest', schema);
    EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA %I TO exchequer_ingest', schema);
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE exchequer_owner IN SCHEMA %I GRANT USAGE ON SEQUENCES TO exchequer_ingest', schema);
END
$$;
DO $$
DECLARE
    named text;
BEGIN
    FOR named IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() LOOP
        CASE
        -- A month is written by the table that it is a part of.
        WHEN (SELECT relispartition FROM pg_class WHERE oid = quote_ident(named)::regclass) THEN
            EXECUTE format('REVOKE INSERT, UPDATE ON %I FROM exchequer_ingest', named);
        WHEN named IN ('keys', 'sessions', 'claims', 'visits', 'schema_version', 'settings', 'invalidations', 'reports', 'report_errata', 'page_vitals', 'script_errors', 'jobs',
                'holder_balances', 'holder_tallies', 'holder_groups', 'account_totals', 'holder_fold')
            OR named LIKE 'archive%' OR named LIKE 'offsetting%' OR named LIKE 'alert%' OR named LIKE 'own\_%' THEN
            EXECUTE format('REVOKE INSERT, UPDATE ON %I FROM exchequer_ingest', named);
        WHEN named IN ('transactions', 'postings', 'sales', 'refs', 'offer_changes', 'audit') THEN
            EXECUTE format('REVOKE UPDATE ON %I FROM exchequer_ingest', named);
        WHEN named IN ('day_snapshots', 'day_tallies', 'closing_balances', 'events', 'places', 'merges', 'sync_rejects', 'sync_drift') THEN
            EXECUTE format('GRANT DELETE ON %I TO exchequer_ingest', named);
        ELSE
        END CASE;
    END LOOP;
END
$$;

-- All that serve writes.
DO $$
BEGIN
    IF to_regclass('day_snapshots') IS NOT NULL THEN
        GRANT INSERT, DELETE ON day_snapshots TO exchequer_serve;
    END IF;
    IF to_regclass('day_tallies') IS NOT NULL THEN
        GRANT INSERT, DELETE ON day_tallies TO exchequer_serve;
    END IF;
    IF to_regclass('closing_balances') IS NOT NULL THEN
        GRANT INSERT ON closing_balances TO exchequer_serve;
    END IF;
    IF to_regclass('holder_fold') IS NOT NULL THEN
        GRANT INSERT, UPDATE, DELETE ON holder_balances, holder_tallies, account_totals TO exchequer_serve;
        GRANT UPDATE ON holder_fold TO exchequer_serve;
        GRANT DELETE ON regrouped_accounts TO exchequer_serve;
    END IF;
    IF to_regclass('holder_groups') IS NOT NULL THEN
        GRANT INSERT, UPDATE, DELETE ON holder_groups TO exchequer_serve;
    END IF;
    IF to_regclass('reports') IS NOT NULL THEN
        GRANT INSERT, UPDATE ON reports TO exchequer_serve;
        GRANT INSERT ON report_errata TO exchequer_serve;
    END IF;
    IF to_regclass('invalidations') IS NOT NULL THEN
        GRANT INSERT, UPDATE, DELETE ON invalidations TO exchequer_serve;
    END IF;
    IF to_regclass('alerts') IS NOT NULL THEN
        GRANT INSERT, UPDATE, DELETE ON alerts, alert_rules, alert_states, alert_evaluation,
            alert_receivers, alert_deliveries TO exchequer_serve;
    END IF;
    IF to_regclass('page_vitals') IS NOT NULL THEN
        GRANT INSERT, UPDATE, DELETE ON page_vitals, script_errors TO exchequer_serve;
    END IF;
    IF to_regclass('sessions') IS NOT NULL THEN
        GRANT INSERT, UPDATE, DELETE ON sessions TO exchequer_serve;
        REVOKE SELECT ON sessions FROM exchequer_ingest;
    END IF;
    IF to_regclass('claims') IS NOT NULL THEN
        GRANT INSERT, UPDATE, DELETE ON claims, visits TO exchequer_serve;
    END IF;
    IF to_regclass('audit') IS NOT NULL THEN
        -- What was done is noted, and is not changed after.
        GRANT INSERT ON audit TO exchequer_serve;
        GRANT INSERT, UPDATE ON jobs TO exchequer_serve;
    END IF;
    IF to_regclass('own_rules') IS NOT NULL THEN
        GRANT INSERT, UPDATE, DELETE ON own_rules, own_receivers, own_people TO exchequer_serve;
        -- Addresses and secrets of people are for who sends to them.
        REVOKE SELECT ON own_receivers, own_people FROM exchequer_ingest;
    END IF;
    IF to_regclass('keys') IS NOT NULL THEN
        GRANT UPDATE (used) ON keys TO exchequer_serve;
    END IF;
    IF to_regclass('offsetting_state') IS NOT NULL THEN
        GRANT UPDATE ON offsetting_state TO exchequer_serve;
        GRANT INSERT, DELETE ON offsetting_pairs, offsetting_days, offsetting_hours,
            offsetting_prices, offsetting_traders TO exchequer_serve;
    END IF;
    IF to_regproc('add_months') IS NOT NULL THEN
        -- They own no tables, and have months made by functions of the owner.
        GRANT EXECUTE ON FUNCTION bound_months, check_months, divide_months, add_months, analyze_months TO exchequer_serve;
        GRANT EXECUTE ON FUNCTION add_months TO exchequer_ingest;
    END IF;
END
$$;
