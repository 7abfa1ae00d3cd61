package connector_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exchequer/connector"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// newSQLite makes a database file with the statements.
func newSQLite(t testing.TB, statements string) (db *sql.DB, url string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "bank of #1.db")
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if _, err := db.ExecContext(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
	return db, "sqlite:" + file
}

func TestATableOfBalancesBecomesALedgerOfTheirChanges(t *testing.T) {
	source, url := newSQLite(t, `CREATE TABLE balances (uuid TEXT, name TEXT, balance REAL);
		INSERT INTO balances VALUES ('a', 'ada', 10.5), ('b', 'bert', 0.1 + 0.2), ('c', 'carl', 'much'), ('d', 'dora', 0)`)
	db := testkit.Postgres(t)
	syncOnce(t, db, "balances-sql", url)
	const balances = `SELECT concat_ws(' ', a.ref, a.name, coalesce(b.balance, 0)) FROM accounts a LEFT JOIN balances b ON b.account = a.id ORDER BY a.ref`
	if d := cmp.Diff("player:a ada 1050\nplayer:b bert 30\nplayer:d dora 0\nsys:unobserved sys:unobserved -1080", lines(t, db, balances)); d != "" {
		t.Errorf("balances (-want +got):\n%s", d)
	}
	if got := lines(t, db, `SELECT concat_ws(' ', stream, reason) FROM sync_rejects WHERE stream = 'balances' LIMIT 1`); !strings.Contains(got, `"much": expected digits`) {
		t.Errorf("what was left out: %s", got)
	}
	if _, err := source.ExecContext(t.Context(), `UPDATE balances SET balance = balance - 2.5 WHERE uuid = 'a'; UPDATE balances SET balance = 2.5 WHERE uuid = 'c'`); err != nil {
		t.Fatal(err)
	}
	syncOnce(t, db, "balances-sql", url)
	if d := cmp.Diff("player:a ada 800\nplayer:b bert 30\nplayer:c carl 250\nplayer:d dora 0\nsys:unobserved sys:unobserved -1080", lines(t, db, balances)); d != "" {
		t.Errorf("balances after a change (-want +got):\n%s", d)
	}
	if got := lines(t, db, `SELECT concat_ws(' ', source, count(*)) FROM transactions GROUP BY source`); got != ledger.ObservedSource+" 4" {
		t.Errorf("transactions: %s", got)
	}
	if got := lines(t, db, `SELECT concat_ws(' ', accounts, drifting) FROM sync_sources`) + lines(t, db, `SELECT reason FROM sync_rejects`); got != "4 0" {
		t.Errorf("accounts that were compared, those that differ, and what was left out: %s", got)
	}
}

// A preset of one's own, on Postgres.
const shopLog = `origin = "shop"
engines = ["postgres"]
[ledger]
name = "Shop"
symbol = "€"
decimals = 2
[csv]
dates = ["YYYY-MM-DD hh:mm:ss"]
[parameters]
table = "log"
[[streams]]
name = "log"
mark = "id"
query = "SELECT id, at, payer, payee, amount FROM {table} WHERE id > :after ORDER BY id LIMIT :limit"
[streams.columns]
id = "id"
at = "at"
payer = "payer"
payee = "payee"
amount = "amount"
[[streams.accounts]]
role = "payer"
ref = "{payer}"
kind = "personal"
[[streams.accounts]]
role = "payee"
ref = "{payee}"
kind = "personal"
[streams.transaction]
ref = "shop:log:{id}"
at = "at"
from = "payer"
to = "payee"
amount = "amount"
source = "shop"
`

func TestAPresetOfOnesOwnReadsPostgres(t *testing.T) {
	file := filepath.Join(t.TempDir(), "own.toml")
	if err := os.WriteFile(file, []byte(shopLog), 0o600); err != nil {
		t.Fatal(err)
	}
	db, from := testkit.Postgres(t), testkit.Postgres(t)
	if _, err := from.Exec(t.Context(), `CREATE TABLE log (id bigserial, at timestamptz, payer text, payee text, amount numeric(12,2));
		INSERT INTO log (at, payer, payee, amount) SELECT '2026-05-01 12:00+02'::timestamptz + i * interval '1 minute', 'p' || i % 7, 'q' || i % 5, i / 100.0 FROM generate_series(1, 9001) i`); err != nil {
		t.Fatal(err)
	}
	syncOnce(t, db, file, from.Config().ConnString())
	if got := lines(t, db, `SELECT concat_ws(' ', count(*), to_char(min(at), 'YYYY-MM-DD HH24:MI:SS'), (SELECT sum(amount) FROM postings WHERE amount > 0)) FROM transactions`); got != "9001 2026-05-01 10:01:00 40513501" {
		t.Errorf("transactions, the first and their sum: %s", got)
	}
}

