package connector_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/connector"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// A user's file as EssentialsX writes it.
const userdata = `timestamps:
  lastteleport: 0
  login: 1772356000000
last-account-name: NAME
npc: false
ip-address: 192.0.2.7
money: 'MONEY'
homes:
  home: &home
    world-name: world
    x: 10.5
mail:
- read: false
  message: "paid you: {x}"
`

func writeUser(t testing.TB, folder, uuid, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, uuid+".yml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func user(name, money string) string {
	return strings.NewReplacer("NAME", name, "MONEY", money).Replace(userdata)
}

// syncWith brings the ledger in step, once, with parameters of the preset.
func syncWith(t testing.TB, db *pgxpool.Pool, preset, url string, parameters map[string]string) {
	t.Helper()
	config, err := connector.NewConfig("", preset, url, "", connector.Overrides{Parameters: parameters})
	if err != nil {
		t.Fatal(err)
	}
	f, err := connector.New(connector.Deps{Ledger: ledger.New(db), DB: db, Log: slog.New(slog.DiscardHandler)}, config)
	if err == nil {
		err = f.Once(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

const allBalances = `SELECT concat_ws(' ', a.ref, a.kind, a.name, b.balance) FROM accounts a JOIN balances b ON b.account = a.id ORDER BY a.ref COLLATE "C"`

func TestAFolderOfUserFilesBecomesALedgerOfTheirChanges(t *testing.T) {
	db, folder := testkit.Postgres(t), t.TempDir()
	writeUser(t, folder, "0a", user("ada", "10.5"))
	writeUser(t, folder, "0b", user("bert", "0.305"))
	writeUser(t, folder, "0c", strings.Replace(user("town-Oak", "1E+3"), "npc: false", "npc: true", 1))
	writeUser(t, folder, "0d", strings.Replace(user("dora", ""), "money: ''\n", "", 1))
	writeUser(t, folder, "0e", "money: [")
	appendTo(t, filepath.Join(folder, "notes.txt"), "money: 5")
	// One follower, so that what it keeps of the files is used.
	f := follower(t, db, "essentials-balances", "dir:"+folder)
	once := func() {
		t.Helper()
		if err := f.Round(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	once()
	want := "player:0a personal ada 1050\nplayer:0b personal bert 30\nplayer:0c business town-Oak 100000\nsys:unobserved system sys:unobserved -101080"
	if d := cmp.Diff(want, lines(t, db, allBalances)); d != "" {
		t.Errorf("balances (-want +got):\n%s", d)
	}
	const rejects = `SELECT DISTINCT concat_ws(' ', reason, fields->>'@text') FROM sync_rejects`
	if got := lines(t, db, rejects); !strings.HasPrefix(got, "file 0e.yml: it is not YAML") || !strings.HasSuffix(got, " 0e.yml") || strings.Contains(got, "\n") {
		t.Errorf("left out: %s", got)
	}

	// A file that is being written keeps its last value, and one that is mended comes.
	writeUser(t, folder, "0a", "last-account-name: ada\nmoney: '8\n")
	writeUser(t, folder, "0b", user("bertha", "-0.305"))
	writeUser(t, folder, "0e", user("eva", "7"))
	once()
	want = "player:0a personal ada 1050\nplayer:0b personal bertha -30\nplayer:0c business town-Oak 100000\nplayer:0e personal eva 700\nsys:unobserved system sys:unobserved -101720"
	if d := cmp.Diff(want, lines(t, db, allBalances)); d != "" {
		t.Errorf("balances while a file is being written (-want +got):\n%s", d)
	}
	writeUser(t, folder, "0a", user("ada", "8"))
	once()
	want = strings.Replace(strings.Replace(want, "ada 1050", "ada 800", 1), "-101720", "-101470", 1)
	if d := cmp.Diff(want, lines(t, db, allBalances)); d != "" {
		t.Errorf("balances after it was written (-want +got):\n%s", d)
	}
	if got := lines(t, db, `SELECT concat_ws(' ', accounts, drifting) FROM sync_sources`) + lines(t, db, rejects); got != "4 0" {
		t.Errorf("accounts that were compared, those that differ, and what was left out: %s", got)
	}
}

func TestAFileOfManyThingsIsReadByPaths(t *testing.T) {
	db, file := testkit.Postgres(t), filepath.Join(t.TempDir(), "bank.yml")
	preset := newPreset(t, `origin = "bank"
engines = ["file"]
[ledger]
name = "Bank"
decimals = 2
[[streams]]
name = "accounts"
read = { format = "yaml", each = "banks.*.accounts.*", where = { currency = "{currency}" } }
[streams.columns]
bank = "name"
account = "@key"
balance = "held.0"
[[streams.accounts]]
role = "account"
ref = "{bank}:{account}"
kind = "personal"
[streams.balance]
account = "account"
amount = "balance"
[parameters]
currency = "$"
`)
	appendTo(t, file, `banks:
  first: {name: one, currency: $, accounts: {ada: {held: [1.50]}, bert: {held: [2]}}}
  second: {name: two, currency: €, accounts: {ada: {held: [9], currency: $}, cid: {held: [5]}}}
`)
	syncOnce(t, db, preset, "file:"+file)
	want := "one:ada personal one:ada 150\none:bert personal one:bert 200\nsys:unobserved system sys:unobserved -1250\ntwo:ada personal two:ada 900"
	if d := cmp.Diff(want, lines(t, db, allBalances)); d != "" {
		t.Errorf("balances (-want +got):\n%s", d)
	}
}
