package importer_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/ledger"
)

// councilNumbers compares the API's values for Manchester's payments with published
// figures, and with a scan of the postings.
func councilNumbers(t *testing.T, db *pgxpool.Pool) {
	t.Helper()
	w := cache.WindowAt(time.Now(), time.Minute)
	f, err := aggregates.ComputeFlow(t.Context(), db, w, 0)
	if err != nil {
		t.Fatal(err)
	}
	paid := ledger.SumOf(942_921_046_506)
	if f.Created.Now.Minus(f.Destroyed.Now) != paid || f.Transfers.Now.Sign() != 0 || f.Others.Sources != 0 || len(f.Sources) != 30 {
		t.Errorf("flow: created %s, destroyed %s, between holders %s, %d sources; want %s on balance from 30 units",
			f.Created.Now, f.Destroyed.Now, f.Transfers.Now, len(f.Sources), paid)
	}
	units := totals(t, db, `SELECT source, sum(amount)::bigint FROM postings JOIN transactions t ON t.id = transaction
		JOIN accounts a ON a.id = account WHERE kind = 'business' GROUP BY 1`)
	for _, of := range f.Sources {
		if got := of.Created.Minus(of.Destroyed); got != ledger.SumOf(units[of.Source]) {
			t.Errorf("flow: %s paid %s, want %d", of.Source, got, units[of.Source])
		}
	}
	if !f.Period.Historical || f.Period.Start.Format(time.DateOnly) != "2010-12-01" || f.Period.End.Format(time.DateOnly) != "2022-06-01" {
		t.Errorf("flow: of %+v", f.Period)
	}

	s, err := aggregates.ComputeStats(t.Context(), db, w, aggregates.StatsQuery{})
	if err != nil {
		t.Fatal(err)
	}
	want := []aggregates.StatsRow{
		{Kind: ledger.Business, Status: "active", Accounts: 17_148, Balance: paid, Transactions: 474_674},
		{Kind: ledger.Government, Issuer: true, Status: "active", Accounts: 30, Balance: paid.Neg(), Transactions: 474_674},
	}
	if len(s.Rows) != 2 || s.Rows[0] != want[0] || s.Rows[1] != want[1] {
		t.Errorf("stats: %+v, want %+v", s.Rows, want)
	}

	for _, days := range aggregates.AllDays() {
		b, err := aggregates.ComputeBridge(t.Context(), db, w, days)
		if err != nil {
			t.Fatal(err)
		}
		if b.Closing != paid || b.Unexplained.Sign() != 0 || days == 0 && (b.Opening.Sign() != 0 || len(b.Steps)+int(b.Others.Creating+b.Others.Destroying) < 30) {
			t.Errorf("bridge of %s days: opening %s, closing %s, %s unexplained", days.Key(), b.Opening, b.Closing, b.Unexplained)
		}
	}

	h, err := aggregates.ComputeHealth(t.Context(), db, w, 365)
	if err != nil {
		t.Fatal(err)
	}
	if h.Supply.Closing != paid || !h.Supply.Holds || h.GoodsVelocity.Now != nil || h.GoodsVelocity.Why == "" {
		t.Errorf("health: %+v, goods velocity %+v", h.Supply, h.GoodsVelocity)
	}

	var ref string
	var balance, received, sent, postings int64
	const busiest = `
		SELECT ref, sum(amount)::bigint, sum(greatest(amount, 0))::bigint, -sum(least(amount, 0))::bigint, count(*)
		FROM postings JOIN accounts a ON a.id = account WHERE kind = 'business' GROUP BY ref ORDER BY count(*) DESC LIMIT 1`
	if err := db.QueryRow(t.Context(), busiest).Scan(&ref, &balance, &received, &sent, &postings); err != nil {
		t.Fatal(err)
	}
	a, err := aggregates.ComputeAccount(t.Context(), db, w, aggregates.AccountQuery{Account: ref})
	if err != nil {
		t.Fatal(err)
	}
	if a.Balance != balance || a.Received != ledger.SumOf(received) || a.Sent != ledger.SumOf(sent) || a.Postings != postings || a.Bucket != "month" || len(a.Moves) != 138 {
		t.Errorf("account %s: balance %d, received %s, sent %s, %d postings in %d entries by %s; want %d, %d, %d, %d in 138 months",
			ref, a.Balance, a.Received, a.Sent, a.Postings, len(a.Moves), a.Bucket, balance, received, sent, postings)
	}
}

