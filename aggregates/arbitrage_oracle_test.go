package aggregates

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func TestArbitrageIsWhatScanningTheChangesSays(t *testing.T) {
	for seed := range uint64(4) {
		random := rand.New(rand.NewPCG(seed, 9))
		now := at(t, "03-11 15:00")
		db := testkit.Postgres(t)
		b := randomStreet(random, now)
		appendBatch(t, db, b)
		a, err := ComputeArbitrage(t.Context(), db, windowAt(now), NoParams{})
		if err != nil {
			t.Fatal(err)
		}
		var tax, total, n int64
		for _, s := range b.Sales {
			if s.Direction == ledger.DirectionPurchase && real(s) {
				tax, total, n = tax+s.Tax, total+s.Total, n+1
			}
		}
		if a.TaxSales != n || a.TaxRate != float64(tax)/float64(total) {
			t.Errorf("tax %v of %d, want %v of %d", a.TaxRate, a.TaxSales, float64(tax)/float64(total), n)
		}
		// Batch by batch, as somebody would who goes back and forth.
		type trip struct {
			text   string
			profit int64
		}
		best := map[string][]trip{}
		signs := scannedOffers(t, db)
		for _, from := range signs {
			for _, to := range signs {
				if from.item != to.item || from.owner == to.owner {
					continue
				}
				ask, asks, _, _, _ := from.deal(false, from.batch)
				bid, bids, _, _, _ := to.deal(true, to.batch)
				if ask == nil || bid == nil || !asks || !bids && !(to.stock == nil || to.capacity == nil) || float64(*bid)/float64(to.batch) <= float64(*ask)/float64(from.batch) {
					continue
				}
				lot := max(from.batch, to.batch) // 1, 4 and 64 divide each other
				room := to.capacity != nil && to.stock != nil
				var pieces int64
				for {
					next := pieces + lot
					if from.stock != nil && next > *from.stock || room && next > *to.capacity-*to.stock || next/to.batch**bid > to.balance {
						break
					}
					pieces = next
				}
				proceeds := pieces / to.batch * *bid
				taken := (proceeds*tax + total - 1) / total
				if profit := proceeds - taken - pieces/from.batch**ask; pieces > 0 && profit > 0 {
					best[from.item] = append(best[from.item], trip{fmt.Sprintf("%s %s>%s %d: %d", from.item, from.shop, to.shop, pieces, profit), profit})
				}
			}
		}
		var want []string
		for _, trips := range best {
			slices.SortFunc(trips, func(a, b trip) int { return cmp.Or(cmp.Compare(b.profit, a.profit), cmp.Compare(a.text, b.text)) })
			for _, trip := range trips[:min(len(trips), tripsOfItem)] {
				want = append(want, trip.text)
			}
		}
		var got []string
		first := map[string]bool{}
		for i, trip := range a.Trips {
			got = append(got, fmt.Sprintf("%s %s>%s %d: %s", trip.Item, trip.From.Shop, trip.To.Shop, trip.Pieces, trip.Profit))
			if i < len(best) && first[trip.Item] {
				t.Errorf("trip %d is another one of %s before the best of all items", i, trip.Item)
			}
			first[trip.Item] = true
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("trips (-scanned +computed):\n%s", diff)
		}
	}
}

// Twenty thousand offers of a thousand items, whose bids and asks cross.
func BenchmarkArbitrage(b *testing.B) {
	db := testkit.Postgres(b)
	opened := at(b, "01-01 00:00")
	batch := ledger.Batch{Accounts: []ledger.Account{{Ref: "mint", Kind: ledger.System, Opened: opened}}}
	for i := range 500 {
		ref := fmt.Sprint("o", i)
		batch.Accounts = append(batch.Accounts, ledger.Account{Ref: ref, Kind: ledger.Business, Opened: opened})
		batch.Transactions = append(batch.Transactions, ledger.Transaction{Origin: "b", Ref: ref, At: opened, Source: "opening", Postings: []ledger.Posting{{Account: "mint", Amount: -1e6}, {Account: ref, Amount: 1e6}}})
		batch.Shops = append(batch.Shops, ledger.Shop{Ref: ref, Owner: ref, World: "w", X: pointerTo(int64(i)), Z: pointerTo(int64(i)), Active: true, Seen: opened})
	}
	for i := range 1000 {
		batch.Items = append(batch.Items, ledger.Item{Ref: fmt.Sprint("i", i)})
	}
	random := rand.New(rand.NewPCG(1, 1))
	for i := range 20_000 {
		batch.Offers = append(batch.Offers, ledger.Offer{Shop: fmt.Sprint("o", i%500), Ref: fmt.Sprint(i), Item: fmt.Sprint("i", i%1000), Batch: 1, Active: true, Seen: opened.Add(time.Duration(i) * time.Second),
			Ask: pointerTo(90 + random.Int64N(30)), Bid: pointerTo(70 + random.Int64N(30)), Stock: pointerTo(int64(64)), Capacity: pointerTo(int64(128))})
	}
	appendBatch(b, db, batch)
	if _, err := db.Exec(b.Context(), `ANALYZE`); err != nil {
		b.Fatal(err)
	}
	w := windowAt(at(b, "01-05 00:00"))
	for b.Loop() {
		a, err := ComputeArbitrage(b.Context(), db, w, NoParams{})
		if err != nil || len(a.Trips) != mostTrips {
			b.Fatal(len(a.Trips), err)
		}
	}
}
