package aggregates

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/internal/town"
	"exchequer/ledger"
)

// randomStreet has shops in two worlds and nowhere, whose offers change over the
// days before end, and sales in them.
func randomStreet(random *rand.Rand, end time.Time) ledger.Batch {
	opened := plus(end, -40)
	b := ledger.Batch{
		Accounts: []ledger.Account{{Ref: "mint", Kind: ledger.System, Opened: opened}},
		Places: []ledger.Place{
			{World: "main", Name: "Spawn", X: pointerTo(int64(0)), Z: pointerTo(int64(0)), Kind: "spawn"},
			{World: "main", Name: "Quay", X: pointerTo(int64(300)), Z: pointerTo(int64(-200))},
			{World: "nether", Name: "Gate", X: pointerTo(int64(10)), Z: pointerTo(int64(10))},
		},
	}
	for i := range 6 {
		ref := fmt.Sprint("owner", i)
		b.Accounts = append(b.Accounts, ledger.Account{Ref: ref, Name: fmt.Sprint("Owner ", i), Kind: ledger.Business, Opened: opened})
		b.Transactions = append(b.Transactions, ledger.Transaction{Origin: "test", Ref: ref, At: opened, Source: "opening",
			Postings: []ledger.Posting{{Account: "mint", Amount: -1 - 300*int64(i)}, {Account: ref, Amount: 1 + 300*int64(i)}}})
	}
	b.Transactions = append(b.Transactions, ledger.Transaction{Origin: "test", Ref: "last", At: end.Add(-hour), Source: "gift",
		Postings: []ledger.Posting{{Account: "mint", Amount: -1}, {Account: "owner0", Amount: 1}}})
	for _, item := range []string{"bread", "iron", "iron bar", "Iron door"} {
		b.Items = append(b.Items, ledger.Item{Ref: "i:" + item, Name: item})
	}
	for i := range 14 {
		s := ledger.Shop{Ref: fmt.Sprintf("s%02d", i), Owner: fmt.Sprint("owner", i%6), Place: []string{"", "Row", "Quay"}[i%3],
			World: []string{"main", "main", "nether"}[i%3], Active: i != 13, Seen: opened}
		if i%5 > 0 {
			s.X, s.Z = pointerTo(random.Int64N(800)-400), pointerTo(random.Int64N(800)-400)
		}
		b.Shops = append(b.Shops, s)
		for at := opened; at.Before(end); at = at.Add(time.Duration(1+random.IntN(150)) * hour) {
			o := ledger.Offer{Shop: s.Ref, Ref: fmt.Sprint("sign", random.IntN(3)), Item: b.Items[random.IntN(2)].Ref, Batch: []int64{1, 1, 4, 64}[random.IntN(4)],
				Active: random.IntN(9) > 0, Seen: at}
			if i == 13 {
				o.Active = false
			}
			if random.IntN(4) > 0 {
				o.Ask = pointerTo(o.Batch * (30 + random.Int64N(15)))
			}
			if o.Ask == nil || random.IntN(2) > 0 {
				o.Bid = pointerTo(o.Batch * (25 + random.Int64N(15)))
			}
			if random.IntN(8) > 0 {
				o.Stock = pointerTo(random.Int64N(4) * (5 + random.Int64N(40)))
			}
			if random.IntN(8) > 0 {
				o.Capacity = pointerTo(int64(100))
			}
			if random.IntN(9) == 0 {
				o.PricedIn = "i:iron bar"
			}
			b.Offers = append(b.Offers, o)
		}
	}
	for i := range 200 {
		s := ledger.Sale{Origin: "test", Ref: fmt.Sprint(i), At: plus(end, -40).Add(time.Duration(random.Int64N(int64(40 * day)))).Truncate(time.Second),
			Item: b.Items[random.IntN(2)].Ref, Shop: fmt.Sprintf("s%02d", random.IntN(14)), Direction: ledger.DirectionSale, Quantity: random.Int64N(20) - 1, Total: random.Int64N(500) - 4}
		s.Seller, s.Buyer = "owner0", "owner1"
		s.Tax = max(0, s.Total) * 7 / 100
		if i%4 == 0 {
			s.Direction = ledger.DirectionPurchase
			s.Tax = max(0, s.Total) * 5 / 100
		}
		if i%7 == 0 {
			s.Shop = ""
		}
		b.Sales = append(b.Sales, s)
	}
	return b
}