// retailNumbers compares the API's values for Online Retail with figures from
// outside of this project, and with a scan of the sales.
func retailNumbers(t *testing.T, db *pgxpool.Pool) {
	t.Helper()
	w := cache.WindowAt(time.Now(), time.Minute)
	m, err := aggregates.ComputeMarket(t.Context(), db, w, aggregates.MarketQuery{Days: 0})
	if err != nil {
		t.Fatal(err)
	}
	items := number(t, db, `SELECT count(DISTINCT item) FROM sales WHERE quantity > 0 AND total > 0`)
	if m.Sales.Now != 530_104 || m.Volume.Now != ledger.SumOf(10_666_684_544) || m.Items != items || m.Apart.Lines != 541_909-530_104 ||
		m.Quantity.Now.Plus(m.Apart.Quantity) != ledger.SumOf(5_176_450) || m.Volume.Now.Plus(m.Apart.Volume) != ledger.SumOf(9_747_747_934) {
		t.Errorf("market: %d sales of %d items for %s, apart %+v", m.Sales.Now, m.Items, m.Volume.Now, m.Apart)
	}
	listed := m.Others.Volume
	for i, of := range m.Top {
		listed = listed.Plus(of.Volume)
		if i > 0 && of.Volume.Compare(m.Top[i-1].Volume) > 0 {
			t.Errorf("market: %s is listed below %s", of.ID, m.Top[i-1].ID)
		}
	}
	if len(m.Top) != 50 || listed != m.Volume.Now || int64(len(m.Top))+m.Others.Items != items {
		t.Errorf("market: %d items listed and %+v others do not add up", len(m.Top), m.Others)
	}

	top := m.Top[0].ID
	i, err := aggregates.ComputeItem(t.Context(), db, w, aggregates.ItemQuery{Item: top, Days: 90})
	if err != nil {
		t.Fatal(err)
	}
	if len(i.Candles) != 90 || i.Bucket != "day" || i.Thin {
		t.Fatalf("item %s: %d candles by %s, thin %v", top, len(i.Candles), i.Bucket, i.Thin)
	}
	const ohlc = `
		SELECT count(*), sum(quantity)::bigint, sum(total)::bigint,
			(array_agg(total::float8 / quantity ORDER BY at, s.id))[1], max(total::float8 / quantity), min(total::float8 / quantity),
			(array_agg(total::float8 / quantity ORDER BY at DESC, s.id DESC))[1]
		FROM sales s JOIN items i ON i.id = item
		WHERE i.ref = $1 AND quantity > 0 AND total > 0 AND at >= $2 AND at < $3`
	for _, c := range i.Candles {
		var sales int64
		var quantity, volume *int64
		var open, high, low, last *float64
		err := db.QueryRow(t.Context(), ohlc, top, c.Start, c.Start.AddDate(0, 0, 1)).Scan(&sales, &quantity, &volume, &open, &high, &low, &last)
		if err != nil {
			t.Fatal(err)
		}
		switch p := c.Prices; {
		case c.Sales != sales:
			t.Errorf("item %s on %s: %d sales, want %d", top, c.Start, c.Sales, sales)
		case sales == 0 && (p.Open != nil || p.VWAP != nil):
			t.Errorf("item %s on %s: prices %+v without a sale", top, c.Start, p)
		case sales > 0 && (c.Quantity != ledger.SumOf(*quantity) || c.Volume != ledger.SumOf(*volume) || *p.Open != *open || *p.High != *high || *p.Low != *low || *p.Close != *last):
			t.Errorf("item %s on %s: %s for %s at %v %v %v %v, want %d for %d at %v %v %v %v", top, c.Start,
				c.Quantity, c.Volume, *p.Open, *p.High, *p.Low, *p.Close, *quantity, *volume, *open, *high, *low, *last)
		}
	}
}
