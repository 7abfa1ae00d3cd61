package aggregates

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// TestAnAppraisalIsWhatScanningSays appraises a list in a street whose offers change,
// and computes each line again from all sales, and from all changes of offers.
func TestAnAppraisalIsWhatScanningSays(t *testing.T) {
	for seed := range uint64(3) {
		random := rand.New(rand.NewPCG(seed, 41))
		end := at(t, "03-11 15:30")
		b := randomStreet(random, end)
		b.Items = append(b.Items, ledger.Item{Ref: "i:salt", Name: "Salt", Group: "Food"})
		db := testkit.Postgres(t)
		appendBatch(t, db, b)
		w := windowAt(end)
		all, err := ComputePrices(t.Context(), db, w, NoParams{})
		if err != nil {
			t.Fatal(err)
		}
		m := NewMatcher(all.Items)
		list, err := ReadList("64 breads\niron x1,000\n7 iron bar\nSalt\nBREAD 3\n# 9 iron\nsilver 4", m)
		if err != nil {
			t.Fatal(err)
		}
		a := Appraise(all, m, list)
		if all.Count != 5 || len(a.Lines) != 5 || a.Lines[3].Group != "Food" || a.Lines[4].Problem != LineUnknown {
			t.Fatalf("%d items, lines %+v", all.Count, a.Lines)
		}
		var buy, sell, median int64
		for n, amount := range []int64{67, 1000, 7, 1} {
			l := a.Lines[n]
			if l.Amount != amount || l.Problem != "" {
				t.Errorf("line %d: %+v", n, l)
			}
			ask, asks, atBuy := scannedBest(t, db, l.ID, amount, "ask", "coalesce( stock >= batch, true)", " stock", "")
			bid, bids, atSell := scannedBest(t, db, l.ID, amount, "bid", "coalesce( capacity - stock >= batch, true)", " capacity - stock", "DESC")
			checkBest(t, l.ID+" ask", ask, asks, l.Ask)
			checkBest(t, l.ID+" bid", bid, bids, l.Bid)
			since := b.Transactions[0].At
			if days := ParseDays(l.Price.Basis); days > 0 {
				since = plus(ledger.DayOf(w.Start, time.UTC), 1-int(days))
			}
			price, atMedian := scannedMedianValue(t, db, l.ID, amount, *l.Price, since)
			if gocmp.Diff(price, l.Price.Value, nearly) != "" {
				t.Errorf("%s: median %v, want %v", l.ID, l.Price.Value, price)
			}
			if diff := gocmp.Diff([]*ledger.Sum{atBuy, atSell, atMedian}, []*ledger.Sum{l.AtBuy, l.AtSell, l.AtMedian}); diff != "" {
				t.Errorf("%s: values (-scanned +got): %s", l.ID, diff)
			}
			for of, sum := range map[*int64]*ledger.Sum{&buy: atBuy, &sell: atSell, &median: atMedian} {
				if sum != nil {
					n, _ := sum.Int64()
					*of += n
				}
			}
		}
		if diff := gocmp.Diff([]ledger.Sum{sumOf(buy), sumOf(sell), sumOf(median)}, []ledger.Sum{a.Buy.Sum, a.Sell.Sum, a.Median.Sum}); diff != "" {
			t.Errorf("sums (-scanned +got): %s", diff)
		}
	}
}

// checkBest compares an offer with those that have the best price.
func checkBest(t *testing.T, what string, each *float64, of []BestOffer, got *BestOffer) {
	t.Helper()
	switch {
	case got == nil && each == nil:
	case got == nil || each == nil || math.Abs(got.Piece()-*each) > 1e-9 || !slices.ContainsFunc(of, func(o BestOffer) bool { return gocmp.Equal(o, *got) }):
		t.Errorf("%s: %+v, want one of %+v", what, got, of)
	}
}

// scannedBest is the best price of a piece of what all changes of offers left, the
// pieces of the offers that have it, and what an amount is worth at it.
func scannedBest(t *testing.T, db *pgxpool.Pool, ref string, amount int64, side, stands, pieces, order string) (each *float64, of []BestOffer, value *ledger.Sum) {
	t.Helper()
	query := `
		WITH latest AS (
			SELECT DISTINCT ON (offer) offer, c.ask, c.bid, c.batch, c.stock, c.capacity, c.active, c.priced_in FROM offer_changes c
			WHERE c.item = (SELECT id FROM items WHERE ref = $1) ORDER BY offer, at DESC),
		standing AS (
			SELECT *, ` + side + `::numeric / batch AS each FROM latest s
			WHERE active AND priced_in IS NULL AND ` + side + ` IS NOT NULL AND ` + stands + `),
		best AS (SELECT each FROM standing ORDER BY each ` + order + ` LIMIT 1)
		SELECT each::float8, s.` + side + `, s.batch, ` + pieces + `, o.seen, round($2::numeric * s.` + side + ` / s.batch)
		FROM standing s JOIN best USING (each) JOIN offers o ON o.id = s.offer`
	rows, _ := db.Query(t.Context(), strings.ReplaceAll(strings.ReplaceAll(query, " stock", " s.stock"), " capacity", " s.capacity"), ref, amount)
	var piece float64
	var o BestOffer
	var sum ledger.Sum
	_, err := pgx.ForEachRow(rows, []any{&piece, &o.Price, &o.Batch, &o.Pieces, &o.Seen, &sum}, func() error {
		each, value, of = pointerTo(piece), pointerTo(sum), append(of, o)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return each, of, value
}

// scannedMedianValue lays out all pieces that were sold at the prices that count, and
// returns the price of the one in the middle, and what an amount is worth at it.
func scannedMedianValue(t *testing.T, db *pgxpool.Pool, ref string, amount int64, p Price, since time.Time) (price *float64, value *ledger.Sum) {
	t.Helper()
	const query = `
		SELECT median, round(median::numeric * $3) FROM (
			SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY total::float8 / quantity) AS median
			FROM sales, generate_series(1, quantity)
			WHERE item = (SELECT id FROM items WHERE ref = $1) AND quantity > 0 AND total > 0 AND at >= $2 AND total::float8 / quantity BETWEEN $4 AND $5) AS of`
	var sum *ledger.Sum
	if err := db.QueryRow(t.Context(), query, ref, since, amount, p.Low, p.High).Scan(&price, &sum); err != nil {
		t.Fatal(err)
	}
	return price, sum
}