// A sign is an offer as the last of its changes says.
type sign struct {
	shop, owner, world, item, pricedIn string
	x, z, ask, bid, stock, capacity    *int64
	batch, balance                     int64
	active                             bool
}

// scannedOffers are all offers by scanning all changes.
func scannedOffers(t *testing.T, db *pgxpool.Pool) []sign {
	t.Helper()
	const query = `
		SELECT s.ref, a.ref, s.world, s.x, s.z, i.ref, c.ask, c.bid, coalesce(p.ref, ''), c.batch, c.stock, c.capacity, c.active,
			coalesce((SELECT sum(amount) FROM postings WHERE account = a.id), 0)::bigint
		FROM offer_changes c JOIN offers o ON o.id = c.offer JOIN shops s ON s.id = o.shop JOIN accounts a ON a.id = s.owner
			JOIN items i ON i.id = c.item LEFT JOIN items p ON p.id = c.priced_in
		WHERE c.at = (SELECT max(at) FROM offer_changes l WHERE l.offer = c.offer)`
	rows, _ := db.Query(t.Context(), query)
	signs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s sign, err error) {
		err = row.Scan(&s.shop, &s.owner, &s.world, &s.x, &s.z, &s.item, &s.ask, &s.bid, &s.pricedIn, &s.batch, &s.stock, &s.capacity, &s.active, &s.balance)
		return s, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return signs
}

// deal returns how many pieces of an amount a sign has or takes, one batch after
// the other, and for how much; price is nil where it does not trade that way.
func (s sign) deal(sell bool, amount int64) (price *int64, stands bool, pieces, total int64, whole bool) {
	price = s.ask
	if sell {
		price = s.bid
	}
	if price == nil || !s.active || s.pricedIn != "" {
		return nil, false, 0, 0, false
	}
	left := func() int64 {
		switch {
		case !sell && s.stock != nil:
			return *s.stock - pieces
		case sell && s.stock != nil && s.capacity != nil:
			return *s.capacity - *s.stock - pieces
		}
		return math.MaxInt64
	}
	stands = left() >= s.batch
	goal := amount
	if !sell {
		goal = (amount + s.batch - 1) / s.batch * s.batch
	}
	for stands && pieces+s.batch <= goal && left() >= s.batch && (!sell || total+*price <= s.balance) {
		pieces, total = pieces+s.batch, total+*price
	}
	return price, stands, pieces, total, pieces > 0 && pieces+s.batch > goal
}

func TestFindIsWhatScanningTheChangesSays(t *testing.T) {
	for seed := range uint64(4) {
		random := rand.New(rand.NewPCG(seed, 3))
		now := at(t, "03-11 15:00")
		db := testkit.Postgres(t)
		appendBatch(t, db, randomStreet(random, now))
		shops, err := ComputeShops(t.Context(), db, windowAt(now), NoParams{})
		if err != nil {
			t.Fatal(err)
		}
		signs := scannedOffers(t, db)
		checkShops(t, db, shops, signs)
		for _, sell := range []bool{false, true} {
			for _, q := range []FindQuery{
				{Item: "i:iron", Amount: 1}, {Item: "IRON", Amount: 16, Sort: ByPrice}, {Item: "bread", Amount: 70, Near: "quay", Sort: ByDistance},
				{Item: "br", Amount: 5, Near: "10 −20", Within: 250, Stock: Enough}, {Item: "bread", Amount: 9, Owner: "owner 2", Stock: AnyStock},
				{Item: "i:iron", Amount: 3, Near: "Gate", Sort: ByBoth, Walk: 500},
			} {
				q.Sell = sell
				checkFind(t, db, shops, signs, q)
			}
		}
	}
}

