package aggregates

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func TestStatsAreNewAsSoonAsTheLedgerIsWritten(t *testing.T) {
	db, _ := village(t)
	c := cache.New(cache.Deps{Store: cache.NewMemory(), Policies: map[string]cache.Policy{"stats": {Window: 1000 * time.Hour}}})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	// One window, however long the test takes: only a write makes it new.
	stats := NewStats(c, db)
	personal := StatsQuery{Kind: ledger.Personal, Status: "active"}
	ask := func() StatsRow {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		res, err := stats.Get(ctx, personal)
		if err != nil {
			t.Fatal(err)
		}
		return res.Value.Rows[0]
	}
	want := StatsRow{Kind: ledger.Personal, Status: "active", Accounts: 4, Balance: 270, Transactions: 8}
	if diff := cmp.Diff(want, ask()); diff != "" {
		t.Fatalf("before (-want +got):\n%s", diff)
	}
	// As a server does it: what an append touched is invalidated when it has
	// committed.
	told := func(ctx context.Context, change ledger.Change) {
		for _, tag := range change.Tags {
			if err := c.Invalidate(ctx, cache.Soft, cache.OfTouched(tag)); err != nil {
				t.Error(err)
			}
		}
	}
	record := ledger.New(db, told)
	write := func(b ledger.Batch) {
		t.Helper()
		if _, err := record.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	soon := func(what string) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
			got := ask()
			if got == want {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("after %s: %+v, want %+v", what, got, want)
			}
		}
	}
	write(ledger.Batch{Transactions: []ledger.Transaction{{
		Origin: "test", Ref: "late", At: at(t, "03-11 10:40"), Source: "test",
		Postings: []ledger.Posting{{Account: "mint", Amount: -5}, {Account: "dan", Amount: 5}},
	}}})
	want.Balance += 5
	want.Transactions++
	soon("a transaction")
	write(ledger.Batch{Accounts: []ledger.Account{{Ref: "eve", Kind: ledger.Personal, Opened: at(t, "03-11 10:45")}}})
	want.Accounts++
	soon("an account")
}

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
	half := func(now, before int64) Compared { return Compared{now, &before} }

	f, err := ComputeFlow(t.Context(), db, w, 7)
	if err != nil {
		t.Fatal(err)
	}
	// Before: 300 from the town, half of 40 between persons.
	if diff := cmp.Diff([]Compared{half(210, 320), half(0, 0), half(20, 0), half(180, 320)}, []Compared{f.Volume, f.Created, f.Destroyed, f.Transfers}); diff != "" {
		t.Errorf("flow (-want +got):\n%s", diff)
	}
	m, err := ComputeMarket(t.Context(), db, w, 7)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Compared{half(1, 2), half(5, 12), half(50, 320)}, []Compared{m.Sales, m.Quantity, m.Volume}); diff != "" {
		t.Errorf("market (-want +got):\n%s", diff)
	}
	i, err := ComputeItem(t.Context(), db, w, ItemQuery{"apple", 7})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Compared{half(1, 2), half(5, 12), half(50, 320)}, []Compared{i.Sales, i.Quantity, i.Volume}); diff != "" {
		t.Errorf("item (-want +got):\n%s", diff)
	}
	h, err := ComputeHealth(t.Context(), db, w, 7)
	if err != nil {
		t.Fatal(err)
	}
	if h.Supply.Before == nil || *h.Supply.Before != 1000 || !h.Supply.Holds {
		t.Errorf("supply %+v, want 1000 before", h.Supply)
	}
}

func TestALedgerWithoutTransactionsSaysSo(t *testing.T) {
	db := testkit.Postgres(t)
	appendBatch(t, db, ledger.Batch{
		Accounts: []ledger.Account{{Ref: "ann", Kind: ledger.Personal, Opened: at(t, "01-01 00:00")}}, Items: []ledger.Item{{Ref: "apple"}},
	})
	w := windowAt(at(t, "03-11 10:30"))
	f, err := ComputeFlow(t.Context(), db, w, 30)
	if err != nil || f.Why != whyNoLedger || f.Period.Days != "30" {
		t.Errorf("flow: %+v, %v", f, err)
	}
	m, err := ComputeMarket(t.Context(), db, w, 0)
	if err != nil || m.Why != whyNoLedger {
		t.Errorf("market: %+v, %v", m, err)
	}
	h, err := ComputeHealth(t.Context(), db, w, 7)
	if err != nil || h.Why != whyNoLedger || h.TransferVelocity.Why != whyNoLedger {
		t.Errorf("health: %+v, %v", h, err)
	}
	i, err := ComputeItem(t.Context(), db, w, ItemQuery{"apple", 7})
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

func TestWhatTheLedgerDoesNotKnowIsNil(t *testing.T) {
	db, w := village(t)
	if i, err := ComputeItem(t.Context(), db, w, ItemQuery{"nothing", 7}); i != nil || err != nil {
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
				t.Errorf("account %q known: %v, %v, want %v", ref, got, err, want)
			}
		}
	}
	if known, err := api.Items.Has(t.Context(), "ann"); known || err != nil {
		t.Errorf("an account is an item: %v, %v", known, err)
	}
}

func TestWhatIsKnownIsLookedUpOnce(t *testing.T) {
	looks := map[string]int{}
	k := NewKnown(func(_ context.Context, ref string) (bool, error) {
		looks[ref]++
		switch ref {
		case "ann":
			return true, nil
		case "lost":
			return false, errors.New("no database")
		}
		return false, nil
	})
	for range 3 {
		if known, err := k.Has(t.Context(), "ann"); !known || err != nil {
			t.Errorf("ann: %v, %v", known, err)
		}
		if known, err := k.Has(t.Context(), "nobody"); known || err != nil {
			t.Errorf("nobody: %v, %v", known, err)
		}
		if known, err := k.Has(t.Context(), "lost"); known || err == nil {
			t.Errorf("lost: %v, %v, want an error", known, err)
		}
	}
	// Who was not there may have come meanwhile.
	if diff := cmp.Diff(map[string]int{"ann": 1, "nobody": 3, "lost": 3}, looks); diff != "" {
		t.Errorf("looks (-want +got):\n%s", diff)
	}
}

func TestKeysOfItemsAndAccountsAreUniqueAndPlain(t *testing.T) {
	seen := map[string]string{}
	for _, ref := range []string{"a", "a:7", "a:30", "a b", "a+b", "a%20b", "{x}", "é\n"} {
		for _, days := range AllDays() {
			key := ItemQuery{ref, days}.Key()
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
