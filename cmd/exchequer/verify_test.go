package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"exchequer/internal/postgres"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// An operator verifies a ledger, repairs what is wrong, and makes a council an
// issuer.
func TestALedgerIsVerifiedAndRepaired(t *testing.T) {
	url := testkit.PostgresURL(t)
	t.Setenv("DATABASE_URL", url)
	db, err := postgres.Open(t.Context(), url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	record := ledger.New(db)
	if err := record.SetSettings(t.Context(), ledger.Settings{Name: "Test", Symbol: "£", Decimals: 2}); err != nil {
		t.Fatal(err)
	}
	at := time.Now().Truncate(24 * time.Hour).Add(-28 * time.Hour) // 20:00 UTC, when it is the next day in Kiritimati
	_, err = record.Append(t.Context(), ledger.Batch{
		Accounts: []ledger.Account{{Ref: "a=b", Kind: ledger.Government}, {Ref: "ann", Kind: ledger.Personal}},
		Transactions: []ledger.Transaction{{Origin: "o", Ref: "1", At: at, Source: "grant",
			Postings: []ledger.Posting{{Account: "a=b", Amount: -1250}, {Account: "ann", Amount: 1250}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	wants := func(code int, words []string, args ...string) {
		t.Helper()
		got, out, said := exchequer(t, args...)
		if got != code {
			t.Errorf("%s = %d, want %d:\n%s%s", args, got, code, out, said)
		}
		for _, w := range words {
			if !strings.Contains(strings.ReplaceAll(out+said, "\u00a0", " "), w) {
				t.Errorf("%s printed no %q:\n%s%s", args, w, out, said)
			}
		}
	}
	wants(0, []string{"every transaction sums to zero", "flow_hours is what the record adds up to", "1 transactions, 2 postings and 0 sales read"}, "verify")
	if _, err := db.Exec(t.Context(), `UPDATE balances SET balance = balance + 1 WHERE balance > 0; DELETE FROM flow_hours`); err != nil {
		t.Fatal(err)
	}
	wants(1, []string{"WRONG, 1 found", "kept (", "the ledger is wrong in 2 places"}, "verify")
	code, out, _ := exchequer(t, "verify", "--json")
	var report struct {
		OK          bool
		Checks      []struct{ OK bool }
		Differences []struct{ Table string }
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != 1 || report.OK || len(report.Checks) < 8 || len(report.Differences) != 2 {
		t.Errorf("verify --json = %d, %v: %s", code, err, out)
	}
	wants(0, []string{"balances: 1 row replaced", "flow_hours: 1 row replaced"}, "repair")
	wants(0, nil, "verify")
	wants(0, []string{"all rows of all rollups were right"}, "repair")

	wants(1, []string{`--issuer is "a", want REF=true`}, "repair", "--issuer", "a")
	wants(1, []string{`account "x" is unknown`}, "repair", "--issuer", "x=true", "--yes")
	wants(1, []string{`account "a=b" (government) becomes an issuer: its balance of −£12.50 leaves the supply`, "nothing was changed; if that is what you want, add --yes"},
		"repair", "--issuer", "a=b=true")
	wants(0, []string{"flow_hours: ", "repaired in"}, "repair", "--issuer", "a=b=true", "--yes")
	wants(0, nil, "verify")
	wants(0, []string{"issuer is true; nothing was changed"}, "repair", "--issuer", "a=b=true", "--yes")
	wants(1, []string{"become those of Europe/Berlin", "if that is what you want, add --yes"}, "repair", "--timezone", "Europe/Berlin")
	wants(1, []string{`unknown time zone "Berlin", want a name such as Europe/Berlin`}, "repair", "--timezone", "Berlin", "--yes")
	wants(0, []string{"account_days: ", "repaired in"}, "repair", "--timezone", "Pacific/Kiritimati", "--yes")
	wants(0, []string{"those of Pacific/Kiritimati already; nothing was changed"}, "repair", "--timezone", "Pacific/Kiritimati", "--yes")
	wants(0, nil, "verify")
	var supply int64
	if err := db.QueryRow(t.Context(), `SELECT supply FROM day_snapshots`).Scan(&supply); err != nil || supply != 1250 {
		t.Errorf("the snapshot has a supply of %d, %v, want 1250", supply, err)
	}
}