func TestWhatIsWrongWithASourceIsSaid(t *testing.T) {
	for name, c := range map[string]struct{ preset, url, want string }{
		"no such preset":         {"tresury", "mysql://u@localhost/game", `there is no preset "tresury": there are balances-sql, `},
		"no source":              {"treasury", "", "no source is given"},
		"another scheme":         {"treasury", "oracle://u:secret@localhost/game", `kind "oracle"`},
		"a password unescaped":   {"treasury", "mysql://u:se%cret@localhost/game", "%40 and %2F"},
		"no database":            {"treasury", "mysql://u:secret@localhost", "names no database"},
		"an unknown tls":         {"treasury", "mysql://u:secret@db.example.org/game?tls=maybe", `tls is "maybe"`},
		"an unknown parameter":   {"treasury", "mysql://u:secret@localhost/game?local_infile=1", `"local_infile"`},
		"a preset for another":   {"treasury", "sqlite:" + os.DevNull, "reads mysql://user:password@host/database, and the source is sqlite:FILE"},
		"HTTP without TLS":       {"hledger", "http://secret.example.org/x", "for the same machine only"},
		"HTTP with a user":       {"hledger", "https://u:secret@example.org/x", "names no host, or a user"},
		"HTTP and an option":     {"hledger", "https://example.org/x#token=secret", `parameter "token" behind #`},
		"a log of a database":    {"chestshop-log-file", "sqlite:" + os.DevNull, "reads file:FILE, and the source is sqlite:FILE"},
		"a log that is missing":  {"chestshop-log-file", "file:/nowhere/ChestShop.log", "no such file"},
		"a log that is a folder": {"chestshop-log-file", "file:/", "is not a file"},
		"a folder that is none":  {"essentials-balances", "dir:/nowhere", "no such file"},
		"a file that is missing": {"balances-sql", "sqlite:/nowhere/bank.db", "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			config, err := connector.NewConfig("", c.preset, c.url, "", connector.Overrides{})
			if err == nil {
				_, err = connector.Check(t.Context(), config)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("error %v, want %q and no password", err, c.want)
			}
		})
	}
}

func TestACheckShowsWhatWouldComeAndWritesNothing(t *testing.T) {
	game := newTreasury(t, 2)
	game.Exec(transfers)
	game.Exec(`INSERT INTO ledger_txns (txn_id, message, initiator_uuid_bin) VALUES (9, '', '');
		INSERT INTO ledger_postings (txn_id, account_id, amount) VALUES (9, 10, 0.00), (9, 11, 0.00)`)
	config, err := connector.NewConfig("", "treasury", treasuryURL(game.Addr), "", connector.Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	checks, err := connector.Check(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][3]int{}
	for _, c := range checks {
		got[c.Stream] = [3]int{c.Rows, len(c.Batch.Accounts), len(c.Batch.Transactions)}
	}
	want := map[string][3]int{"accounts": {5, 5, 0}, "ledger_postings": {12, 5, 4}, "chestshop_shop": {}, "chestshop_sale": {}, "reconcile": {5, 5, 0}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("rows, accounts and transactions of each stream (-want +got):\n%s", d)
	}
}

func TestWhatIsWrongWithAPresetIsSaid(t *testing.T) {
	for name, c := range map[string]struct{ from, to, want string }{
		"neither a query nor a reading":  {"read = { %s }", "", "neither a query nor [streams.read]"},
		"an unknown format":              {"%s", `format = "xlsx"`, `the format is "xlsx"`},
		"a pattern of another format":    {"%s", `format = "csv", pattern = "x"`, "goes with the format lines"},
		"a pattern that is none":         {"%s", `format = "lines", pattern = "("`, "pattern: error parsing regexp"},
		"a pattern of no columns":        {"%s", `format = "lines", pattern = "x"`, "no named group"},
		"an encoding that is none":       {"[csv]", "[csv]\nencoding = \"utf-7\"", `encoding is "utf-7"`},
		"a document that grows":          {"%s", `format = "yaml", grows = true`, "does not grow by lines"},
		"a filter that is none":          {"%s", `format = "csv", where = { payer = "(" }`, "read.where.payer: error parsing regexp"},
		"a pattern of files that is bad": {"%s", `format = "csv", files = "["`, "read.files: syntax error"},
		"a mark without a parameter":     {"read = { %s }", "mark = \"id\"\nread = { format = \"json\" }", "a mark goes with read.http.after"},
		"two ways to the next page":      {"%s", `format = "json", http = { next = "a", page_param = "b" }`, "and not two of them"},
		"an only that is none":           {"read = { %s }", "only = \"http\"\nread = { format = \"csv\" }", `only is "http", want one of its engines`},
		"an asset that is none":          {`engines = ["file"]`, "engines = [\"file\"]\nasset = \"USD/two\"", "want a name and a number of decimals"},
		"a number that is none":          {`engines = ["file"]`, "engines = [\"file\"]\nparameters = { decimals = \"two\" }", `parameters.decimals is "two"`},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(strings.Replace(payments, c.from, c.to, 1), "%s", asCSV, 1)
			if _, err := connector.LoadPreset(newPreset(t, text), connector.Overrides{}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestAParameterOfAPresetThatHasNoneIsRefused(t *testing.T) {
	text := strings.Replace(payments, "%s", asCSV, 1)
	if _, err := connector.LoadPreset(newPreset(t, text), connector.Overrides{Parameters: map[string]string{"prefix": "game_"}}); err == nil || !strings.Contains(err.Error(), `no parameter "prefix"`) {
		t.Errorf("error %v, want that there is no such parameter", err)
	}
}

func TestEachPresetThatIsBuiltInCanBeRead(t *testing.T) {
	for _, name := range connector.Presets() {
		o := connector.Overrides{}
		if name == "formance" {
			o.Parameters = map[string]string{"asset": "USD/2"}
		}
		if _, err := connector.LoadPreset(name, o); err != nil {
			t.Error(err)
		}
	}
}
