package aggregates

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// told writes news as "03-05 price", newest first.
func told(t *testing.T, v *News, err error) string {
	t.Helper()
	if err != nil || v == nil {
		t.Fatalf("%v, %v", v, err)
	}
	var all []string
	for _, e := range v.Entries {
		all = append(all, e.Day.Format("01-02 ")+string(e.Rule))
		if !e.At.Equal(plus(e.Day, 1)) {
			t.Errorf("%+v is not news at its day's end", e)
		}
	}
	return strings.Join(all, ", ")
}

// pay is a transaction of an amount at a time.
func pay(t *testing.T, when, from, to string, amount int64) ledger.Transaction {
	t.Helper()
	return ledger.Transaction{Origin: "pay", Ref: when + from + to, At: at(t, when), Source: "test", Postings: []ledger.Posting{{Account: from, Amount: -amount}, {Account: to, Amount: amount}}}
}

func TestWhatIsToldOfAnAccount(t *testing.T) {
	db, w := village(t)
	b := ledger.Batch{Holders: []ledger.Holder{{Ref: "gus", Name: "Gus", Hidden: true}}, Merges: []ledger.Merge{{Account: "ida", Into: "hal"}}}
	for _, ref := range []string{"eve", "fay", "gus", "hal", "ida"} {
		b.Accounts = append(b.Accounts, ledger.Account{Ref: ref, Kind: ledger.Personal, Opened: at(t, "01-01 00:00")})
	}
	for day := range 7 {
		when := fmt.Sprintf("02-%d 12:00", 10+day)
		for _, ref := range []string{"eve", "gus", "hal"} {
			b.Transactions = append(b.Transactions, pay(t, when, "mint", ref, 100))
		}
		if day > 0 {
			b.Transactions = append(b.Transactions, pay(t, when, "mint", "fay", 100))
		}
	}
	b.Transactions = append(b.Transactions,
		pay(t, "03-07 23:30", "mint", "eve", 1000), pay(t, "03-08 00:10", "mint", "eve", 999),
		pay(t, "03-07 12:00", "mint", "fay", 5000), pay(t, "03-07 12:00", "mint", "gus", 5000),
		pay(t, "03-09 12:00", "mint", "hal", 400), pay(t, "03-09 13:00", "mint", "ida", 600), // one account
		pay(t, "03-10 12:00", "mint", "hal", 1000), // no more than on the day before
		pay(t, "03-11 09:00", "mint", "hal", 9000), // today
	)
	appendBatch(t, db, b)
	for ref, want := range map[string]string{"eve": "03-07 received", "fay": "", "hal": "03-09 received", "ida": "03-09 received", "town": ""} {
		v, err := ComputeAccountNews(t.Context(), db, w, NewsQuery{ref})
		if got := told(t, v, err); got != want {
			t.Errorf("of %s is told %q, want %q", ref, got, want)
		}
		if ref == "ida" && v.Entries[0].ID != "hal" {
			t.Errorf("a merged account is told of as %s", v.Entries[0].ID)
		}
		if ref == "eve" && (*v.Entries[0].Amount != sumOf(1000) || *v.Entries[0].Usual != sumOf(100)) {
			t.Errorf("%+v", v.Entries[0])
		}
	}
	for _, ref := range []string{"gus", "nobody"} {
		if v, err := ComputeAccountNews(t.Context(), db, w, NewsQuery{ref}); v != nil || err != nil {
			t.Errorf("of %s is told %v, %v", ref, v, err)
		}
	}
	hal, _ := ComputeAccountNews(t.Context(), db, w, NewsQuery{"hal"})
	ida, _ := ComputeAccountNews(t.Context(), db, w, NewsQuery{"ida"})
	if v := JoinNews(hal.Basis, []*News{hal, nil, ida}); len(v.Entries) != 1 {
		t.Errorf("it is told %d times, want once", len(v.Entries))
	}
}

