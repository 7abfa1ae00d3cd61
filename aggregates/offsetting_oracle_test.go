package aggregates

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// scannedMarks is the rule as one query of the record, with all windows, all pairs and
// all triples of accounts.
const scannedMarks = `
	WITH lines AS (
		SELECT item, (at AT TIME ZONE 'UTC')::date AS day, seller, buyer, coalesce(ms.target, seller) AS s, coalesce(mb.target, buyer) AS b,
			coalesce(hs.holder = hb.holder, false) AS own, quantity, total
		FROM sales LEFT JOIN merges ms ON ms.account = seller LEFT JOIN merges mb ON mb.account = buyer
		LEFT JOIN account_holders hs ON hs.id = seller LEFT JOIN account_holders hb ON hb.id = buyer
		WHERE quantity > 0 AND total > 0),
	windows AS (
		SELECT w.item, w.last, s, b, own, quantity, total FROM (SELECT DISTINCT item, day AS last FROM lines WHERE s IS NOT NULL OR b IS NOT NULL) w
		JOIN lines l ON l.item = w.item AND l.day BETWEEN w.last - 6 AND w.last),
	whole AS (
		SELECT item, last, account, sum(total) AS volume FROM (
			SELECT item, last, s AS account, total FROM windows UNION ALL
			SELECT item, last, b, total FROM windows WHERE b IS DISTINCT FROM s) AS sides GROUP BY item, last, account),
	legs AS (
		SELECT item, last, s, b, sum(quantity) AS q, sum(total) AS v FROM windows
		WHERE NOT own AND s IS NOT NULL AND b IS NOT NULL GROUP BY item, last, s, b HAVING count(*) >= 3),
	pairs AS (
		SELECT x.item, x.last, x.s, x.b FROM legs x JOIN legs y ON (y.item, y.last, y.s, y.b) = (x.item, x.last, x.b, x.s)
		JOIN whole a ON (a.item, a.last, a.account) = (x.item, x.last, x.s) JOIN whole c ON (c.item, c.last, c.account) = (x.item, x.last, x.b)
		WHERE least(x.q, y.q) >= 0.8 * greatest(x.q, y.q) AND x.v + y.v >= 0.2 * a.volume AND x.v + y.v >= 0.2 * c.volume),
	cycles AS (
		SELECT x.item, x.last, x.s, x.b FROM legs x JOIN legs y ON (y.item, y.last, y.s) = (x.item, x.last, x.b)
		JOIN legs z ON (z.item, z.last, z.s, z.b) = (x.item, x.last, y.b, x.s)
		JOIN whole a ON (a.item, a.last, a.account) = (x.item, x.last, x.s) JOIN whole b ON (b.item, b.last, b.account) = (x.item, x.last, x.b)
		JOIN whole c ON (c.item, c.last, c.account) = (x.item, x.last, y.b)
		WHERE least(x.q, y.q, z.q) >= 0.8 * greatest(x.q, y.q, z.q) AND z.v + x.v >= 0.2 * a.volume AND x.v + y.v >= 0.2 * b.volume AND y.v + z.v >= 0.2 * c.volume),
	reasons AS (
		SELECT item, NULL::date AS last, s, b, 0 AS rule FROM lines WHERE own UNION
		SELECT item, last, s, b, 1 FROM pairs UNION SELECT item, last, s, b, 2 FROM cycles)
	SELECT i.ref, to_char(day, 'YYYY-MM-DD'), sr.ref, br.ref, (ARRAY['own', 'pair', 'cycle'])[1 + min(rule)]
	FROM lines l JOIN reasons r ON (r.item, r.s, r.b) = (l.item, l.s, l.b) AND (l.day BETWEEN r.last - 6 AND r.last AND NOT l.own OR r.rule = 0 AND l.own)
	JOIN items i ON i.id = l.item JOIN accounts sr ON sr.id = l.seller JOIN accounts br ON br.id = l.buyer
	GROUP BY 1, 2, 3, 4`

