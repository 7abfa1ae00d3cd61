package main

import (
	"encoding/base64"
	"net/http"
	neturl "net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/client"
	"exchequer/internal/postgres"
	"exchequer/internal/testkit"
	"exchequer/internal/town"
	"exchequer/ledger"
)

// as is the address of a database for another role.
func as(role, url string) string { return strings.Replace(url, "//postgres@", "//"+role+"@", 1) }

func pool(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	db, err := postgres.Open(t.Context(), url, postgres.Options{MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// statements runs what psql -f would.
func statements(t *testing.T, db *pgxpool.Pool, text string) {
	t.Helper()
	conn, err := db.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if err := conn.Conn().PgConn().Exec(t.Context(), text).Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOneRoleMigratesAndWritesAndAnotherServes(t *testing.T) {
	url := testkit.PostgresURL(t)
	superuser, roles := pool(t, url), readFile(t, "deploy/postgres/roles.sql")
	statements(t, superuser, "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO PUBLIC")

	statements(t, superuser, roles)
	t.Setenv("DATABASE_URL", as("exchequer_serve", url))
	if code, _, said := exchequer(t, "migrate"); code != 1 || !strings.Contains(said, "permission denied for schema public") {
		t.Errorf("migrate by the one that serves = %d, %q", code, said)
	}
	t.Setenv("DATABASE_URL", as("exchequer_owner", url))
	if code, _, said := exchequer(t, "migrate"); code != 0 {
		t.Fatalf("migrate by the owner: %s", said)
	}
	statements(t, superuser, roles)
	owner, record := pool(t, as("exchequer_owner", url)), town.New(town.Config{Seed: 5, Players: 40, Days: 6, End: time.Now()})
	written := ledger.New(owner)
	if err := written.SetSettings(t.Context(), record.Settings()); err != nil {
		t.Fatal(err)
	}
	if err := record.History(t.Context(), func(b ledger.Batch) error {
		_, err := written.Append(t.Context(), b)
		return err
	}); err != nil {
		t.Fatal(err)
	}

	code, key, said := exchequer(t, "keys", "create", "--name", "server", "--scopes", "accounts,transactions,sales,offers,events,balances")
	if code != 0 {
		t.Fatalf("keys create by the owner: %s", said)
	}
	t.Setenv("DATABASE_URL", as("exchequer_serve", url))
	if code, _, said := exchequer(t, "keys", "create", "--name", "intruder", "--scopes", "read"); code != 1 || !strings.Contains(said, "permission denied for ") {
		t.Errorf("keys create by the one that serves = %d, %q", code, said)
	}
	t.Setenv("EXCHEQUER_INGEST_DATABASE_URL", as("exchequer_ingest", url))
	t.Setenv("EXCHEQUER_OPERATOR_TOKEN", strings.Repeat("t", 16))
	t.Setenv("EXCHEQUER_LINGER", "0s")
	t.Setenv("EXCHEQUER_EXACT_HOLDERS", "0")
	t.Setenv("EXCHEQUER_MONTHLY_FROM", "1")
	s := start(t, "serve")
	if code, out, said := exchequer(t, "warm", "--server", s.url); code != 0 || !strings.Contains(out+said, "up to date after") {
		t.Errorf("warm = %d, %s%s", code, out, said)
	}
	for _, path := range []string{"/", "/readyz", "/economy/richest.csv", "/api/v1/stats"} {
		if status, body := get(t, s.url+path); status != http.StatusOK {
			t.Errorf("%s = %d, %s", path, status, body)
		}
	}
	until(t, "the day snapshots are made", func() bool { return strings.Contains(s.said.String(), "day snapshots made") })
	until(t, "the ledger is divided by month", func() bool { return strings.Contains(s.said.String(), "the ledger is divided by month") })
	until(t, "what holders have is added up", func() bool {
		var done bool
		err := superuser.QueryRow(t.Context(), `SELECT transaction IS NOT NULL FROM holder_fold`).Scan(&done)
		return err == nil && done
	})
	if _, err := superuser.Exec(t.Context(), `UPDATE holder_fold SET at = '-infinity', whole_at = '-infinity'; UPDATE accounts SET archived = now() WHERE id = (SELECT max(account) FROM balances)`); err != nil {
		t.Fatal(err)
	}
	if folded, err := ledger.FoldHolders(t.Context(), pool(t, as("exchequer_serve", url)), 0); err != nil || !folded {
		t.Errorf("what changed is added up by the one that serves: %t, %v", folded, err)
	}
	until(t, "the sales are judged", func() bool {
		var due bool
		err := superuser.QueryRow(t.Context(), `SELECT sale < (SELECT max(id) FROM sales) FROM offsetting_state`).Scan(&due)
		return err == nil && !due
	})
	until(t, "writes are listened to", func() bool { return listeners(t, superuser) == 1 })
	sent := client.New(s.url, strings.TrimSpace(key))
	at := time.Now().Add(-time.Hour)
	price := int64(5)
	for what, send := range map[string]func() (client.Written, error){
		"accounts": func() (client.Written, error) {
			return sent.Accounts(t.Context(), []client.Account{{Ref: "new", Kind: "personal", Name: "New"}})
		},
		"events": func() (client.Written, error) {
			return sent.Events(t.Context(), []client.Event{{Ref: "fair", At: at, Title: "The fair"}, {Ref: "old"}})
		},
		"offers": func() (client.Written, error) {
			return sent.Offers(t.Context(), []client.Item{{Ref: "cake", Name: "Cake"}}, []client.Shop{{Ref: "stall", Owner: "sys:mint", Active: true, Seen: at}},
				[]client.Offer{{Shop: "stall", Item: "cake", Ask: &price, Batch: 1, Active: true, Seen: at}})
		},
		"sales": func() (client.Written, error) {
			return sent.Sales(t.Context(), []client.Item{{Ref: "pie"}}, []client.Sale{{Origin: "t", Ref: "s", At: at, Item: "pie", Seller: "sys:mint", Buyer: "sys:sink", Quantity: 1, Total: 5}})
		},
		"transactions": func() (client.Written, error) {
			return sent.Transactions(t.Context(), []client.Transaction{{Origin: "t", Ref: "t", At: at, Source: "grant", Postings: []client.Posting{{Account: "sys:mint", Amount: -5}, {Account: "sys:sink", Amount: 5}}}})
		},
		"balances": func() (client.Written, error) {
			return sent.Balances(t.Context(), "t", at, []client.Balance{{Account: "sys:mint", Balance: 5}})
		},
	} {
		if w, err := send(); err != nil || w.Written != w.Records || w.Records == 0 {
			t.Errorf("%s by the one that writes: %+v, %v", what, w, err)
		}
	}
	writer := pool(t, as("exchequer_ingest", url))
	for _, forbidden := range []string{"DELETE FROM postings", "UPDATE transactions SET message = ''", "UPDATE keys SET revoked = NULL", "DELETE FROM accounts", "UPDATE settings SET name = 'mine'", "TRUNCATE sales", "UPDATE archive SET closed = now()", "DELETE FROM archive_months", "CREATE TABLE mine (id int)", "UPDATE audit SET result = 'done'", "DELETE FROM audit", "UPDATE jobs SET outcome = ''",
		"SELECT bound_months('2100-01-01')", "SELECT divide_months()"} {
		if _, err := writer.Exec(t.Context(), forbidden); err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("%s: %v", forbidden, err)
		}
	}
	dir := t.TempDir() + "/record"
	if code, _, said := exchequer(t, "export", dir); code != 0 {
		t.Errorf("export by the one that serves: %s", said)
	}
	if code, _, said := exchequer(t, "import", dir); code != 1 || !strings.Contains(said, "permission denied for ") {
		t.Errorf("import by the one that serves = %d, %q", code, said)
	}
	if code := s.end(); code != 0 || strings.Contains(s.said.String(), "permission denied") {
		t.Errorf("serve = %d:\n%s", code, s.said)
	}
	t.Setenv("DATABASE_URL", as("exchequer_owner", url))
	if code, _, said := exchequer(t, "import", dir); code != 0 {
		t.Errorf("import by the owner: %s", said)
	}
	for _, command := range []string{"verify", "repair"} {
		if code, _, said := exchequer(t, command); code != 0 {
			t.Errorf("%s by the owner: %s", command, said)
		}
	}

	// Months are written as parts of their tables.
	statements(t, superuser, roles)
	for table, got := range privileges(t, superuser, "exchequer_ingest") {
		if _, month, _ := strings.Cut(table, "_before_"); month != "" && got != "SELECT" {
			t.Errorf("exchequer_ingest may %s on %s, want SELECT", got, table)
		}
	}

	// A later migration's table is read, and neither written nor anybody's.
	statements(t, owner, "CREATE TABLE later (id int)")
	for table, got := range privileges(t, superuser, "exchequer_serve") {
		want := "SELECT"
		switch table {
		case "day_snapshots", "day_tallies":
			want = "SELECT, INSERT, DELETE"
		case "reports":
			want = "SELECT, INSERT, UPDATE"
		case "report_errata", "closing_balances", "audit":
			want = "SELECT, INSERT"
		case "jobs":
			want = "SELECT, INSERT, UPDATE"
		case "offsetting_state", "holder_fold":
			want = "SELECT, UPDATE"
		case "offsetting_pairs", "offsetting_days", "offsetting_hours", "offsetting_prices", "offsetting_traders":
			want = "SELECT, INSERT, DELETE"
		case "regrouped_accounts":
			want = "SELECT, DELETE"
		case "holder_balances", "holder_tallies", "holder_groups", "account_totals", "invalidations", "sessions", "claims", "visits", "alerts", "alert_rules", "alert_states", "alert_evaluation", "alert_receivers", "alert_deliveries", "page_vitals", "script_errors", "own_rules", "own_receivers", "own_people":
			want = "SELECT, INSERT, UPDATE, DELETE"
		}
		if got != want {
			t.Errorf("exchequer_serve may %s on %s, want %s", got, table, want)
		}
	}
	for _, forbidden := range []string{"CREATE TABLE mine (id int)", "CREATE TEMP TABLE mine (id int)", "SELECT nextval('account_ids')", "UPDATE day_snapshots SET supply = 0"} {
		if _, err := pool(t, as("exchequer_serve", url)).Exec(t.Context(), forbidden); err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("%s: %v", forbidden, err)
		}
	}
}

// The writer makes the months that are missing, of a ledger that the owner has divided.
func TestTheWriterMakesMonths(t *testing.T) {
	url := testkit.PostgresURL(t)
	superuser := pool(t, url)
	statements(t, superuser, "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO PUBLIC")
	t.Setenv("DATABASE_URL", url)
	if code, _, said := exchequer(t, "migrate", "--roles"); code != 0 {
		t.Fatalf("migrate --roles: %s", said)
	}
	owner := pool(t, as("exchequer_owner", url))
	statements(t, owner, "SELECT bound_months('2020-01-01')")
	statements(t, owner, "SELECT check_months()")
	statements(t, owner, "SELECT divide_months()")
	writer := pool(t, as("exchequer_ingest", url))
	for _, at := range []time.Time{time.Now().AddDate(-8, 0, 0), time.Now().AddDate(0, -7, 0), time.Now()} {
		batch := ledger.Batch{Accounts: []ledger.Account{{Ref: "mint", Kind: ledger.System}, {Ref: "ann", Kind: ledger.Personal}}, Transactions: []ledger.Transaction{
			{Origin: "t", Ref: at.String(), At: at, Source: "grant", Postings: []ledger.Posting{{Account: "mint", Amount: -5}, {Account: "ann", Amount: 5}}}}}
		if w, err := ledger.New(writer).Append(t.Context(), batch); err != nil || w.Postings != 2 {
			t.Errorf("a transaction of %v by the one that writes: %+v, %v", at, w, err)
		}
	}
	month := time.Now().UTC().Format("postings_2006_01")
	if got := privileges(t, superuser, "exchequer_ingest")[month]; got != "SELECT" {
		t.Errorf("exchequer_ingest may %s on a month, want SELECT", got)
	}
	if _, err := writer.Exec(t.Context(), "DROP TABLE "+month); err == nil {
		t.Error("the one that writes has dropped a month")
	}
	t.Setenv("DATABASE_URL", as("exchequer_owner", url))
	for _, command := range []string{"verify", "repair"} {
		if code, _, said := exchequer(t, command); code != 0 {
			t.Errorf("%s by the owner: %s", command, said)
		}
	}
}

// privileges are those of a role on each table.
func privileges(t *testing.T, db *pgxpool.Pool, role string) map[string]string {
	t.Helper()
	const query = `
		SELECT relname, coalesce(string_agg(p, ', ' ORDER BY n) FILTER (WHERE has_table_privilege($1, c.oid, p)), '')
		FROM pg_class AS c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) WITH ORDINALITY AS all_of(p, n)
		WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') GROUP BY relname`
	rows, _ := db.Query(t.Context(), query, role)
	of := map[string]string{}
	var table, may string
	if _, err := pgx.ForEachRow(rows, []any{&table, &may}, func() error { of[table] = may; return nil }); err != nil {
		t.Fatal(err)
	}
	return of
}

func TestMigrateMakesTheRolesAndServeNeedsTheReaderAndTheWriterAlone(t *testing.T) {
	url := testkit.PostgresURL(t)
	superuser := pool(t, url)
	statements(t, superuser, "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO PUBLIC")
	passwords := map[string]string{"exchequer_owner": "own-it-all", "exchequer_serve": "read 'this'", "exchequer_ingest": "write:this"}
	t.Setenv("EXCHEQUER_OWNER_PASSWORD", passwords["exchequer_owner"])
	file := t.TempDir() + "/password"
	if err := os.WriteFile(file, []byte(passwords["exchequer_serve"]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("EXCHEQUER_SERVE_PASSWORD_FILE", file)
	t.Setenv("EXCHEQUER_INGEST_PASSWORD", passwords["exchequer_ingest"])
	t.Setenv("DATABASE_URL", url)
	if code, out, said := exchequer(t, "migrate", "--roles"); code != 0 || out != "the schema and the roles are up to date\n" || strings.Contains(said, "this") {
		t.Fatalf("migrate --roles = %d, %q, %q", code, out, said)
	}
	var others int
	const foreign = `SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tableowner <> 'exchequer_owner'`
	if err := superuser.QueryRow(t.Context(), foreign).Scan(&others); err != nil || others > 0 {
		t.Errorf("%d tables are not the owner's, %v", others, err)
	}

	askForPasswords(t, superuser, url)
	of := func(role string) string {
		return strings.Replace(url, "//postgres@", "//"+neturl.UserPassword(role, passwords[role]).String()+"@", 1)
	}
	if _, err := pgx.Connect(t.Context(), strings.Replace(url, "//postgres@", "//exchequer_serve:guess@", 1)); err == nil {
		t.Error("a guessed password opens the database")
	}
	t.Setenv("EXCHEQUER_OWNER_PASSWORD", "")
	t.Setenv("EXCHEQUER_SERVE_PASSWORD_FILE", "")
	t.Setenv("EXCHEQUER_INGEST_PASSWORD", "")

	// The next release has a table, which the owner grants to others.
	t.Setenv("DATABASE_URL", of("exchequer_owner"))
	statements(t, pool(t, of("exchequer_owner")), "CREATE TABLE later (id int)")
	if code, _, said := exchequer(t, "migrate", "--roles"); code != 0 {
		t.Fatalf("migrate --roles by the owner: %s", said)
	}
	if may := privileges(t, superuser, "exchequer_ingest")["later"]; may != "SELECT, INSERT, UPDATE" {
		t.Errorf("the writer may %s on a new table", may)
	}

	t.Setenv("DATABASE_URL", of("exchequer_serve"))
	t.Setenv("EXCHEQUER_INGEST_DATABASE_URL", of("exchequer_ingest"))
	s := start(t, "serve", "--linger", "0s")
	if status, body := get(t, s.url+"/readyz"); status != http.StatusOK {
		t.Errorf("/readyz by the reader and the writer = %d, %s", status, body)
	}
	if code := s.end(); code != 0 || strings.Contains(s.said.String(), "permission denied") {
		t.Errorf("serve = %d:\n%s", code, s.said)
	}
}

// askForPasswords makes the server of a test ask the three roles for passwords, in one
// database.
func askForPasswords(t *testing.T, superuser *pgxpool.Pool, url string) {
	t.Helper()
	var file, database string
	if err := superuser.QueryRow(t.Context(), `SELECT setting, current_database() FROM pg_settings WHERE name = 'hba_file'`).Scan(&file, &database); err != nil {
		t.Fatal(err)
	}
	rules, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	ask := "local " + database + " exchequer_owner,exchequer_serve,exchequer_ingest scram-sha-256\n"
	if err := os.WriteFile(file, append([]byte(ask), rules...), 0o600); err != nil {
		t.Fatal(err)
	}
	statements(t, superuser, "SELECT pg_reload_conf()")
	until(t, "the server asks for passwords", func() bool {
		conn, err := pgx.Connect(t.Context(), as("exchequer_serve", url))
		if err == nil {
			conn.Close(t.Context())
		}
		return err != nil
	})
}

func TestRolesAreNotMadeFromWhatIsIncomplete(t *testing.T) {
	t.Setenv("EXCHEQUER_DATA_DIR", t.TempDir())
	t.Setenv("DATABASE_URL", "")
	if code, _, said := exchequer(t, "migrate", "--roles"); code != 1 || !strings.Contains(said, "DATABASE_URL") {
		t.Errorf("without a database = %d, %q", code, said)
	}
	t.Setenv("DATABASE_URL", "postgres://127.0.0.1:1/x")
	t.Setenv("EXCHEQUER_OWNER_PASSWORD", "pässword")
	if code, _, said := exchequer(t, "migrate", "--roles"); code != 1 || !strings.Contains(said, "EXCHEQUER_OWNER_PASSWORD: a password has printable ASCII") || strings.Contains(said, "ssword\n") {
		t.Errorf("with a password that would have to be normalised = %d, %q", code, said)
	}
}

// The keys are those of the example of RFC 7677.
func TestAVerifierIsWhatScramSays(t *testing.T) {
	salt, err := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	if err != nil {
		t.Fatal(err)
	}
	got, err := scram("pencil", salt, 4096)
	const want = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
	if err != nil || got != want {
		t.Errorf("scram = %s, %v, want %s", got, err, want)
	}
}
