package aggregates

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exchequer/ledger"
)

// Bob turns out to be Ann, who is found under both names from then on.
func TestMergedAccountsAreShownAsOne(t *testing.T) {
	db, w := village(t)
	appendBatch(t, db, ledger.Batch{
		Accounts: []ledger.Account{{Ref: "bob", Kind: ledger.Personal, Name: "Bob"}},
		Merges:   []ledger.Merge{{Account: "bob", Into: "ann"}},
		Labels:   []ledger.Label{{Account: "ann", Text: "mayor"}},
		Holders:  []ledger.Holder{{Ref: "ann", Name: "Ann Fenwick", Kind: "person"}},
	})
	v, err := ComputeRichest(t.Context(), db, w, NoParams{})
	if err != nil {
		t.Fatal(err)
	}
	var list []RichAccount
	for _, a := range v.Accounts[:2] {
		a.LastActive, a.Share = at(t, "01-01 00:00"), 0
		list = append(list, a)
	}
	want := []RichAccount{
		{"town", "town", "town", ledger.Government, 610, 0, -90, at(t, "01-01 00:00")},
		{"ann", "ann", "ann", ledger.Personal, 240, 0, -60, at(t, "01-01 00:00")},
	}
	if diff := cmp.Diff(want, list); diff != "" || v.Count != 5 || v.Supply != ledger.SumOf(1040) {
		t.Errorf("%d accounts, supply %s (-want +got):\n%s", v.Count, v.Supply, diff)
	}
	var all []string
	e := &Economy{reads: always(db), now: w.Start.Local}
	if err := e.AllAccounts(t.Context(), func(a RichAccount) error { all = append(all, a.Ref); return nil }); err != nil {
		t.Fatal(err)
	}
	if slices.Contains(all, "bob") || len(all) != 5 {
		t.Errorf("all accounts are %v, want them without bob", all)
	}
	for _, ref := range []string{"ann", "bob"} {
		a, err := ComputeAccount(t.Context(), db, w, AccountQuery{ref, 7})
		if err != nil {
			t.Fatal(err)
		}
		if a.ID != "ann" || a.Balance != 240 || a.Postings != 6 || a.Received != ledger.SumOf(10) || a.Sent != ledger.SumOf(70) || a.Label != "mayor" ||
			a.HolderName != "Ann Fenwick" || a.HolderKind != "person" || strings.Join(a.Merged, " ") != "bob" || strings.Join(a.FormerNames, " ") != "Bob" {
			t.Errorf("the account of %s is %+v", ref, a)
		}
	}
	i, err := ComputeInequality(t.Context(), db, w, InequalityQuery{Population: PopulationPersonal})
	if err != nil {
		t.Fatal(err)
	}
	if i.Holders != 1 { // Ann with her two accounts and Bob's
		t.Errorf("%d holders, want Ann alone", i.Holders)
	}
}

func TestAHiddenHolderIsCountedAndNamedNowhere(t *testing.T) {
	db, w := village(t)
	before, err := ComputeRichest(t.Context(), db, w, NoParams{})
	if err != nil {
		t.Fatal(err)
	}
	bread := int64(5)
	appendBatch(t, db, ledger.Batch{
		Holders: []ledger.Holder{{Ref: "ann", Name: "Ann Fenwick", Hidden: true}},
		Items:   []ledger.Item{{Ref: "bread"}},
		Shops:   []ledger.Shop{{Ref: "stall", Owner: "ann2", Active: true, Seen: w.Start}},
		Offers:  []ledger.Offer{{Shop: "stall", Item: "bread", Ask: &bread, Batch: 1, Active: true, Seen: w.Start}},
	})
	after, err := ComputeRichest(t.Context(), db, w, NoParams{})
	if err != nil {
		t.Fatal(err)
	}
	for n, a := range after.Accounts {
		if was := before.Accounts[n]; a.Balance != was.Balance || a.Kind != was.Kind {
			t.Errorf("number %d has %d, and had %d", n+1, a.Balance, was.Balance)
		}
	}
	if a := after.Accounts[1]; a.Ref != "" || a.Name != ledger.HiddenName || a.Holder != "" {
		t.Errorf("a hidden holder's account is shown as %+v", a)
	}
	i, err := ComputeItem(t.Context(), db, w, ItemQuery{Item: "bread", Days: 7})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal([]any{after, after.Table(), i})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), `"ann`) || strings.Contains(string(text), "Fenwick") {
		t.Errorf("Ann is named in %s", text)
	}
	for _, ref := range []string{"ann", "ann2"} {
		if a, err := ComputeAccount(t.Context(), db, w, AccountQuery{ref, 7}); a != nil || err != nil {
			t.Errorf("the account %s is %+v, %v, want none", ref, a, err)
		}
	}
}

// A holder may have as many accounts as there are: what they have together is exact, and
// sums over time are of those used most.
func TestAHolderWithManyAccountsIsBounded(t *testing.T) {
	const all = mostCounted + 200
	db, w := village(t)
	b := ledger.Batch{}
	for n := range all {
		ref := fmt.Sprintf("branch%04d", n)
		b.Accounts = append(b.Accounts, ledger.Account{Ref: ref, Kind: ledger.Business, Holder: "chain", Opened: at(t, "03-01 00:00")})
		b.Transactions = append(b.Transactions, pay(t, "03-02 10:00", "mint", ref, int64(1+n)))
		if n >= all-mostCounted { // these are used more
			b.Transactions = append(b.Transactions, pay(t, "03-10 10:00", "mint", ref, 10))
		}
	}
	appendBatch(t, db, b)
	h, err := ComputeHolder(t.Context(), db, w, HolderQuery{"chain", 30})
	if err != nil {
		t.Fatal(err)
	}
	if h.Accounts != all || len(h.List) != mostHolderAccounts || h.List[0].Balance != all+10 {
		t.Errorf("%d accounts, of which %d are listed, first %+v", h.Accounts, len(h.List), h.List[0])
	}
	if want := sumOf(all*(all+1)/2 + 10*mostCounted); h.Balance != want || *h.Held != all*(all+1)/2+10*mostCounted {
		t.Errorf("they have %s, ranked as %d; want %s", h.Balance, *h.Held, want)
	}
	a, err := ComputeAccount(t.Context(), db, w, AccountQuery{"branch0007", 30})
	if err != nil {
		t.Fatal(err)
	}
	if a.HolderAccounts != all || len(a.SameHolder) != mostSameHolder || a.SameHolder[0].ID != h.List[0].ID || a.HolderBalance != h.Balance || *a.Held != *h.Held {
		t.Errorf("one of them: of %d accounts, %d listed, first %+v, with %s, ranked as %d", a.HolderAccounts, len(a.SameHolder), a.SameHolder[0], a.HolderBalance, *a.Held)
	}
	before := int64(all*(all+1)/2 - 200*201/2) // of those that count
	last := h.Course[len(h.Course)-1]
	if h.Counted != mostCounted || last.Balance != sumOf(before+10*mostCounted) || h.Opening.Sign() != 0 {
		t.Errorf("%d accounts count, with %s at last and %s at first; want %d, %d and 0", h.Counted, last.Balance, h.Opening, mostCounted, before+10*mostCounted)
	}
	v, err := ComputeHolderSides(t.Context(), db, w, HolderQuery{"chain", 30})
	if err != nil {
		t.Fatal(err)
	}
	if v.Counted != mostCounted || v.Received != sumOf(before+10*mostCounted) {
		t.Errorf("%d accounts count, which received %s; want %d", v.Counted, v.Received, before+10*mostCounted)
	}
}
