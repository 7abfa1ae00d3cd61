package aggregates

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/internal/testkit"
)

// value returns what a producer computes.
func value[P, T any](t *testing.T, compute func(context.Context, *pgxpool.Pool, cache.Window, P) (T, error), db *pgxpool.Pool, w cache.Window, p P) T {
	t.Helper()
	v, err := compute(t.Context(), db, w, p)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// What the page about the numbers tells readers to run gives the numbers that are
// shown.
func TestTheQueriesThatReadersMayRunGiveWhatIsShown(t *testing.T) {
	now := at(t, "03-11 15:00")
	var r record
	for seed, total := uint64(0), int64(0); total <= 0; seed++ { // with a Gini
		r = randomRecord(rand.New(rand.NewPCG(seed, 7)), now, 60, 300)
		total = 0
		sums, _ := r.holdings(PopulationPersonal, now)
		for _, sum := range sums {
			total += sum
		}
	}
	db := testkit.Postgres(t)
	appendBatch(t, db, r.batch())
	w := windowAt(now)
	// rows returns what a query gives, as JSON.
	rows := func(p Period, sql string) []map[string]json.Number {
		t.Helper()
		got, _ := db.Query(t.Context(), "SELECT to_jsonb(q) - 'name' - 'kind' - 'issuer' FROM ("+p.Query(sql)+") AS q")
		all, err := pgx.CollectRows(got, pgx.RowTo[map[string]json.Number])
		if err != nil {
			t.Fatalf("%v in\n%s", err, p.Query(sql))
		}
		return all
	}
	same := func(what string, got map[string]json.Number, want map[string]any) {
		t.Helper()
		for name, number := range want {
			if got[name].String() != fmt.Sprint(number) {
				t.Errorf("%s: %s is %v by the query, %v is shown", what, name, got[name], number)
			}
		}
	}

	o := value(t, ComputeOverview, db, w, Days(30))
	same("supply", rows(o.Period, SupplySQL)[0], map[string]any{"supply": *o.Supply.Now})

	i := value(t, ComputeInequality, db, w, InequalityQuery{Population: PopulationPersonal})
	var gini float64
	if err := db.QueryRow(t.Context(), i.Query(GiniSQL)).Scan(&gini); err != nil || math.Abs(gini-*i.Gini.Value) > 1e-12 {
		t.Errorf("gini: the query gives %v, %v, shown is %v", gini, err, *i.Gini.Value)
	}
	same("distribution", rows(i.Period, DistributionSQL)[0], map[string]any{
		"holders": i.Holders, "zero": i.Zero, "debtors": i.Debtors, "median": i.Median,
	})
	curve, _ := db.Query(t.Context(), i.Query(LorenzSQL))
	points, err := pgx.CollectRows(curve, pgx.RowToStructByPos[LorenzPoint])
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range i.Lorenz {
		before := LorenzPoint{}
		for _, p := range points {
			if p.Holders >= shown.Holders-1e-12 {
				part := (shown.Holders - before.Holders) / (p.Holders - before.Holders)
				if at := before.Wealth + part*(p.Wealth-before.Wealth); math.Abs(at-shown.Wealth) > 1e-9 {
					t.Errorf("lorenz: the poorest %v hold %v by the query, %v is shown", shown.Holders, at, shown.Wealth)
				}
				break
			}
			before = p
		}
	}

	a := value(t, ComputeActivity, db, w, Days(30))
	var sum ActivityBucket
	for _, b := range a.Buckets {
		sum.Transactions += b.Transactions
		sum.Volume = sum.Volume.Plus(b.Volume)
	}
	same("activity", rows(a.Period, ActivitySQL)[0], map[string]any{"transactions": sum.Transactions, "volume": sum.Volume})

	rhythm := value(t, ComputeRhythm, db, w, Days(30))
	var total [7][24]int64
	hours, _ := db.Query(t.Context(), rhythm.Query(RhythmSQL))
	var weekday, hour int
	var n int64
	if _, err := pgx.ForEachRow(hours, []any{&weekday, &hour, &n}, func() error { total[weekday-1][hour] = n; return nil }); err != nil {
		t.Fatal(err)
	}
	if total != rhythm.Total {
		t.Errorf("rhythm: the query gives %v, shown is %v", total, rhythm.Total)
	}

	wealth := value(t, ComputeWealthByKind, db, w, NoParams{})
	kinds, _ := db.Query(t.Context(), wealth.Query(WealthSQL))
	found := 0
	var k KindWealth
	_, err = pgx.ForEachRow(kinds, []any{&k.Kind, &k.Issuer, &k.Accounts, &k.Total}, func() error {
		for _, shown := range wealth.Kinds {
			if shown.Kind == k.Kind && shown.Issuer == k.Issuer {
				found++
				if shown.Accounts != k.Accounts || shown.Total != k.Total {
					t.Errorf("wealth by kind: %+v by the query, %+v is shown", k, shown)
				}
			}
		}
		return nil
	})
	if err != nil || found == 0 {
		t.Errorf("wealth by kind: %d kinds, %v", found, err)
	}

	richest := value(t, ComputeRichest, db, w, NoParams{})
	listed := rows(richest.Period, RichestSQL)
	for nr, account := range richest.Accounts[:min(len(listed), len(richest.Accounts))] {
		same("richest", listed[nr], map[string]any{"balance": account.Balance})
	}

	market := value(t, ComputeMarket, db, w, MarketQuery{Days: 30})
	same("turnover", rows(market.Period, TurnoverSQL)[0], map[string]any{
		"sales": market.Sales.Now, "pieces": market.Quantity.Now, "value": market.Volume.Now,
	})
}

func TestAQueryNamesThePeriod(t *testing.T) {
	p := Period{Start: at(t, "03-01 00:00"), End: at(t, "03-11 15:00"), Timezone: "Europe/Berlin"}
	want := "x >= timestamptz '2026-03-01T00:00:00Z' AND x < timestamptz '2026-03-11T15:00:00Z' AT TIME ZONE 'Europe/Berlin'"
	if got := p.Query("x >= @start AND x < @end AT TIME ZONE @zone"); got != want {
		t.Errorf("Query = %s, want %s", got, want)
	}
}
