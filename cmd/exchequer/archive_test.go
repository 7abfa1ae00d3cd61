package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func TestAnOperatorArchivesMonthsAndBringsThemBack(t *testing.T) {
	url := testkit.PostgresURL(t)
	t.Setenv("DATABASE_URL", url)
	db := pool(t, url)
	now := time.Now().UTC()
	old := time.Date(now.Year()-2, now.Month(), 10, 12, 0, 0, 0, time.UTC)
	b := ledger.Batch{Accounts: []ledger.Account{{Ref: "mint", Kind: ledger.System}, {Ref: "ann", Kind: ledger.Personal}}}
	for i, at := range []time.Time{old, old.AddDate(0, 1, 0), now.AddDate(0, 0, -3)} {
		b.Transactions = append(b.Transactions, ledger.Transaction{Origin: "test", Ref: fmt.Sprint(i), At: at, Source: "grant",
			Postings: []ledger.Posting{{Account: "mint", Amount: -5}, {Account: "ann", Amount: 5}}})
	}
	if _, err := ledger.New(db).Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	left := func() (n int) {
		t.Helper()
		if err := db.QueryRow(t.Context(), `SELECT count(*) FROM transactions`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	dir, before := t.TempDir(), old.AddDate(0, 2, 0).Format("2006-01")
	for _, c := range []struct {
		args []string
		code int
		said string
		left int
	}{
		{[]string{"archive", "--before", now.Format("2006-01"), dir}, 1, "the last year of the record stays", 3},
		{[]string{"archive", "--before", "2024", dir}, 1, "want a month such as 2025-01", 3},
		{[]string{"archive", "--before", before, dir}, 1, "in all 2 transactions, 4 postings, 0 sales", 3},
		{[]string{"archive", "--before", before, "--keep", dir}, 0, old.Format("2006-01") + " written: 1 transaction, 2 postings, 0 sales", 3},
		{[]string{"archive", "status"}, 0, "nothing is archived", 3},
		{[]string{"archive", "--before", before, "--yes", "--pause", "0s", dir}, 0, "the record begins with " + before, 1},
		{[]string{"archive", "--before", before, "--yes", dir}, 0, "the ledger has nothing before " + before, 1},
		{[]string{"archive", "status"}, 0, old.Format("2006-01") + " archived: 1 transaction, 2 postings, 0 sales", 1},
		{[]string{"verify"}, 0, "archived months of account_days are what they were", 1},
		{[]string{"export", filepath.Join(dir, "rest")}, 0, "is archived and is not in it", 1},
		{[]string{"archive", "restore", "--from", old.AddDate(0, 1, 0).Format("2006-01"), dir}, 0, "restored: 1 transaction", 2},
		{[]string{"archive", "restore", dir}, 0, "the ledger has all of its record", 3},
		{[]string{"verify"}, 0, "3 transactions", 3},
	} {
		code, out, said := exchequer(t, c.args...)
		if said = strings.ReplaceAll(out+said, "\u00a0", " "); code != c.code || !strings.Contains(said, c.said) || left() != c.left {
			t.Errorf("%v = %d, %d transactions left, want %d, %d and %q:\n%s", c.args, code, left(), c.code, c.left, c.said, said)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, old.Format("2006-01"), "manifest.json")); err != nil {
		t.Error(err)
	}
}