const keptMarks = `
	SELECT i.ref, to_char(day, 'YYYY-MM-DD'), s.ref, b.ref, rule FROM offsetting_pairs
	JOIN items i ON i.id = item JOIN accounts s ON s.id = seller JOIN accounts b ON b.id = buyer`

// marked is rows of such a query: rules by item, day, seller and buyer.
func marked(t *testing.T, db *pgxpool.Pool, query string) map[[4]string]string {
	t.Helper()
	marks := map[[4]string]string{}
	err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `SET LOCAL enable_nestloop = off`); err != nil { // what the steps return is not known to the planner
			return err
		}
		rows, _ := tx.Query(t.Context(), query)
		var of [4]string
		var rule string
		_, err := pgx.ForEachRow(rows, []any{&of[0], &of[1], &of[2], &of[3], &rule}, func() error { marks[of] = rule; return nil })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return marks
}

// TestOffsettingTradeIsWhatScanningSays compares marks with a scan of the record, and
// everything that is without them with a scan of the sales that have none. It writes in
// several batches, out of order, and judges after each.
func TestOffsettingTradeIsWhatScanningSays(t *testing.T) {
	testkit.NotOnCitus(t, "the scan that it compares with takes more than a minute there")
	for n, days := range []int{5, 45, 200} {
		t.Run(fmt.Sprint(days, " days"), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(uint64(n), 23))
			now := at(t, "03-11 15:00").Add(time.Duration(random.IntN(48)) * hour)
			r := randomRecord(random, now, days, transactionsIn(days))
			// Most own an account alone, so that few sales are marked for that.
			for ref, a := range r.accounts {
				if random.IntN(4) > 0 {
					a.Holder = ref
					r.accounts[ref] = a
				}
			}
			sales := append(r.randomSales(random, 300), rounds(random, r, now, days)...)
			b, items := r.batch(), map[string]ledger.Item{}
			for item := range 60 {
				ref := fmt.Sprintf("i/%02d", item)
				items[ref] = ledger.Item{Ref: ref, Name: itemName(ref)}
				b.Items = append(b.Items, items[ref])
			}
			db := testkit.Postgres(t)
			appendBatch(t, db, b)
			var marks map[[4]string]string
			random.Shuffle(len(sales), func(i, j int) { sales[i], sales[j] = sales[j], sales[i] })
			for part := range slices.Chunk(sales, len(sales)/3) {
				appendBatch(t, db, ledger.Batch{Sales: part})
				if _, err := UpdateOffsetting(t.Context(), db); err != nil {
					t.Fatal(err)
				}
				marks = marked(t, db, keptMarks)
				if diff := cmp.Diff(marked(t, db, scannedMarks), marks); diff != "" {
					t.Fatalf("marks (-scanned +kept):\n%s", diff)
				}
			}
			rules := map[string]int{}
			for _, rule := range marks {
				rules[rule]++
			}
			t.Log(rules)
			if len(rules) < 3 {
				t.Errorf("marked by rule: %v, want all three", rules)
			}
			without := slices.DeleteFunc(slices.Clone(sales), func(s ledger.Sale) bool {
				return real(s) && marks[[4]string{s.Item, s.At.Format(time.DateOnly), s.Seller, s.Buyer}] != ""
			})
			w := windowAt(now)
			checkMarkedSales(t, db, w)
			checkSold(t, db, "UTC", now)
			for _, days := range AllDays() {
				s := r.span(w, days)
				checkMarket(t, db, w, s, without, items)
				checkIndex(t, db, w, s, without)
				checkMovers(t, db, w, s, without, itemName)
				checkItems(t, db, w, s, without)
				for _, ref := range []string{"i/00", "i/03", "i/07"} {
					of := slices.DeleteFunc(slices.Clone(without), func(s ledger.Sale) bool { return s.Item != ref })
					checkItem(t, db, w, s, without, ref)
					checkItemTrade(t, db, w, s, of, ref)
					for _, step := range Steps() {
						checkItemChart(t, db, w, s, of, ref, ParseStep(string(step), days))
					}
				}
				checkWithOffsetting(t, db, w, s, sales, without, "i/00")
			}
			checkPrices(t, db, w, r.span(w, 0), without, itemName)
		})
	}
}