func checkFind(t *testing.T, db *pgxpool.Pool, shops *Shops, signs []sign, q FindQuery) {
	t.Helper()
	f, err := Find(t.Context(), db, shops, q, 1000)
	if err != nil || f.Item == nil || f.NoPlace || f.NoOwner {
		t.Fatalf("%+v: %+v, %v", q, f, err)
	}
	type row struct {
		text          string
		piece, blocks float64
		stands, known bool
		shop          string
		pieces        int64
	}
	origin := map[string][3]any{"quay": {"main", 300, -200}, "Gate": {"nether", 10, 10}, "10 −20": {"main", 10, -20}}[q.Near]
	var want []row
	var best *int64
	var standing []float64
	for _, s := range signs {
		price, stands, pieces, total, whole := s.deal(q.Sell, q.Amount)
		if price == nil || s.item != f.Item.Ref || q.Owner != "" && s.owner != "owner2" {
			continue
		}
		if stands {
			standing = append(standing, float64(*price)/float64(s.batch))
		}
		r := row{piece: float64(*price) / float64(s.batch), stands: stands, shop: s.shop, pieces: pieces}
		distance := "?"
		if s.x != nil && origin[0] == s.world {
			r.blocks, r.known = math.Round(math.Hypot(float64(*s.x)-float64(origin[1].(int)), float64(*s.z)-float64(origin[2].(int)))), true
			distance = fmt.Sprint(r.blocks)
		}
		sum := "–"
		if whole {
			sum = fmt.Sprint(total)
		}
		r.text = fmt.Sprintf("%s %d/%d %s %d %s %t", s.shop, *price, s.batch, distance, pieces, sum, stands)
		if q.Within > 0 && (!r.known || r.blocks > float64(q.Within)) {
			continue
		}
		if whole && (best == nil || total < *best != q.Sell && total != *best) {
			best = &total
		}
		if q.Stock == Enough && !whole || q.Stock != AnyStock && !stands {
			continue
		}
		want = append(want, r)
	}
	sign := 1.0
	if q.Sell {
		sign = -1
	}
	value := func(r row) float64 {
		switch {
		case q.Sort == ByDistance:
			return r.blocks
		case q.Sort == ByBoth:
			return sign*r.piece*float64(q.Amount) + float64(q.Walk)*r.blocks/100
		}
		return sign * r.piece
	}
	slices.SortFunc(want, func(a, b row) int {
		far := func(r row) bool { return !r.known && (q.Sort == ByDistance || q.Sort == ByBoth) }
		return cmp.Or(cmp.Compare(one(!a.stands), one(!b.stands)), cmp.Compare(one(far(a)), one(far(b))), cmp.Compare(value(a), value(b)), cmp.Compare(a.text, b.text))
	})
	texts := func(rows []row) (all []string) {
		for _, r := range rows {
			all = append(all, r.text)
		}
		return all
	}
	var got []row
	for _, o := range f.Offers {
		distance, sum := "?", "–"
		if o.Distance != nil {
			distance = fmt.Sprint(*o.Distance)
		}
		if o.Total != nil {
			sum = o.Total.String()
		}
		got = append(got, row{text: fmt.Sprintf("%s %d/%d %s %d %s %t", o.Shop, o.Price, o.Batch, distance, o.Pieces, sum, o.Stands)})
	}
	sorted, listed := slices.Sorted(slices.Values(texts(want))), slices.Sorted(slices.Values(texts(got)))
	if diff := gocmp.Diff(sorted, listed); diff != "" {
		t.Errorf("%+v (-scanned +found):\n%s", q, diff)
	}
	for i := 1; i < len(want) && len(want) == len(got); i++ {
		if value(want[i]) != value(want[i-1]) && !slices.Equal(slices.Sorted(slices.Values(texts(want[:i]))), slices.Sorted(slices.Values(texts(got[:i])))) {
			t.Errorf("%+v: another order\nwant %v\ngot %v", q, texts(want), texts(got))
			break
		}
	}
	switch {
	case (f.Best == nil) != (best == nil):
		t.Errorf("%+v: best %+v, want %v", q, f.Best, best)
	case best != nil && f.Best.Total != sumOf(*best):
		t.Errorf("%+v: best is %s, want %d", q, f.Best.Total, *best)
	}
	checkSplit(t, signs, f)
	checkStanding(t, f, standing)
	if part, err := Find(t.Context(), db, shops, q, 1); err != nil || !slices.Equal(part.Standing, f.Standing) {
		t.Errorf("%+v: a page of one row knows %d offers that stand, want %d: %v", q, len(part.Standing), len(f.Standing), err)
	}
}

// checkStanding checks what all offers ask that stand, wherever they are.
func checkStanding(t *testing.T, f *Found, scanned []float64) {
	t.Helper()
	slices.Sort(scanned)
	var got []float64
	for _, a := range f.Standing {
		got = append(got, a.Piece)
	}
	if !slices.Equal(got, scanned) {
		t.Errorf("%+v: offers ask %v, want %v", f.Query, got, scanned)
	}
	n := len(scanned)
	switch {
	case (f.Middle == nil) != (n == 0):
		t.Errorf("%+v: median %v of %d offers", f.Query, f.Middle, n)
	case n > 0 && math.Abs(*f.Middle-(scanned[(n-1)/2]+scanned[n/2])/2) > 1e-9:
		t.Errorf("%+v: median %v of %v", f.Query, *f.Middle, scanned)
	}
}

