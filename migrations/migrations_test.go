package migrations_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/tern/v2/migrate"

	"exchequer/internal/testkit"
	"exchequer/ledger"
	"exchequer/migrations"
)

// to migrates the database up or down to a version.
func to(t *testing.T, db *pgxpool.Pool, version int32) {
	t.Helper()
	err := db.AcquireFunc(t.Context(), func(conn *pgxpool.Conn) error {
		m, err := migrate.NewMigrator(t.Context(), conn.Conn(), "schema_version")
		if err != nil {
			return err
		}
		if err := m.LoadMigrations(migrations.FS); err != nil {
			return err
		}
		return m.MigrateTo(context.WithoutCancel(t.Context()), version)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A ledger of the release before keeps its numbers: its system accounts are the
// issuers, and what Verify adds up from the record is what was kept.
func TestAnOldLedgerIsConverted(t *testing.T) {
	db := testkit.Postgres(t)
	var newest int32
	if err := db.QueryRow(t.Context(), `SELECT version FROM schema_version`).Scan(&newest); err != nil {
		t.Fatal(err)
	}
	to(t, db, 2)
	const old = `
		INSERT INTO accounts (id, ref, kind, name, holder, opened) VALUES
			(1, 'mint', 'system', 'mint', 'mint', '2026-01-01'), (2, 'ann', 'personal', 'ann', 'ann', '2026-01-01');
		INSERT INTO transactions VALUES (1, '2026-01-02 10:30Z', 'grant', '', 'test', 'a'), (2, '2026-01-02 10:40Z', 'fee', '', 'test', 'b');
		INSERT INTO refs VALUES ('a', 'test', 't', 1), ('b', 'test', 't', 2);
		INSERT INTO postings VALUES (1, '2026-01-02 10:30Z', 1, 0, -50), (2, '2026-01-02 10:30Z', 1, 1, 50),
			(2, '2026-01-02 10:40Z', 2, 0, -20), (1, '2026-01-02 10:40Z', 2, 1, 20);
		INSERT INTO balances VALUES (1, -30, '2026-01-02 10:40Z', 2), (2, 30, '2026-01-02 10:40Z', 2);
		INSERT INTO account_days VALUES (1, '2026-01-02', 20, 50, 2), (2, '2026-01-02', 50, 20, 2);
		INSERT INTO activity_hours VALUES ('2026-01-02 10:00Z', 2, 4, 70, 0);
		INSERT INTO flow_hours VALUES ('2026-01-02 10:00Z', 'system', 'personal', 'grant', 1, 50),
			('2026-01-02 10:00Z', 'personal', 'system', 'fee', 1, 20);
		INSERT INTO day_snapshots VALUES ('2026-01-02', 30, 1)`
	if _, err := db.Exec(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	to(t, db, newest)
	var issuers string
	if err := db.QueryRow(t.Context(), `SELECT string_agg(ref, ' ') FROM accounts WHERE issuer`).Scan(&issuers); err != nil || issuers != "mint" {
		t.Errorf("issuers are %q, %v, want mint", issuers, err)
	}
	report, err := ledger.New(db).Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range report.Differences {
		t.Error(d)
	}
}

// A role that may not create the extension migrates all the same, and the indexes are
// made when somebody has created it.
func TestTheSearchGoesWithoutAnExtension(t *testing.T) {
	db := testkit.Postgres(t)
	var newest int32
	if err := db.QueryRow(t.Context(), `SELECT version FROM schema_version`).Scan(&newest); err != nil {
		t.Fatal(err)
	}
	to(t, db, 13)
	const refuse = `
		DROP EXTENSION pg_trgm;
		CREATE ROLE plain_migrator;
		GRANT ALL ON SCHEMA public TO plain_migrator;
		DO $$ DECLARE r record; BEGIN
			FOR r IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' LOOP
				EXECUTE format('ALTER TABLE %I OWNER TO plain_migrator', r.relname);
			END LOOP;
		END $$;`
	if _, err := db.Exec(t.Context(), refuse); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := db.Exec(context.WithoutCancel(t.Context()), `RESET ROLE; DROP OWNED BY plain_migrator CASCADE; DROP ROLE plain_migrator`); err != nil {
			t.Error(err)
		}
	})
	exec := func(sql string) {
		t.Helper()
		if _, err := db.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	err := db.AcquireFunc(t.Context(), func(conn *pgxpool.Conn) error {
		if _, err := conn.Exec(t.Context(), `SET ROLE plain_migrator`); err != nil {
			return err
		}
		m, err := migrate.NewMigrator(t.Context(), conn.Conn(), "schema_version")
		if err == nil {
			err = m.LoadMigrations(migrations.FS)
		}
		if err == nil {
			err = m.MigrateTo(t.Context(), newest)
		}
		_, _ = conn.Exec(t.Context(), `RESET ROLE`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	there := func() (is bool) {
		t.Helper()
		if err := db.QueryRow(t.Context(), `SELECT to_regclass('accounts_trigrams') IS NOT NULL`).Scan(&is); err != nil {
			t.Fatal(err)
		}
		return is
	}
	if there() {
		t.Error("the role may create the extension")
	}
	exec(`CREATE EXTENSION pg_trgm`)
	exec(`SELECT search_by_trigrams()`)
	if !there() {
		t.Error("the indexes are not made after the extension was created")
	}
}

// A ledger that is divided by month becomes whole again with all of its rows and rights,
// and may be divided anew.
func TestMonthsAreUndone(t *testing.T) {
	testkit.NotOnCitus(t, "a ledger there is not divided")
	db := testkit.Postgres(t)
	var newest int32
	if err := db.QueryRow(t.Context(), `SELECT version FROM schema_version`).Scan(&newest); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(t.Context(), `CREATE ROLE month_reader; GRANT SELECT, INSERT ON postings TO month_reader`); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := db.Exec(context.WithoutCancel(t.Context()), `DROP OWNED BY month_reader; DROP ROLE month_reader`); err != nil {
			t.Error(err)
		}
	})
	l := ledger.New(db)
	pay := func(ref string, at time.Time) {
		t.Helper()
		_, err := l.Append(t.Context(), ledger.Batch{
			Accounts:     []ledger.Account{{Ref: "mint", Kind: ledger.System}, {Ref: "ann", Kind: ledger.Personal}},
			Transactions: []ledger.Transaction{{Origin: "t", Ref: ref, At: at, Source: "grant", Postings: []ledger.Posting{{Account: "mint", Amount: -5}, {Account: "ann", Amount: 5}}}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	const schema = `
		SELECT string_agg(concat_ws(' ', relname, relkind, pg_get_indexdef(oid), (SELECT string_agg(concat(a, ' ', t), ',' ORDER BY a) FROM (
			SELECT attname AS a, atttypid::regtype AS t FROM pg_attribute WHERE attrelid = oid AND attnum > 0) AS columns), (relacl::text ~ 'month_reader=ar')), E'\n' ORDER BY relname)
		FROM pg_class WHERE relname ~ '^(postings|account_days|counterpart)'`
	read := func(query string) (text string) {
		t.Helper()
		if err := db.QueryRow(t.Context(), query).Scan(&text); err != nil {
			t.Fatal(err)
		}
		return text
	}
	was := read(schema)
	for n, at := range []time.Time{time.Date(2021, 5, 20, 0, 0, 0, 0, time.UTC), time.Date(2022, 5, 20, 0, 0, 0, 0, time.UTC)} {
		pay("first", at)
		if done, err := ledger.DivideByMonth(t.Context(), db, 1, true); err != nil || done.Starts.IsZero() {
			t.Fatalf("divide: %+v, %v", done, err)
		}
		pay("second", at.AddDate(0, 4, 0))
		if may := read(`SELECT has_table_privilege('month_reader', 'postings', 'INSERT')::text`); may != "true" {
			t.Error("who might insert may not any more")
		}
		to(t, db, 34)
		if now := read(schema); now != was {
			t.Errorf("after %d times, the tables are\n%s\nand were\n%s", n+1, now, was)
		}
		to(t, db, newest)
		report, err := l.Verify(t.Context())
		if err != nil || !report.OK() {
			t.Errorf("verify: %+v, %v", report.Differences, err)
		}
		if rows := read(`SELECT count(*)::text FROM postings`); rows != "4" {
			t.Errorf("there are %s postings, want 4", rows)
		}
	}
}