// rounds are sales there and back, round between three, and almost so, among sales of
// the same items by others.
func rounds(random *rand.Rand, r record, now time.Time, days int) (sales []ledger.Sale) {
	accounts := slices.Sorted(maps.Keys(r.accounts))
	seen := map[string]bool{}
	sell := func(item string, at time.Time, seller, buyer string, quantity int64) {
		if at = at.Truncate(time.Second); seen[item+at.String()] {
			return // the order of two sales at a time is not part of this test
		}
		seen[item+at.String()] = true
		sales = append(sales, ledger.Sale{
			Origin: "test", Ref: fmt.Sprint("round", len(sales)), At: at, Item: item, Direction: ledger.DirectionSale,
			Seller: seller, Buyer: buyer, Quantity: quantity, Total: quantity * (80 + random.Int64N(40)),
		})
	}
	for n := range 20 + days/5 {
		item := fmt.Sprintf("i/%02d", random.IntN(8))
		from := now.Add(-time.Duration(random.Int64N(int64(days)*int64(day)) + int64(min(days-2, 9))*int64(day)))
		if from.Before(r.first()) {
			from = r.first()
		}
		ring := []string{}
		for len(ring) < 2+n%2 {
			if a := accounts[random.IntN(len(accounts))]; !slices.Contains(ring, a) {
				ring = append(ring, a)
			}
		}
		for leg, seller := range ring {
			for range 3 + random.IntN(3) {
				when := from.Add(time.Duration(random.Int64N(int64(min(days-2, 9)) * int64(day))))
				if when.Before(now.Add(-hour)) {
					sell(item, when, seller, ring[(leg+1)%len(ring)], 4+random.Int64N(2))
				}
			}
		}
		for range random.IntN(4) {
			sell(item, from.Add(time.Duration(random.Int64N(int64(hour)))), accounts[random.IntN(len(accounts))], accounts[random.IntN(len(accounts))], 1+random.Int64N(4))
		}
	}
	return sales
}

// checkWithOffsetting compares sums with offsetting trade, and the difference.
func checkWithOffsetting(t *testing.T, db *pgxpool.Pool, w cache.Window, s span, sales, without []ledger.Sale, ref string) {
	t.Helper()
	all, _ := traded(within(sales, s.Start, s.End))
	rest, _ := traded(within(without, s.Start, s.End))
	for _, with := range []bool{false, true} {
		m, err := ComputeMarket(t.Context(), db, w, MarketQuery{Days: s.Days, With: with})
		if err != nil {
			t.Fatal(err)
		}
		want, sum := Offsetting{Included: with, Sales: all.Sales - rest.Sales, Quantity: all.Quantity.Minus(rest.Quantity), Volume: all.Volume.Minus(rest.Volume)}, rest
		if want.Sales > 0 {
			want.Share = want.Volume.Float64() / all.Volume.Float64()
		}
		compare(t, "offsetting trade", s.Days, want, m.Offsetting, nil)
		if with {
			sum = all
		}
		if m.Sales.Now != sum.Sales || m.Volume.Now != sum.Volume {
			t.Errorf("%s days, with: %t: %d sales for %s, want %d for %s", s.Days.Key(), with, m.Sales.Now, m.Volume.Now, sum.Sales, sum.Volume)
		}
	}
	of := slices.DeleteFunc(slices.Clone(sales), func(s ledger.Sale) bool { return s.Item != ref })
	i, err := ComputeItem(t.Context(), db, w, ItemQuery{Item: ref, Days: s.Days, With: true})
	if err != nil {
		t.Fatal(err)
	}
	all, _ = traded(within(of, s.Start, s.End))
	compare(t, "prices with offsetting trade", s.Days, all.Prices, i.Prices, nil)
}
