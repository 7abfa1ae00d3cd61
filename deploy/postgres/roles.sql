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

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO exchequer_owner;
GRANT USAGE ON SCHEMA public TO exchequer_serve, exchequer_ingest;

-- The tables that are there, and those that a later migration makes.
GRANT SELECT ON ALL TABLES IN SCHEMA public TO exchequer_serve, exchequer_ingest;
ALTER DEFAULT PRIVILEGES FOR ROLE exchequer_owner IN SCHEMA public GRANT SELECT ON TABLES TO exchequer_serve, exchequer_ingest;

-- What an append writes. It changes rollups and names, and takes nothing away from the
-- record.
GRANT INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO exchequer_ingest;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO exchequer_ingest;
ALTER DEFAULT PRIVILEGES FOR ROLE exchequer_owner IN SCHEMA public GRANT USAGE ON SEQUENCES TO exchequer_ingest;
DO $$
DECLARE
    named text;
BEGIN
    FOR named IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        CASE
        WHEN named IN ('keys', 'sessions', 'claims', 'visits', 'schema_version', 'settings', 'invalidations', 'reports', 'report_errata', 'page_vitals', 'script_errors', 'jobs',
                'holder_balances', 'holder_tallies', 'account_totals', 'holder_fold')
            OR named LIKE 'archive%' OR named LIKE 'offsetting%' OR named LIKE 'alert%' OR named LIKE 'own\_%' THEN
            EXECUTE format('REVOKE INSERT, UPDATE ON public.%I FROM exchequer_ingest', named);
        WHEN named IN ('transactions', 'postings', 'sales', 'refs', 'offer_changes', 'audit') THEN
            EXECUTE format('REVOKE UPDATE ON public.%I FROM exchequer_ingest', named);
        WHEN named IN ('day_snapshots', 'closing_balances', 'events', 'places', 'merges', 'sync_rejects', 'sync_drift') THEN
            EXECUTE format('GRANT DELETE ON public.%I TO exchequer_ingest', named);
        ELSE
        END CASE;
    END LOOP;
END
$$;

-- All that serve writes.
DO $$
BEGIN
    IF to_regclass('public.day_snapshots') IS NOT NULL THEN
        GRANT INSERT, DELETE ON public.day_snapshots TO exchequer_serve;
    END IF;
    IF to_regclass('public.closing_balances') IS NOT NULL THEN
        GRANT INSERT ON public.closing_balances TO exchequer_serve;
    END IF;
    IF to_regclass('public.holder_fold') IS NOT NULL THEN
        GRANT INSERT, UPDATE, DELETE ON public.holder_balances, public.holder_tallies, public.account_totals TO exchequer_serve;
        GRANT UPDATE ON public.holder_fold TO exchequer_serve;
        GRANT DELETE ON public.regrouped_accounts TO exchequer_serve;
    END IF;
    IF to_regclass('public.reports') IS NOT NULL THEN
        GRANT INSERT, UPDATE ON public.reports TO exchequer_serve;
        GRANT INSERT ON public.report_errata TO exchequer_serve;
    END IF;
    IF to_regclass('public.invalidations') IS NOT NULL THEN
        GRANT INSERT, UPDATE, DELETE ON public.invalidations TO exchequer_serve;
    END IF;
    IF to_regclass('public.alerts') IS NOT NULL THEN
        GRANT INSERT, UPDATE, DELETE ON public.alerts, public.alert_rules, public.alert_states, public.alert_evaluation,
            public.alert_receivers, public.alert_deliveries TO exchequer_serve;
    END IF;
    IF to_regclass('public.page_vitals') IS NOT NULL THEN
        GRANT INSERT, UPDATE, DELETE ON public.page_vitals, public.script_errors TO exchequer_serve;
    END IF;
    IF to_regclass('public.sessions') IS NOT NULL THEN
        GRANT INSERT, UPDATE, DELETE ON public.sessions TO exchequer_serve;
        REVOKE SELECT ON public.sessions FROM exchequer_ingest;
    END IF;
    IF to_regclass('public.claims') IS NOT NULL THEN
        GRANT INSERT, UPDATE, DELETE ON public.claims, public.visits TO exchequer_serve;
    END IF;
    IF to_regclass('public.audit') IS NOT NULL THEN
        -- What was done is noted, and is not changed after.
        GRANT INSERT ON public.audit TO exchequer_serve;
        GRANT INSERT, UPDATE ON public.jobs TO exchequer_serve;
    END IF;
    IF to_regclass('public.own_rules') IS NOT NULL THEN
        GRANT INSERT, UPDATE, DELETE ON public.own_rules, public.own_receivers, public.own_people TO exchequer_serve;
        -- Addresses and secrets of people are for who sends to them.
        REVOKE SELECT ON public.own_receivers, public.own_people FROM exchequer_ingest;
    END IF;
    IF to_regclass('public.keys') IS NOT NULL THEN
        GRANT UPDATE (used) ON public.keys TO exchequer_serve;
    END IF;
    IF to_regclass('public.offsetting_state') IS NOT NULL THEN
        GRANT UPDATE ON public.offsetting_state TO exchequer_serve;
        GRANT INSERT, DELETE ON public.offsetting_pairs, public.offsetting_days, public.offsetting_hours,
            public.offsetting_prices, public.offsetting_traders TO exchequer_serve;
    END IF;
END
$$;
