package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// After a change of the past, no answer of any process is of the past as it was: of
// one that serves meanwhile, and of one that finds the old numbers in Redis.
func TestNothingIsShownOfAPastThatWasRewritten(t *testing.T) {
	for _, beside := range []bool{true, false} {
		db := testkit.Postgres(t)
		t.Setenv("DATABASE_URL", db.Config().ConnString())
		t.Setenv("REDIS_URL", testkit.Redis(t).URL())
		t.Setenv("EXCHEQUER_POLICIES", "stats=window:20h")
		t.Setenv("EXCHEQUER_LINGER", "0s")
		_, err := ledger.New(db).Append(t.Context(), ledger.Batch{
			Accounts: []ledger.Account{{Ref: "court", Kind: ledger.Government}, {Ref: "ann", Kind: ledger.Personal}},
			Transactions: []ledger.Transaction{{Origin: "o", Ref: "1", At: time.Now().Add(-time.Hour), Source: "grant",
				Postings: []ledger.Posting{{Account: "court", Amount: -5}, {Account: "ann", Amount: 5}}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := ledger.New(db).SetSettings(t.Context(), ledger.Settings{Name: "Test"}); err != nil {
			t.Fatal(err)
		}
		issues := func(s *serving, query string) bool {
			t.Helper()
			status, body := get(t, s.url+"/api/v1/stats"+query)
			if status != http.StatusOK {
				t.Fatalf("stats = %d, %s", status, body)
			}
			return strings.Contains(body, `"issuer":true`)
		}
		const unread = "?kind=government"
		before := start(t, "serve")
		if issues(before, "") || issues(before, unread) {
			t.Fatal("the court issues money before the change")
		}
		if !beside {
			before.end()
		} else {
			until(t, "it listens", func() bool { return listeners(t, db) == 1 })
		}
		if code, out, said := exchequer(t, "repair", "--issuer", "court=true", "--yes"); code != 0 {
			t.Fatalf("repair = %d: %s%s", code, out, said)
		}
		if beside {
			until(t, "the server shows the change", func() bool { return issues(before, "") })
			if !issues(before, unread) {
				t.Error("the first answer of a key that nobody read meanwhile is the old one")
			}
		}
		if after := start(t, "serve"); !issues(after, unread) {
			t.Errorf("a process that starts after the change (another served: %t) shows what it found in Redis", beside)
		}
	}
}
