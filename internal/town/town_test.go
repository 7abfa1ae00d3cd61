package town_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"exchequer/internal/town"
	"exchequer/ledger"
)

var noon = time.Date(2026, 11, 21, 13, 20, 0, 0, time.UTC)

// history collects the batches of a town's history.
func history(t testing.TB, c town.Config) []ledger.Batch {
	t.Helper()
	var batches []ledger.Batch
	err := town.New(c).History(t.Context(), func(b ledger.Batch) error {
		batches = append(batches, b)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return batches
}

// sixtyDays is the town of the demo.
var sixtyDays = sync.OnceValue(func() []ledger.Batch {
	var batches []ledger.Batch
	town.New(town.Config{Seed: 1, End: noon}).History(context.Background(), func(b ledger.Batch) error {
		batches = append(batches, b)
		return nil
	})
	return batches
})

func transactions(batches []ledger.Batch) []ledger.Transaction {
	var all []ledger.Transaction
	for _, b := range batches {
		all = append(all, b.Transactions...)
	}
	return all
}

func hash(t *testing.T, v any) string {
	t.Helper()
	h := sha256.New()
	if err := json.NewEncoder(h).Encode(v); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

func TestTheSameSeedGivesTheSameTown(t *testing.T) {
	c := town.Config{Seed: 7, Players: 300, Days: 12, End: noon}
	first := hash(t, history(t, c))
	if again := hash(t, history(t, c)); again != first {
		t.Error("the same configuration gave another history")
	}
	c.Seed = 8
	if other := hash(t, history(t, c)); other == first {
		t.Error("another seed gave the same history")
	}
}

func TestTheEndOnlySetsWhereToStop(t *testing.T) {
	start := noon.AddDate(0, 0, -10)
	short := transactions(history(t, town.Config{Seed: 1, Players: 300, Start: start, End: noon.Add(-25*time.Hour - 7*time.Minute)}))
	long := transactions(history(t, town.Config{Seed: 1, Players: 300, Start: start, End: noon}))
	if len(short) >= len(long) {
		t.Fatalf("%d transactions up to a day earlier, %d up to the end", len(short), len(long))
	}
	if hash(t, short) != hash(t, long[:len(short)]) {
		t.Error("the shorter history is not the beginning of the longer one")
	}
}

func TestATownThatGoesOnYieldsWhatTheLedgerLacks(t *testing.T) {
	c := town.Config{Seed: 1, Players: 300, Start: noon.AddDate(0, 0, -10), End: noon}
	whole := transactions(history(t, c))
	cut := len(whole) * 2 / 3
	c.Since = whole[cut].At
	rest := history(t, c)
	for whole[cut-1].At.Equal(c.Since) { // what was stamped alike comes again
		cut--
	}
	if hash(t, transactions(rest)) != hash(t, whole[cut:]) {
		t.Error("the rest is not what came after the cut")
	}
	checkNames(t, rest)
}

// checkNames reports accounts, items and shops that are used before they are
// in a batch.
func checkNames(t *testing.T, batches []ledger.Batch) {
	t.Helper()
	known := map[string]bool{"": true}
	use := func(what, ref string) {
		if !known[ref] {
			t.Fatalf("%s uses %q, which is not in its batch or an earlier one", what, ref)
		}
	}
	for _, b := range batches {
		for _, a := range b.Accounts {
			known[a.Ref] = true
			if a.Opened.IsZero() || a.Name == "" {
				t.Errorf("account %q lacks its name or its opening", a.Ref)
			}
		}
		for _, i := range b.Items {
			known[i.Ref] = true
		}
		for _, s := range b.Shops {
			known[s.Ref] = true
			use("shop "+s.Ref, s.Owner)
		}
		for _, o := range b.Offers {
			use("offer of "+o.Shop, o.Shop)
			use("offer of "+o.Shop, o.Item)
			use("offer of "+o.Shop, o.PricedIn)
		}
		for _, x := range b.Transactions {
			for _, p := range x.Postings {
				use("transaction "+x.Ref, p.Account)
			}
		}
		for _, s := range b.Sales {
			for _, ref := range []string{s.Item, s.Shop, s.Seller, s.Buyer} {
				use("sale "+s.Ref, ref)
			}
		}
	}
}

func TestTheBooksAreInOrder(t *testing.T) {
	batches := sixtyDays()
	checkNames(t, batches)
	kinds, balances, refs := map[string]ledger.Kind{}, map[string]int64{}, map[string]bool{}
	last := noon.Truncate(24*time.Hour).AddDate(0, 0, -60)
	for _, b := range batches {
		for _, a := range b.Accounts {
			kinds[a.Ref] = a.Kind
			if !a.Archived.Before(noon) {
				t.Errorf("account %s is archived at %v", a.Ref, a.Archived)
			}
		}
		for _, o := range b.Offers {
			if o.PricedIn != "" {
				continue // its stock is not known
			}
			if !o.Seen.Before(noon) || *o.Stock < 0 || *o.Stock > *o.Capacity || *o.Ask <= 0 {
				t.Errorf("offer of %s: seen %v, %d of %d, price %d", o.Shop, o.Seen, *o.Stock, *o.Capacity, *o.Ask)
			}
		}
		for _, x := range b.Transactions {
			if refs[x.Ref] {
				t.Errorf("ref %s occurs twice", x.Ref)
			}
			refs[x.Ref] = true
			if x.At.Before(last) || !x.At.Before(noon) {
				t.Errorf("transaction %s at %v, after one at %v", x.Ref, x.At, last)
			}
			last = x.At
			var sum int64
			once := map[string]bool{}
			for _, p := range x.Postings {
				sum += p.Amount
				balances[p.Account] += p.Amount
				if once[p.Account] || p.Amount == 0 {
					t.Errorf("transaction %s (%s) has a leg of zero or two for %s", x.Ref, x.Source, p.Account)
				}
				once[p.Account] = true
			}
			if sum != 0 {
				t.Errorf("transaction %s (%s) sums to %d", x.Ref, x.Source, sum)
			}
			for _, p := range x.Postings {
				if balances[p.Account] < 0 && kinds[p.Account] != ledger.System {
					t.Errorf("transaction %s (%s) leaves %s at %d", x.Ref, x.Source, p.Account, balances[p.Account])
				}
			}
		}
	}
}

func TestShopsOfferSeveralGoodsAtAPlace(t *testing.T) {
	places, items, barter := map[[3]int64]bool{}, map[string]map[string]bool{}, map[string]bool{}
	for _, b := range sixtyDays() {
		for _, s := range b.Shops {
			if s.Place == "" || s.World == "" {
				t.Errorf("shop %s is in the world %q at %q", s.Ref, s.World, s.Place)
			}
			places[[3]int64{*s.X, *s.Y, *s.Z}] = true
			items[s.Ref] = map[string]bool{}
		}
		for _, o := range b.Offers {
			items[o.Shop][o.Item] = true
			if o.PricedIn != "" {
				barter[o.Shop] = true
			}
		}
	}
	several := 0
	for _, sold := range items {
		if len(sold) > 1 {
			several++
		}
	}
	if n := len(items); len(places) < n*9/10 || several < n*3/4 || len(barter) < n/10 || len(barter) > n/2 {
		t.Errorf("%d shops are at %d places, %d of them offer several goods, %d barter", n, len(places), several, len(barter))
	}
}

func TestASaleIsWhatItsTransactionMoved(t *testing.T) {
	seen := map[string]bool{}
	var returns, sales, purchases int
	for _, b := range sixtyDays() {
		moved := map[string]ledger.Transaction{}
		for _, x := range b.Transactions {
			moved[x.Ref] = x
		}
		totals, taxes := map[string]int64{}, map[string]int64{}
		parties := map[string]ledger.Sale{}
		for _, s := range b.Sales {
			if seen[s.Ref] {
				t.Errorf("sale %s occurs twice", s.Ref)
			}
			seen[s.Ref] = true
			totals[s.Transaction] += s.Total
			taxes[s.Transaction] += s.Tax
			parties[s.Transaction] = s
			if !s.At.Equal(moved[s.Transaction].At) {
				t.Errorf("sale %s is at another time than its transaction", s.Ref)
			}
			switch {
			case s.Quantity < 0 && s.Total < 0 && s.Tax <= 0:
				returns++
			case s.Quantity > 0 && s.Total > 0 && s.Tax >= 0 && s.Direction == ledger.DirectionPurchase:
				purchases++
			case s.Quantity > 0 && s.Total > 0 && s.Tax >= 0:
				sales++
			default:
				t.Errorf("sale %s of %d for %d, tax %d", s.Ref, s.Quantity, s.Total, s.Tax)
			}
		}
		for ref, s := range parties {
			for _, p := range moved[ref].Postings {
				if p.Account == s.Buyer && p.Amount != -totals[ref] || p.Account == s.Seller && p.Amount != totals[ref]-taxes[ref] {
					t.Fatalf("transaction %s moves %d for %s, its sales say %d with a tax of %d", ref, p.Amount, p.Account, totals[ref], taxes[ref])
				}
			}
		}
	}
	if returns == 0 || returns*50 > sales || purchases*20 < sales {
		t.Errorf("%d sales, %d purchases, %d returns: want some purchases and few returns", sales, purchases, returns)
	}
}

func TestHistoryStopsAtTheFirstError(t *testing.T) {
	full := errors.New("disk full")
	calls := 0
	err := town.New(town.Config{Players: 100, Days: 60, End: noon}).History(t.Context(), func(ledger.Batch) error {
		calls++
		return full
	})
	if !errors.Is(err, full) || calls != 1 {
		t.Errorf("History = %v after %d batches, want the first error", err, calls)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := town.New(town.Config{Days: 1, End: noon}).History(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("History of a cancelled context = %v", err)
	}
}

func TestBatchesAreOfAHandySize(t *testing.T) {
	batches := sixtyDays()
	for _, b := range batches[:len(batches)-1] {
		if n := len(b.Transactions); n < 3000 || n > 6000 {
			t.Errorf("a batch has %d transactions", n)
		}
	}
	sizes := 0
	for _, b := range batches {
		for _, x := range b.Transactions {
			sizes += len(x.Postings)
		}
	}
	if sizes < 250_000 || sizes > 400_000 {
		t.Errorf("the history has %d postings, want 250,000 to 400,000", sizes)
	}
	if !slices.ContainsFunc(transactions(batches), func(x ledger.Transaction) bool { return len(x.Postings) > 20 }) {
		t.Error("no transaction has many legs")
	}
}

func BenchmarkHistory(b *testing.B) {
	for b.Loop() {
		postings := 0
		err := town.New(town.Config{Seed: 1, End: noon}).History(b.Context(), func(batch ledger.Batch) error {
			for i := range batch.Transactions {
				postings += len(batch.Transactions[i].Postings)
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(postings), "postings")
	}
}
