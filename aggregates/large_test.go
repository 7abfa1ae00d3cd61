package aggregates

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// Every panel is exact where supply and volume pass what 64 bits hold, and is the
// same after JSON, by which values travel through the cache.
func TestSumsBeyond64BitsAreExactInEveryPanel(t *testing.T) {
	const large = math.MaxInt64
	db := testkit.Postgres(t)
	now := at(t, "03-11 15:00")
	var b ledger.Batch
	for _, n := range []string{"1", "2", "3"} {
		b.Accounts = append(b.Accounts, ledger.Account{Ref: "mint" + n, Kind: ledger.System}, ledger.Account{Ref: "rich" + n, Kind: ledger.Personal})
	}
	b.Items = []ledger.Item{{Ref: "gold"}}
	pay := func(from, to string, when time.Time) {
		ref := from + to + when.String()
		b.Transactions = append(b.Transactions, ledger.Transaction{Origin: "o", Ref: ref, At: when, Source: "x",
			Postings: []ledger.Posting{{Account: from, Amount: -large}, {Account: to, Amount: large}}})
		b.Sales = append(b.Sales, ledger.Sale{Origin: "o", Ref: ref, At: when, Item: "gold", Direction: ledger.DirectionSale, Quantity: large, Total: large})
	}
	day := now.AddDate(0, 0, -9)
	pay("mint1", "rich1", day)
	pay("mint2", "rich2", day)
	pay("mint3", "rich3", day)
	for range 3 { // there and back
		day = day.AddDate(0, 0, 1)
		pay("rich3", "mint3", day)
		pay("mint3", "rich3", day.Add(time.Second))
	}
	appendBatch(t, db, b)
	if _, err := UpdateSnapshots(t.Context(), db, now, DefaultExact); err != nil {
		t.Fatal(err)
	}
	report, err := ledger.New(db).Verify(t.Context())
	if err != nil || !report.OK() {
		t.Fatalf("verify: %+v, %v", report, err)
	}
	w := windowAt(now)
	of := func(n int64) ledger.Sum { return ledger.Product(large, n) }
	o, err := ComputeOverview(t.Context(), db, w, 30)
	if err != nil || *o.Supply.Now != of(3) || o.Created != of(6) || o.Destroyed != of(3) || !o.Balanced {
		t.Errorf("overview: %+v, %v", o, err)
	}
	f, err := ComputeFlow(t.Context(), db, w, 0)
	if err != nil || f.Volume.Now != of(9) || f.Created.Now != of(6) || f.Sources[0].Destroyed != of(3) {
		t.Errorf("flow: %+v, %v", f, err)
	}
	h, err := ComputeHealth(t.Context(), db, w, 7)
	if err != nil || h.Supply.Closing != of(3) || !h.Supply.Holds {
		t.Errorf("health: %+v, %v", h, err)
	}
	m, err := ComputeMarket(t.Context(), db, w, MarketQuery{Days: 30})
	if err != nil || m.Volume.Now != of(9) || m.Quantity.Now != of(9) || m.Top[0].VWAP != 1 {
		t.Errorf("market: %+v, %v", m, err)
	}
	v, err := ComputeInequality(t.Context(), db, w, InequalityQuery{Population: PopulationPersonal})
	if err != nil || v.Total != of(3) || *v.Gini.Value != 0 || v.Bins[0].Total != of(3) || len(v.Trend) != 10 {
		t.Errorf("inequality: %+v, %v", v, err)
	}
	k, err := ComputeWealthByKind(t.Context(), db, w, NoParams{})
	if err != nil || k.Supply != of(3) || k.Kinds[len(k.Kinds)-1].Total != of(-3) {
		t.Errorf("wealth: %+v, %v", k, err)
	}
	a, err := ComputeAccount(t.Context(), db, w, AccountQuery{"rich3", 30})
	if err != nil || a.Received != of(4) || a.Sent != of(3) || a.Balance != large {
		t.Errorf("account: %+v, %v", a, err)
	}
	text, err := json.Marshal(f)
	var again Flow
	if err != nil || !strings.Contains(string(text), `"volume":{"now":83010348331692982263,`) || json.Unmarshal(text, &again) != nil || again.Volume != f.Volume {
		t.Errorf("flow as JSON: %s, %v", text, err)
	}
}