func TestWhatIsToldOfAnItem(t *testing.T) {
	db, w := village(t)
	b := ledger.Batch{Shops: []ledger.Shop{{Ref: "stall", Owner: "ann", Active: true, Seen: at(t, "03-01 08:00")}}}
	sell := func(item, day string, n int, price int64) {
		for i := range n {
			b.Sales = append(b.Sales, ledger.Sale{
				Origin: "test", Ref: fmt.Sprint(item, day, price, i), At: at(t, day+" 10:00").Add(time.Duration(i) * time.Second), Item: item, Direction: ledger.DirectionSale,
				Seller: []string{"ann", "bob", "dan"}[i%3], Buyer: "town", Quantity: 1, Total: price,
			})
		}
	}
	for item, price := range map[string]int64{"more": 111, "tenth": 110, "less": 109, "down": 85, "thin": 0} {
		b.Items = append(b.Items, ledger.Item{Ref: item, Name: item})
		for day := at(t, "02-20 00:00"); day.Before(at(t, "03-11 00:00")); day = plus(day, 1) {
			if price > 0 {
				sell(item, day.Format("01-02"), 5, 100)
			}
		}
		if price > 0 {
			sell(item, "03-05", 60, price)
		} else {
			sell(item, "03-03", 2, 100)
			sell(item, "03-05", 2, 300)
		}
	}
	offer := func(when string, stock int64) {
		b.Offers = append(b.Offers, ledger.Offer{Shop: "stall", Item: "thin", Ask: pointerTo(int64(90)), Batch: 2, Stock: &stock, Active: true, Seen: at(t, when)})
	}
	offer("03-01 08:00", 8)
	offer("03-04 20:00", 1)
	offer("03-06 10:00", 8) // and sold out on the same day
	offer("03-06 20:00", 0)
	offer("03-11 08:00", 8) // today
	appendBatch(t, db, b)
	for item, want := range map[string]string{"more": "03-05 price", "tenth": "03-05 price", "less": "", "down": "03-05 price", "thin": "03-04 emptied, 03-01 stocked"} {
		v, err := ComputeItemNews(t.Context(), db, w, NewsQuery{item})
		if got := told(t, v, err); got != want {
			t.Errorf("of %s is told %q, want %q", item, got, want)
		}
		if item == "more" && (*v.Entries[0].Price != 111 || *v.Entries[0].Before != 100) {
			t.Errorf("%+v", v.Entries[0])
		}
	}
	if v, err := ComputeItemNews(t.Context(), db, w, NewsQuery{"nothing"}); v != nil || err != nil {
		t.Errorf("of nothing is told %v, %v", v, err)
	}
	// A later reading tells the same of the same days.
	later := cache.WindowAt(at(t, "03-13 23:00"), window)
	for _, item := range []string{"more", "thin"} {
		now, err := ComputeItemNews(t.Context(), db, w, NewsQuery{item})
		then, err2 := ComputeItemNews(t.Context(), db, later, NewsQuery{item})
		if a, b := told(t, now, err), told(t, then, err2); !strings.HasSuffix(b, a) {
			t.Errorf("of %s is told %q, and later %q", item, a, b)
		}
	}
}

// TestNewsIsWhatScanningSays looks for news among the sales and postings themselves.
func TestNewsIsWhatScanningSays(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 41))
	now := at(t, "03-11 15:00")
	r := randomRecord(random, now, 60, 400)
	sales := r.randomSales(random, 600)
	for i := range sales { // few items, so that their prices are firm, and go up and down
		sales[i].Item = fmt.Sprintf("i/%02d", i%3)
		if sales[i].Quantity > 0 {
			sales[i].Total = sales[i].Quantity * int64(100+random.IntN(60)+int(sales[i].At.Sub(r.first())/day)%20*3)
		}
	}
	b := r.batch()
	for item := range 3 {
		ref := fmt.Sprintf("i/%02d", item)
		b.Items = append(b.Items, ledger.Item{Ref: ref, Name: itemName(ref)})
	}
	b.Sales = sales
	db, w := testkit.Postgres(t), windowAt(now)
	appendBatch(t, db, b)
	s := r.span(w, 30)
	found := 0
	for _, i := range b.Items {
		of := slices.DeleteFunc(slices.Clone(sales), func(s ledger.Sale) bool { return s.Item != i.Ref })
		firm := func(day time.Time) *float64 {
			if p := scannedPrice(s.atEnd(day), of); p.Confidence == Firm {
				return p.Value
			}
			return nil
		}
		var want []string
		for ago := 1; ago <= 30; ago++ {
			day := plus(s.Today, -ago)
			price, before := firm(day), firm(plus(day, -1))
			if price != nil && before != nil && (*price >= 1.1**before || *price <= 0.9**before) {
				want = append(want, day.Format("01-02 ")+"price")
			}
		}
		found += len(want)
		v, err := ComputeItemNews(t.Context(), db, w, NewsQuery{i.Ref})
		if got := told(t, v, err); got != strings.Join(want, ", ") {
			t.Errorf("of %s is told %q, want %q", i.Ref, got, strings.Join(want, ", "))
		}
	}
	for ref := range r.accounts {
		v, err := ComputeAccountNews(t.Context(), db, w, NewsQuery{ref})
		got := told(t, v, err)
		want := scannedMoves(t, db, ref, s.Today)
		if found += len(v.Entries); got != want {
			t.Errorf("of %s is told %q, want %q", ref, got, want)
		}
	}
	if found < 3 {
		t.Errorf("there were %d pieces of news to be found: too few to say anything", found)
	}
}

// scannedMoves is the news of an account by scanning its postings.
func scannedMoves(t *testing.T, db *pgxpool.Pool, ref string, today time.Time) string {
	t.Helper()
	const query = `
		WITH moved AS (
			SELECT (at AT TIME ZONE 'UTC')::date AS day, amount > 0 AS received, abs(sum(amount)) AS sum FROM postings JOIN accounts ON id = account
			WHERE ref = $1 AND amount <> 0 GROUP BY 1, 2)
		SELECT string_agg(to_char(day, 'MM-DD ') || CASE WHEN received THEN 'received' ELSE 'sent' END, ', ' ORDER BY day DESC, NOT received)
		FROM moved m CROSS JOIN LATERAL (
			SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY sum) AS usual, count(*) AS days, max(sum) AS most FROM moved b
			WHERE b.received = m.received AND b.day < m.day AND b.day >= m.day - 90) AS before
		WHERE day BETWEEN $2::date - 30 AND $2::date - 1 AND days >= 7 AND sum >= 10 * usual AND sum > most`
	var found *string
	if err := db.QueryRow(context.Background(), query, ref, today).Scan(&found); err != nil {
		t.Fatal(err)
	}
	if found == nil {
		return ""
	}
	return *found
}
