package aggregates

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/cache"
	"exchequer/ledger"
)

func TestProducersOfOneMomentShareThePrices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		share, reads := &priceShare{}, 0
		read := func(err error) func() (map[int64]Price, error) {
			return func() (map[int64]Price, error) {
				reads++
				time.Sleep(time.Second)
				return map[int64]Price{int64(reads): {}}, err
			}
		}
		now, later := priceMoment{snapshot: "1:1:"}, priceMoment{snapshot: "1:2:"}
		var asking sync.WaitGroup
		for range 5 {
			asking.Go(func() {
				if _, ok := must(share.get(t.Context(), now, read(nil)))[1]; !ok {
					t.Error("a producer has other prices than those that the first one read")
				}
			})
		}
		asking.Wait()
		must(share.get(t.Context(), now, read(nil)))
		if reads != 1 {
			t.Errorf("6 producers of one moment read %d times, want once", reads)
		}
		if _, ok := must(share.get(t.Context(), later, read(nil)))[2]; !ok || reads != 2 {
			t.Errorf("the prices of a later moment were read %d times in all, want 2", reads)
		}

		// What one fails to read the next one reads.
		asking.Go(func() {
			if _, err := share.get(t.Context(), now, read(errors.New("broken"))); err == nil {
				t.Error("no error")
			}
		})
		synctest.Wait()
		if _, ok := must(share.get(t.Context(), now, read(nil)))[4]; !ok || reads != 4 {
			t.Errorf("after a reading that failed: %d readings, want 4", reads)
		}
		asking.Wait()

		// Who has to go does not wait.
		asking.Go(func() { must(share.get(t.Context(), later, read(nil))) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := share.get(ctx, later, read(nil)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a producer that was cancelled while it waited: %v", err)
		}
		asking.Wait()
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestSharedPricesAreThoseOfTheLedger asks twice in one window, with a sale between.
func TestSharedPricesAreThoseOfTheLedger(t *testing.T) {
	db, w := village(t)
	share := &priceShare{}
	prices := sharing(share, on(always(db), ComputePrices))
	sell := func(ref string, total int64) {
		appendBatch(t, db, ledger.Batch{
			Items: []ledger.Item{{Ref: "bread", Name: "Bread"}},
			Sales: []ledger.Sale{{Origin: "test", Ref: ref, At: w.Start.Add(-time.Minute), Item: "bread", Buyer: "ann", Seller: "shop", Direction: ledger.DirectionSale, Quantity: 1, Total: total}},
		})
	}
	for n, total := range []int64{10, 12} {
		sell(string(rune('a'+n)), total)
		v, err := prices(t.Context(), w, NoParams{})
		if err != nil || len(v.Items) != 1 || v.Items[0].Price.Sales != int64(n)+1 {
			t.Fatalf("after %d sales: %+v, %v", n+1, v, err)
		}
	}

	// A transaction sees one ledger, and has the prices read once.
	produce := sharing(share, func(ctx context.Context, w cache.Window, _ NoParams) (bool, error) {
		same := false
		var b Basis
		err := b.read(ctx, db, w, 0, func(ctx context.Context, tx pgx.Tx, s span) error {
			first, err := readPrices(ctx, tx, s, nil)
			if err != nil {
				return err
			}
			second, err := readPrices(ctx, tx, s, nil)
			same = reflect.ValueOf(first).UnsafePointer() == reflect.ValueOf(second).UnsafePointer()
			return err
		})
		return same, err
	})
	if same, err := produce(t.Context(), w, NoParams{}); err != nil || !same {
		t.Errorf("the prices were read again: %v", err)
	}
}