// checkSplit checks that what is said to be better together is, and can be had.
func checkSplit(t *testing.T, signs []sign, f *Found) {
	t.Helper()
	if len(f.Split) == 0 {
		return
	}
	var pieces int64
	var sum ledger.Sum
	for _, d := range f.Split {
		pieces, sum = pieces+d.Pieces, sum.Plus(d.Total)
		can := slices.ContainsFunc(signs, func(s sign) bool {
			_, _, got, total, _ := s.deal(f.Query.Sell, d.Pieces)
			return s.shop == d.Offer.Shop && s.item == f.Item.Ref && got == d.Pieces && sumOf(total) == d.Total
		})
		if !can {
			t.Errorf("%d at %s for %s: no such offer", d.Pieces, d.Offer.Shop, d.Total)
		}
	}
	if !f.Query.Sell && pieces < f.Query.Amount || f.Query.Sell && pieces > f.Query.Amount {
		t.Errorf("%d pieces are offered together, want %d", pieces, f.Query.Amount)
	}
	if f.Best != nil && !gains(f.Query.Sell, sum, f.Best.Total) {
		t.Errorf("together %s is not better than %s", sum, f.Best.Total)
	}
}

func checkShops(t *testing.T, db *pgxpool.Pool, got *Shops, signs []sign) {
	t.Helper()
	want := &Shops{Basis: got.Basis, Seen: got.Seen, Places: got.Places, Worlds: got.Worlds, Shops: 13, Closed: 1, Owners: 6}
	for _, s := range signs {
		_, asks, _, _, _ := s.deal(false, s.batch)
		_, bids, _, _, _ := s.deal(true, s.batch)
		money := s.active && s.pricedIn == ""
		want.Offers += int64(one(s.active))
		want.Barter += int64(one(s.active && s.pricedIn != ""))
		want.Selling.Offers += int64(one(money && s.ask != nil))
		want.Buying.Offers += int64(one(money && s.bid != nil))
		want.Selling.Stand += int64(one(asks))
		want.Buying.Stand += int64(one(bids))
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("shops (-scanned +computed):\n%s", diff)
	}
	var worlds string
	const query = `SELECT string_agg(world || n, ' ' ORDER BY n DESC) FROM (SELECT world, count(*) AS n FROM shops WHERE active AND x IS NOT NULL GROUP BY world) w`
	if err := db.QueryRow(t.Context(), query).Scan(&worlds); err != nil {
		t.Fatal(err)
	}
	if said := fmt.Sprintf("%s%d %s%d", got.Worlds[0].World, got.Worlds[0].Shops, got.Worlds[1].World, got.Worlds[1].Shops); said != worlds || len(got.Places) != 3 || got.Places[0].Name != "Spawn" {
		t.Errorf("worlds %s, want %s; places %+v", said, worlds, got.Places)
	}
}

func TestAShopIsWhatScanningItsChangesAndSalesSays(t *testing.T) {
	for seed := range uint64(3) {
		random := rand.New(rand.NewPCG(seed, 5))
		now := at(t, "03-11 15:00")
		db := testkit.Postgres(t)
		b := randomStreet(random, now)
		appendBatch(t, db, b)
		w := windowAt(now)
		for i, days := range AllDays() {
			checkShop(t, db, w, days, b, fmt.Sprintf("s%02d", (i*5+int(seed))%14))
		}
		if s, err := ComputeShop(t.Context(), db, w, ShopQuery{"nowhere", 7}); s != nil || err != nil {
			t.Errorf("an unknown shop is %+v, %v", s, err)
		}
	}
}

