package aggregates

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"exchequer/ledger"
)

// An account of a hidden holder that is merged into one of somebody else is that one:
// it is shown under that name everywhere, and its own is nowhere.
func TestAMergedAccountOfAHiddenHolderIsShownAsItsTarget(t *testing.T) {
	db, w := village(t)
	appendBatch(t, db, ledger.Batch{
		Accounts: []ledger.Account{{Ref: "cyd", Name: "Cyd Visible", Kind: ledger.Personal}},
		Holders:  []ledger.Holder{{Ref: "ann", Name: "Ann Fenwick", Hidden: true}},
		Merges:   []ledger.Merge{{Account: "ann", Into: "cyd"}},
	})
	account, err := ComputeAccount(t.Context(), db, w, AccountQuery{"cyd", 0})
	if err != nil || account == nil || account.Postings == 0 {
		t.Fatal(account, err)
	}
	sides, err := ComputeAccountSides(t.Context(), db, w, AccountQuery{"town", 0})
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, p := range sides.Parties {
		found = found || p.ID == "cyd" && p.Name == "Cyd Visible"
	}
	if !found {
		t.Errorf("the town's counterparties are %+v, want Cyd among them", sides.Parties)
	}
	l := ledger.New(db)
	entries, err := l.Transactions(t.Context(), ledger.EntryFilter{Account: "cyd"}, ledger.End(), 100)
	if err != nil || len(entries.Entries) == 0 {
		t.Fatal(entries, err)
	}
	shown := []any{account, sides, entries}
	for _, e := range entries.Entries {
		posted, err := l.Transaction(t.Context(), e.Origin, e.Ref, ledger.FirstLeg, 50)
		if err != nil {
			t.Fatal(err)
		}
		if e.From.Ref != "cyd" && e.To.Ref != "cyd" {
			t.Errorf("%s is from %+v to %+v, want Cyd on one side", e.Ref, e.From, e.To)
		}
		named := 0
		for _, leg := range posted.Legs {
			if leg.Account.Ref == "cyd" && leg.After != nil {
				named++
			}
		}
		if named == 0 {
			t.Errorf("%s has no leg of Cyd with a balance: %+v", e.Ref, posted.Legs)
		}
		shown = append(shown, posted)
	}
	statement, err := l.Statement(t.Context(), ledger.StatementQuery{Account: "town", Before: ledger.End(), Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(append(shown, statement))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{`"ann"`, "Ann", "Fenwick"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("%s is part of %s", secret, text)
		}
	}
	for _, ref := range []string{"ann", "Ann"} {
		if found, err := l.Find(t.Context(), ref); err != nil || len(found) > 0 {
			t.Errorf("%s is found: %+v, %v", ref, found, err)
		}
		if a, err := ComputeAccount(t.Context(), db, w, AccountQuery{ref, 30}); a != nil || err != nil {
			t.Errorf("%s has a page: %+v, %v", ref, a, err)
		}
	}
}

// An account that is merged into an archived one is archived with it, for all who count.
func TestAMergedAccountIsArchivedIfItsTargetIs(t *testing.T) {
	db, w := village(t)
	check := func(what string, holders int64, total int64) {
		t.Helper()
		list, err := ComputeHoldings(t.Context(), db, w, PopulationPersonal)
		if err != nil {
			t.Fatal(err)
		}
		shared, err := ComputeInequality(t.Context(), db, w, InequalityQuery{Population: PopulationPersonal})
		if err != nil {
			t.Fatal(err)
		}
		if list.Total != sumOf(total) || shared.Total != sumOf(total) || shared.Holders != holders {
			t.Errorf("%s: the list has %v, the distribution %v of %d holders; want %d of %d", what, list.Total, shared.Total, shared.Holders, total, holders)
		}
	}
	check("before", 2, 270)
	appendBatch(t, db, ledger.Batch{Merges: []ledger.Merge{{Account: "bob", Into: "cara"}}})
	check("Bob merged into Cara, who is archived", 1, 240)
	appendBatch(t, db, ledger.Batch{Merges: []ledger.Merge{{Account: "bob", Into: ""}, {Account: "cara", Into: "bob"}}})
	check("Cara merged into Bob", 2, 370)
}

// Who trades under two names is one trader, in the price of an item and beside it.
func TestMergedAccountsAreOneTrader(t *testing.T) {
	db, w := village(t)
	b := ledger.Batch{
		Items: []ledger.Item{{Ref: "bread"}},
		Shops: []ledger.Shop{{Ref: "stall", Owner: "shop", Seen: at(t, "03-10 08:00")}},
	}
	for i, buyer := range []string{"ann", "dan", "bob", "ann", "dan"} {
		b.Sales = append(b.Sales, ledger.Sale{
			Origin: "test", Ref: string(rune('a' + i)), At: at(t, "03-10 09:00").Add(time.Duration(i) * time.Minute), Item: "bread", Shop: "stall",
			Seller: "shop", Buyer: buyer, Direction: ledger.DirectionSale, Quantity: 1, Total: 10,
		})
	}
	appendBatch(t, db, b)
	check := func(what string, traders, buyers int64) {
		t.Helper()
		prices, err := ComputePrices(t.Context(), db, w, NoParams{})
		if err != nil {
			t.Fatal(err)
		}
		item, err := ComputeItem(t.Context(), db, w, ItemQuery{Item: "bread", Days: 30})
		if err != nil {
			t.Fatal(err)
		}
		series, err := NewSold(db).Series(t.Context(), "bread", "1d", time.Time{}, w.Start)
		if err != nil {
			t.Fatal(err)
		}
		if prices.Items[0].Price.Traders != traders || *series.Points[0].Traders != traders || item.Buyers != buyers {
			t.Errorf("%s: %d traders of the price, %d of the day and %d buyers, want %d, %d and %d",
				what, prices.Items[0].Price.Traders, *series.Points[0].Traders, item.Buyers, traders, traders, buyers)
		}
	}
	check("before", 4, 3)
	appendBatch(t, db, ledger.Batch{Merges: []ledger.Merge{{Account: "dan", Into: "ann"}}})
	check("after", 3, 2)
}
