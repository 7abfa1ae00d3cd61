package aggregates

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// TestAPeriodBeforeEndsAtTheSameTimeOfDay takes half of the hour from 10:00,
// since the present period ends at half past ten.
func TestAPeriodBeforeEndsAtTheSameTimeOfDay(t *testing.T) {
	db, w := village(t)
	sale := func(ref, when string, quantity, total int64) ledger.Sale {
		return ledger.Sale{Origin: "test", Ref: ref, At: at(t, when), Item: "apple", Direction: ledger.DirectionSale, Quantity: quantity, Total: total}
	}
	appendBatch(t, db, ledger.Batch{Items: []ledger.Item{{Ref: "apple"}}, Sales: []ledger.Sale{
		sale("a", "02-26 12:00", 10, 300), sale("b", "03-04 10:00", 4, 40), sale("c", "03-04 18:00", 1, 60), sale("d", "03-06 08:00", 5, 50),
	}})
	counted := func(now, before int64) Compared[int64] { return Compared[int64]{now, &before} }
	half := func(now, before int64) Compared[ledger.Sum] {
		return Compared[ledger.Sum]{sumOf(now), pointerTo(sumOf(before))}
	}

	f, err := ComputeFlow(t.Context(), db, w, 7)
	if err != nil {
		t.Fatal(err)
	}
	// Before: 300 from the town, half of 40 between persons.
	if diff := cmp.Diff([]any{half(210, 320), half(0, 0), half(20, 0), half(180, 320)}, []any{f.Volume, f.Created, f.Destroyed, f.Transfers}); diff != "" {
		t.Errorf("flow (-want +got):\n%s", diff)
	}
	m, err := ComputeMarket(t.Context(), db, w, MarketQuery{Days: 7})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{counted(1, 2), half(5, 12), half(50, 320)}, []any{m.Sales, m.Quantity, m.Volume}); diff != "" {
		t.Errorf("market (-want +got):\n%s", diff)
	}
	i, err := ComputeItem(t.Context(), db, w, ItemQuery{Item: "apple", Days: 7})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{counted(1, 2), half(5, 12), half(50, 320)}, []any{i.Sales, i.Quantity, i.Volume}); diff != "" {
		t.Errorf("item (-want +got):\n%s", diff)
	}
	h, err := ComputeHealth(t.Context(), db, w, 7)
	if err != nil {
		t.Fatal(err)
	}
	if h.Supply.Before == nil || *h.Supply.Before != sumOf(1000) || !h.Supply.Holds {
		t.Errorf("supply %+v, want 1000 before", h.Supply)
	}
}

func TestALedgerWithoutTransactionsHasAReason(t *testing.T) {
	db := testkit.Postgres(t)
	appendBatch(t, db, ledger.Batch{
		Accounts: []ledger.Account{{Ref: "ann", Kind: ledger.Personal, Opened: at(t, "01-01 00:00")}}, Items: []ledger.Item{{Ref: "apple"}},
	})
	w := windowAt(at(t, "03-11 10:30"))
	f, err := ComputeFlow(t.Context(), db, w, 30)
	if err != nil || f.Why != whyNoLedger || f.Period.Days != "30" {
		t.Errorf("flow: %+v, %v", f, err)
	}
	m, err := ComputeMarket(t.Context(), db, w, MarketQuery{Days: 0})
	if err != nil || m.Why != whyNoLedger {
		t.Errorf("market: %+v, %v", m, err)
	}
	h, err := ComputeHealth(t.Context(), db, w, 7)
	if err != nil || h.Why != whyNoLedger || h.TransferVelocity.Why != whyNoLedger {
		t.Errorf("health: %+v, %v", h, err)
	}
	i, err := ComputeItem(t.Context(), db, w, ItemQuery{Item: "apple", Days: 7})
	if err != nil || i.Why != whyNoLedger || i.Name != "apple" {
		t.Errorf("item: %+v, %v", i, err)
	}
	a, err := ComputeAccount(t.Context(), db, w, AccountQuery{"ann", 7})
	if err != nil || a.Why != whyNoLedger || a.Kind != ledger.Personal || a.LastActive != nil {
		t.Errorf("account: %+v, %v", a, err)
	}
	s, err := ComputeStats(t.Context(), db, w, StatsQuery{})
	if diff := cmp.Diff(&Stats{Rows: []StatsRow{{Kind: ledger.Personal, Status: "active", Accounts: 1}}}, s); err != nil || diff != "" {
		t.Errorf("stats: %v (-want +got):\n%s", err, diff)
	}
}

func TestAnUnknownItemOrAccountIsNil(t *testing.T) {
	db, w := village(t)
	if i, err := ComputeItem(t.Context(), db, w, ItemQuery{Item: "nothing", Days: 7}); i != nil || err != nil {
		t.Errorf("item: %+v, %v", i, err)
	}
	if a, err := ComputeAccount(t.Context(), db, w, AccountQuery{"nobody", 7}); a != nil || err != nil {
		t.Errorf("account: %+v, %v", a, err)
	}
	c := cache.New(cache.Deps{Store: cache.NewMemory()})
	api := NewAPI(c, db)
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	for ref, want := range map[string]bool{
		"ann": true, "nobody": false, "": false, "a\x00b": false, "\xff": false, strings.Repeat("a", 600): false,
	} {
		for range 2 { // looked up, and remembered
			if got, err := api.Accounts.Has(t.Context(), ref); got != want || err != nil {
				t.Errorf("account %q exists: %v, %v, want %v", ref, got, err, want)
			}
		}
	}
	if exists, err := api.Items.Has(t.Context(), "ann"); exists || err != nil {
		t.Errorf("an account is an item: %v, %v", exists, err)
	}
}

func TestKeysOfItemsAndAccountsAreUniqueAndPlain(t *testing.T) {
	seen := map[string]string{}
	for _, ref := range []string{"a", "a:7", "a:30", "a b", "a+b", "a%20b", "{x}", "é\n"} {
		for _, days := range AllDays() {
			key := ItemQuery{Item: ref, Days: days}.Key()
			if key != (AccountQuery{ref, days}).Key() {
				t.Errorf("%q of %s days has two keys", ref, days.Key())
			}
			if strings.ContainsAny(key, " {}\n") {
				t.Errorf("key %q", key)
			}
			if other, taken := seen[key]; taken {
				t.Errorf("%s is the key of %s and of %s", key, other, ref)
			}
			seen[key] = fmt.Sprint(ref, days)
		}
	}
}
