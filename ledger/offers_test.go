package ledger_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// sells is an offer of bread at the stall as it was seen at a time.
func sells(at time.Time, ask, stock int64) ledger.Offer {
	return ledger.Offer{Shop: "stall", Item: "bread", Ask: &ask, Batch: 2, Stock: &stock, Active: true, Seen: at}
}

func appended(t *testing.T, l *ledger.Ledger, batches ...ledger.Batch) {
	t.Helper()
	for _, b := range batches {
		if _, err := l.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	wantSound(t, l)
}

// stood is what stood at the end of each hour in which an offer of bread changed.
const stood = `SELECT extract(hour FROM hour)::int, best_ask, best_bid, asks, bids, h.stock
	FROM item_offer_hours h JOIN items i ON i.id = item WHERE i.ref = 'bread' ORDER BY hour`

func TestAShopHasSeveralOffersAndKeepsTheirChanges(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	b := village()
	x, z, bid := int64(207), int64(-47), int64(30)
	b.Items = append(b.Items, ledger.Item{Ref: "iron"})
	b.Shops[0].World, b.Shops[0].X, b.Shops[0].Z = "main", &x, &z
	cheap := sells(noon, 100, 8)
	second := sells(noon, 120, 64)
	second.Ref, second.Bid = "by the door", &bid
	barter := sells(noon, 1, 5)
	barter.Ref, barter.PricedIn = "barter", "iron"
	b.Offers = []ledger.Offer{cheap, second, barter}
	hour := time.Hour
	appended(t, l, b,
		ledger.Batch{Offers: []ledger.Offer{sells(noon.Add(hour), 100, 8)}},                                  // as before
		ledger.Batch{Offers: []ledger.Offer{sells(noon.Add(2*hour), 90, 4), sells(noon.Add(3*hour), 90, 1)}}, // the last piece is no batch
	)
	wantRows(t, db, `SELECT world, x, y, z, owner IS NOT NULL FROM shops`, "main 207 <nil> -47 true")
	wantRows(t, db, stood, "12 50 15 2 1 72", "14 45 15 2 1 68", "15 60 15 1 1 64")
	wantRows(t, db, `SELECT extract(hour FROM at)::int, c.ask, c.stock FROM offer_changes c JOIN offers o ON o.id = offer WHERE ref = 'bread' ORDER BY at`,
		"12 100 8", "14 90 4", "15 90 1")

	before := dump(t, db)
	appended(t, l, b, ledger.Batch{Offers: []ledger.Offer{sells(noon.Add(hour), 1, 1)}}) // an older sighting
	if diff := cmp.Diff(before, dump(t, db)); diff != "" {
		t.Errorf("what was seen earlier changed the ledger:\n%s", diff)
	}
}

func TestASightingThatComesLateCountsInItsHour(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	b := village()
	b.Shops = append(b.Shops, ledger.Shop{Ref: "inn", Owner: "ann", Active: true, Seen: noon})
	b.Offers = []ledger.Offer{sells(noon.Add(4*time.Hour), 100, 8)}
	late, dearer := sells(noon, 80, 6), sells(noon.Add(2*time.Hour), 140, 6)
	late.Shop, dearer.Shop = "inn", "inn"
	appended(t, l, b, ledger.Batch{Offers: []ledger.Offer{late, dearer}})
	wantRows(t, db, stood, "12 40 <nil> 1 0 6", "14 70 <nil> 1 0 6", "16 50 <nil> 2 0 14")
}

func TestAClosedShopOffersNothing(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	b := village()
	b.Offers = []ledger.Offer{sells(noon, 100, 8)}
	closed := ledger.Shop{Ref: "stall", Owner: "bakery", Seen: noon.Add(time.Hour)}
	appended(t, l, b, ledger.Batch{Shops: []ledger.Shop{closed}})
	wantRows(t, db, stood, "12 50 <nil> 1 0 8", "13 <nil> <nil> 0 0 0")

	appended(t, l, ledger.Batch{Offers: []ledger.Offer{sells(noon.Add(2*time.Hour), 100, 8)}}, ledger.Batch{Shops: []ledger.Shop{closed}})
	wantRows(t, db, `SELECT active, extract(hour FROM seen)::int FROM offers`, "true 14")
}

func TestASignThatIsWrittenAnewEndsItsOldOffer(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	b := village()
	b.Items = append(b.Items, ledger.Item{Ref: "iron"})
	old, anew := sells(noon, 100, 8), sells(noon.Add(time.Hour), 700, 8)
	old.Ref, anew.Ref, anew.Item = "sign 1", "sign 1", "iron"
	b.Offers = []ledger.Offer{old}
	appended(t, l, b, ledger.Batch{Offers: []ledger.Offer{anew}})
	wantRows(t, db, `SELECT i.ref, active FROM offers o JOIN items i ON i.id = item ORDER BY 1`, "bread false", "iron true")
	wantRows(t, db, stood, "12 50 <nil> 1 0 8", "13 <nil> <nil> 0 0 0")
}
