package ledger_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// found is what Find returns, in words.
func found(t *testing.T, l *ledger.Ledger, name string) string {
	t.Helper()
	accounts, err := l.Find(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, a := range accounts {
		words = append(words, strings.TrimSuffix(a.Ref+"/"+a.Name+"/"+a.Former, "/"))
	}
	return strings.Join(words, " ")
}

func renamed(name string) ledger.Batch {
	return ledger.Batch{Accounts: []ledger.Account{{Ref: "ann", Kind: ledger.Personal, Name: name}}}
}

func TestAnAccountIsFoundByItsFormerNames(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	appended(t, l, village(), renamed("Anna"), renamed("Anna"), renamed("Anne"), renamed("ann"))
	wantRows(t, db, `SELECT a.name, n.name FROM account_names n JOIN accounts a ON a.id = account ORDER BY 2`, "Anne Ann", "Anne Anna")
	for name, want := range map[string]string{"ANNA": "ann/Anne/Anna", "Anne": "ann/Anne", "ann": "ann/Anne", "Bob": "bob/bob", "nobody": "", "\xff": "", "a\x00": ""} {
		if got := found(t, l, name); got != want {
			t.Errorf("Find(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestAMergedAccountIsFoundAsTheOther(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	merge := ledger.Batch{Merges: []ledger.Merge{{Account: "bob", Into: "ann"}}}
	appended(t, l, village(), merge)
	if got := found(t, l, "bob"); got != "ann/Ann/bob" {
		t.Errorf("Find(bob) = %q, want Ann", got)
	}
	before := dump(t, db)
	appended(t, l, merge)
	if diff := cmp.Diff(before, dump(t, db)); diff != "" {
		t.Errorf("repeating a merge changed the ledger:\n%s", diff)
	}
	appended(t, l, ledger.Batch{Merges: []ledger.Merge{{Account: "bob"}}})
	if got := found(t, l, "bob"); got != "bob/bob" {
		t.Errorf("Find(bob) = %q after the merge was undone", got)
	}
}

func TestMergesThatCannotBeAreRefused(t *testing.T) {
	l := ledger.New(testkit.Postgres(t))
	appended(t, l, village(), ledger.Batch{Merges: []ledger.Merge{{Account: "bob", Into: "ann"}}})
	for _, c := range []struct {
		merges []ledger.Merge
		want   string
	}{
		{[]ledger.Merge{{Account: "ann", Into: "ann"}}, `merge "ann": into is the account itself`},
		{[]ledger.Merge{{Account: "ann", Into: "zed"}}, `merge "ann": into "zed" is unknown`},
		{[]ledger.Merge{{Account: "ann", Into: "town"}}, `merge "ann": it is personal, and "town" is government: expected the same`},
		{[]ledger.Merge{{Account: "ann-savings", Into: "bob"}}, `merge "ann-savings": "bob" is itself merged into another account`},
		{[]ledger.Merge{{Account: "ann", Into: "ann-savings"}}, `"ann" is itself merged into another account`},
		{[]ledger.Merge{{Account: "ann-savings", Into: "bob"}, {Account: "bob", Into: "ann-savings"}}, `is itself merged into another account`},
	} {
		_, err := l.Append(t.Context(), ledger.Batch{Merges: c.merges})
		if refused := (*ledger.BatchError)(nil); !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("merge %v: %v, want %q", c.merges, err, c.want)
		}
	}
}

func TestAMergeMakesTheSnapshotsAnew(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	appended(t, l, grant())
	if _, err := db.Exec(t.Context(), `INSERT INTO day_snapshots (day, supply, holders) VALUES ('2026-03-02', 0, 0), ('2026-03-05', 1000, 1)`); err != nil {
		t.Fatal(err)
	}
	appended(t, l, ledger.Batch{Merges: []ledger.Merge{{Account: "bob", Into: "ann"}}}) // bob has no postings
	wantRows(t, db, `SELECT count(*) FROM day_snapshots`, "2")
	appended(t, l, ledger.Batch{Merges: []ledger.Merge{{Account: "bob"}, {Account: "ann", Into: "bob"}}})
	wantRows(t, db, `SELECT day::text FROM day_snapshots`, "2026-03-02")
}

func TestAHiddenHolderIsNotFound(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	appended(t, l, village(), renamed("Anna"), ledger.Batch{Holders: []ledger.Holder{{Ref: "ann", Name: "Ann", Hidden: true}},
		Labels: []ledger.Label{{Account: "bob", Text: "the baker"}}})
	for _, name := range []string{"ann", "Anna", "Ann", "ann-savings"} {
		if got := found(t, l, name); got != "" {
			t.Errorf("Find(%q) = %q, want nothing", name, got)
		}
	}
	appended(t, l, ledger.Batch{Holders: []ledger.Holder{{Ref: "ann", Kind: "person", Link: "https://example.org/ann"}}})
	if got := found(t, l, "ann"); got != "ann/Anna" {
		t.Errorf("Find(ann) = %q after it was shown again", got)
	}
	wantRows(t, db, `SELECT ref, label FROM accounts WHERE label <> ''`, "bob the baker")
}

func TestALinkThatIsNoneIsRefused(t *testing.T) {
	l := ledger.New(testkit.Postgres(t))
	for _, link := range []string{"javascript:alert(1)", "//example.org", "example.org", "https://"} {
		_, err := l.Append(t.Context(), ledger.Batch{Holders: []ledger.Holder{{Ref: "ann", Link: link}}})
		if err == nil || !strings.Contains(err.Error(), "want an address that begins with https://") {
			t.Errorf("link %q: %v, want it refused", link, err)
		}
	}
}

// lines is an account's statement in words.
func lines(t *testing.T, l *ledger.Ledger, account string) []string {
	t.Helper()
	statement, err := l.Statement(t.Context(), ledger.StatementQuery{Account: account, Before: ledger.End(), Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, line := range statement.Lines {
		words = append(words, fmt.Sprint(line.Ref, " ", line.Amount, " ", line.Counterparties()))
	}
	return words
}

func TestAStatementHonoursMergesAndHiddenHolders(t *testing.T) {
	l := ledger.New(testkit.Postgres(t))
	b := village()
	b.Transactions = []ledger.Transaction{
		transaction("1", noon, ledger.Posting{"mint", -90}, ledger.Posting{"ann", 90}),
		transaction("2", noon.Add(1), ledger.Posting{"ann", -20}, ledger.Posting{"bob", 20}),
		transaction("3", noon.Add(time.Hour), ledger.Posting{"bob", -5}, ledger.Posting{"town", 5}),
		transaction("4", noon.Add(2*time.Hour), ledger.Posting{"ann", -7}, ledger.Posting{"town", 7}),
	}
	appended(t, l, b, ledger.Batch{Merges: []ledger.Merge{{Account: "bob", Into: "ann"}}})
	want := []string{"4 -7 town", "3 -5 town", "2 20 itself", "2 -20 itself", "1 90 mint"}
	for _, account := range []string{"ann", "bob"} {
		got := lines(t, l, account)
		slices.SortStableFunc(got[2:], func(a, b string) int { return strings.Compare(b, a) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("statement of %s (-want +got):\n%s", account, diff)
		}
	}
	if diff := cmp.Diff([]string{"4 7 Ann", "3 5 Ann"}, lines(t, l, "town")); diff != "" {
		t.Errorf("statement of the town (-want +got):\n%s", diff)
	}
	appended(t, l, ledger.Batch{Holders: []ledger.Holder{{Ref: "ann", Hidden: true}}})
	for _, account := range []string{"ann", "bob"} {
		if got := lines(t, l, account); got != nil {
			t.Errorf("statement of %s, who is hidden: %v", account, got)
		}
	}
	if diff := cmp.Diff([]string{"4 7 hidden holder", "3 5 hidden holder"}, lines(t, l, "town")); diff != "" {
		t.Errorf("statement of the town (-want +got):\n%s", diff)
	}
}