func checkShop(t *testing.T, db *pgxpool.Pool, w cache.Window, days Days, b ledger.Batch, ref string) {
	t.Helper()
	s, err := ComputeShop(t.Context(), db, w, ShopQuery{ref, days})
	if err != nil || s == nil {
		t.Fatalf("%s: %+v, %v", ref, s, err)
	}
	var sold, bought ShopTrade
	var latest []string
	for _, sale := range b.Sales {
		if sale.Shop != ref {
			continue
		}
		latest = append(latest, fmt.Sprintf("%s %s %d %d", sale.At.Format(time.RFC3339), sale.Ref, sale.Quantity, sale.Total))
		if sale.At.Before(s.Start) || !sale.At.Before(s.End) || !real(sale) {
			continue
		}
		to := &sold
		if sale.Direction == ledger.DirectionPurchase {
			to = &bought
		}
		to.Sales++
		to.Quantity, to.Volume, to.Tax = to.Quantity.Add(sale.Quantity), to.Volume.Add(sale.Total), to.Tax.Add(sale.Tax)
	}
	if s.Sold != sold || s.Bought != bought || s.Uncounted != "" {
		t.Errorf("%s in %s days: sold %+v bought %+v, want %+v %+v", ref, days.Key(), s.Sold, s.Bought, sold, bought)
	}
	for _, o := range s.Offers {
		const scan = `
			SELECT c.at, c.ask, c.bid, c.batch, c.stock, c.capacity, c.active FROM offer_changes c JOIN offers o ON o.id = c.offer JOIN shops s ON s.id = o.shop
			JOIN items i ON i.id = o.item WHERE s.ref = $1 AND o.ref = $2 AND i.ref = $3 ORDER BY c.at`
		rows, _ := db.Query(t.Context(), scan, ref, o.Ref, o.Item)
		all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[SignState])
		if err != nil {
			t.Fatal(err)
		}
		var history []SignState
		var out *time.Time
		for i, c := range all {
			if i+1 == len(all) || !all[i+1].At.Before(s.Start) {
				history = append(history, c)
			}
			switch {
			case c.stands():
				out = nil
			case out == nil:
				out = &all[i].At
			}
		}
		if last := all[len(all)-1]; !last.Active || last.Ask == nil {
			out = nil
		}
		if diff := gocmp.Diff(history, o.History); diff != "" {
			t.Errorf("history of %s %s (-scanned +computed):\n%s", ref, o.Ref, diff)
		}
		if diff := gocmp.Diff(out, o.Out); diff != "" {
			t.Errorf("%s %s is out since (-scanned +computed):\n%s", ref, o.Ref, diff)
		}
		prices, err := ComputePrices(t.Context(), db, w, NoParams{})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range prices.Items {
			if i.ID == o.Item && gocmp.Diff(i.Price, o.Price) != "" {
				t.Errorf("%s: price %+v, want %+v", o.Item, o.Price, i.Price)
			}
		}
	}
	slices.Sort(latest)
	slices.Reverse(latest)
	var got []string
	for from := LatestSale(); ; {
		sales, err := ShopSales(t.Context(), db, ref, from, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range sales {
			got = append(got, fmt.Sprintf("%s %s %d %d", x.At.UTC().Format(time.RFC3339), x.Ref, x.Quantity, x.Total))
			from, _ = ParseSaleCursor(x.String())
		}
		if len(sales) < 3 {
			break
		}
	}
	slices.Sort(got)
	slices.Reverse(got)
	if diff := gocmp.Diff(latest, got); diff != "" {
		t.Errorf("sales of %s (-scanned +listed):\n%s", ref, diff)
	}
}

func TestTheTownsShopsAreWhatScanningSays(t *testing.T) {
	db := testkit.Postgres(t)
	now := at(t, "03-11 15:00")
	var all ledger.Batch
	err := town.New(town.Config{Seed: 3, Players: 60, Days: 6, End: now}).History(t.Context(), func(b ledger.Batch) error {
		appendBatch(t, db, b)
		all.Sales = append(all.Sales, b.Sales...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w := windowAt(now)
	shops, err := ComputeShops(t.Context(), db, w, NoParams{})
	if err != nil || len(shops.Places) < 9 {
		t.Fatalf("shops %+v, %v", shops, err)
	}
	signs := scannedOffers(t, db)
	for _, item := range []string{"diamond", "bread", "glass", "arrow"} {
		for _, sell := range []bool{false, true} {
			checkFind(t, db, shops, signs, FindQuery{Item: item, Amount: 40, Sell: sell})
			checkFind(t, db, shops, signs, FindQuery{Item: item, Amount: 7, Sell: sell, Stock: AnyStock, Sort: ByDistance})
		}
	}
	found, err := Find(t.Context(), db, shops, FindQuery{Amount: 1}, 1000)
	if err != nil || int64(len(found.Shops)) != shops.Shops {
		t.Fatalf("%d shops are listed, %v, want %d", len(found.Shops), err, shops.Shops)
	}
	for i, s := range found.Shops {
		if i%3 == 0 {
			checkShop(t, db, w, 7, all, s.Shop)
		}
	}
}
