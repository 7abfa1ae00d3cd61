package aggregates

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// A seriesScan answers by scanning postings and sales what series read from rollups.
type seriesScan struct {
	db   *pgxpool.Pool
	zone string
}

func (sc seriesScan) number(t *testing.T, query string, args pgx.NamedArgs) *float64 {
	t.Helper()
	var v *float64
	args["zone"] = sc.zone
	if err := sc.db.QueryRow(t.Context(), query, args).Scan(&v); err != nil {
		t.Fatalf("%v of %s", err, query)
	}
	return v
}

// held is SQL for what holders of a population have at the end of a day.
const held = `
	SELECT h.holder, sum(p.amount)::float8 AS x FROM postings p JOIN account_holders h ON h.id = p.account
	WHERE (p.at AT TIME ZONE @zone)::date <= @day::date AND h.kind = ANY(@kinds) AND NOT h.issuer
		AND coalesce(h.archived > @end, true)
	GROUP BY h.holder`

// value returns the number of the days from to to.
func (sc seriesScan) value(t *testing.T, q SeriesQuery, from, to time.Time, usual float64) *float64 {
	t.Helper()
	args := pgx.NamedArgs{"from": dateOf(from), "day": dateOf(to), "end": plus(to, 1), "ref": q.Ref, "usual": usual}
	for _, kind := range q.Population.kinds() {
		kinds, _ := args["kinds"].([]string)
		args["kinds"] = append(kinds, string(kind))
	}
	const within = `(at AT TIME ZONE @zone)::date BETWEEN @from::date AND @day::date`
	const daily = `::float8 / (@day::date - @from::date + 1)`
	switch q.Kind {
	case SeriesSupply:
		return sc.number(t, `SELECT sum(amount)::float8 FROM postings JOIN accounts ON id = account WHERE NOT issuer AND (at AT TIME ZONE @zone)::date <= @day::date`, args)
	case SeriesHolders:
		return sc.number(t, `SELECT count(*)::float8 FROM (`+held+`) AS held`, args)
	case SeriesGini:
		return sc.number(t, `
			SELECT CASE WHEN sum(x) > 0 THEN 2 * sum(i * x) / (count(*) * sum(x)) - (count(*) + 1)::float8 / count(*) END
			FROM (SELECT x, row_number() OVER (ORDER BY x) AS i FROM (`+held+`) AS held) AS sorted`, args)
	case SeriesTop10:
		// The poorest nine tenths have those below them, and a part of the next one.
		return sc.number(t, `
			SELECT CASE WHEN sum(x) > 0 THEN 1 - sum(x * least(greatest(0.9 * n - (i - 1), 0), 1)) / sum(x) END
			FROM (SELECT x, row_number() OVER (ORDER BY x) AS i, count(*) OVER () AS n FROM (`+held+`) AS held) AS sorted`, args)
	case SeriesPrice:
		return sc.number(t, `
			SELECT sum(total)::float8 / sum(quantity) FROM sales WHERE item = (SELECT id FROM items WHERE ref = @ref) AND quantity > 0 AND total > 0
				AND (@usual::float8 = 0 OR total::float8 / quantity BETWEEN @usual / 10 AND @usual * 10) AND `+within, args)
	case SeriesSold:
		return sc.number(t, `
			SELECT coalesce(sum(total), 0)`+daily+` FROM sales WHERE item = (SELECT id FROM items WHERE ref = @ref) AND quantity > 0 AND total > 0 AND `+within, args)
	case SeriesSource:
		return sc.number(t, `
			SELECT coalesce(sum(net) FILTER (WHERE net > 0), 0)`+daily+` FROM (
				SELECT sum(amount) AS net FROM postings JOIN transactions ON id = transaction
				WHERE source = @ref AND (postings.at AT TIME ZONE @zone)::date BETWEEN @from::date AND @day::date GROUP BY transaction, account) AS nets`, args)
	default:
		return sc.number(t, `
			SELECT coalesce(sum(amount), 0)::float8 FROM postings WHERE (at AT TIME ZONE @zone)::date <= @day::date AND account IN (
				SELECT id FROM accounts WHERE ref = @ref UNION SELECT account FROM merges WHERE target = (SELECT id FROM accounts WHERE ref = @ref))`, args)
	}
}

// series scans a series.
func (sc seriesScan) series(t *testing.T, q SeriesQuery, s span) []SeriesPoint {
	t.Helper()
	last := s.Today
	if !s.Historical {
		last = plus(last, -1)
	}
	first := s.Start
	if s.First.After(first) {
		first = s.First
	}
	if last.Before(first) {
		return nil
	}
	long := s
	long.Start, long.Today, long.End = first, last, plus(last, 1)
	_, buckets := long.buckets()
	usual := 0.0
	if q.Kind == SeriesPrice {
		var means []float64
		for _, b := range buckets {
			if mean := sc.value(t, q, plus(first, b.from), plus(first, b.to), 0); mean != nil {
				means = append(means, *mean)
			}
		}
		slices.Sort(means)
		if n := len(means); n > 0 {
			usual = (means[(n-1)/2] + means[n/2]) / 2
		}
	}
	var points []SeriesPoint
	for _, b := range buckets {
		from, to := plus(first, b.from), plus(first, b.to)
		points = append(points, SeriesPoint{b.start, to, sc.value(t, q, from, to, usual)})
	}
	return points
}

// TestSeriesAreWhatScanningSays compares each kind of series with a scan of every
// posting and sale, in ledgers that go on and that have ended, east and west of
// Greenwich.
func TestSeriesAreWhatScanningSays(t *testing.T) {
	for n, days := range []int{2, 45, 200, 900} {
		zone := []string{"UTC", "Europe/Berlin", "America/Chicago", "UTC"}[n]
		t.Run(fmt.Sprint(days, " days in ", zone), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(uint64(n), 41))
			now := at(t, "03-11 15:00").Add(time.Duration(random.IntN(48)) * hour)
			r := randomRecord(random, now, days, transactionsIn(days))
			db := testkit.Postgres(t)
			if err := ledger.New(db).SetSettings(t.Context(), ledger.Settings{Name: "Port", Timezone: zone}); err != nil {
				t.Fatal(err)
			}
			b := r.batch()
			for item := range 60 {
				ref := fmt.Sprintf("i/%02d", item)
				b.Items = append(b.Items, ledger.Item{Ref: ref, Name: itemName(ref)})
			}
			b.Sales = r.randomSales(random, 200)
			into, merged := r.twoOfAKind()
			b.Merges = []ledger.Merge{{Account: merged, Into: into}}
			appendBatch(t, db, b)
			if _, err := UpdateSnapshots(t.Context(), db, now, DefaultExact); err != nil {
				t.Fatal(err)
			}
			checkSold(t, db, zone, now)
			w := windowAt(now)
			sc := seriesScan{db, zone}
			refs := []SeriesRef{
				{Kind: SeriesSupply}, {Kind: SeriesHolders}, {Kind: SeriesGini}, {Kind: SeriesTop10},
				{SeriesPrice, "i/00"}, {SeriesPrice, "i/03"}, {SeriesSold, "i/00"}, {SeriesSold, "i/59"}, {SeriesSource, "tax"}, {SeriesSource, "gift"},
				{SeriesBalance, into}, {SeriesBalance, "a13"},
			}
			for _, d := range AllDays() {
				for _, p := range Populations() {
					var all []*Series
					for _, ref := range refs {
						q := NewSeriesQuery(ref, p, d)
						if p != PopulationPersonal && !ref.Kind.ofPopulation() {
							continue // has one query for all
						}
						got, err := ComputeSeries(t.Context(), db, w, q)
						if err != nil || got == nil {
							t.Fatalf("%s: %v", q.Key(), err)
						}
						q.Population = got.Population
						s := spanIn(t, db, w, d)
						want := &Series{SeriesRef: ref, ID: ref.Ref, Name: got.Name, Basis: got.Basis, Population: got.Population, Bucket: got.Bucket, Points: sc.series(t, q, s)}
						compare(t, "series "+q.Key(), d, want, got, nil)
						all = append(all, got)
					}
					if p == PopulationPersonal {
						checkForms(t, all)
					}
				}
			}
			if got, err := ComputeSeries(t.Context(), db, w, SeriesQuery{SeriesRef: SeriesRef{SeriesBalance, merged}, Population: PopulationPersonal}); err != nil || got.ID != into {
				t.Errorf("the series of a merged account is that of %v, %v, want %s", got, err, into)
			}
		})
	}
}

// spanIn is the period that readers of a ledger get.
func spanIn(t *testing.T, db *pgxpool.Pool, w cache.Window, days Days) span {
	t.Helper()
	var s span
	var b Basis
	err := b.read(t.Context(), db, w, days, func(_ context.Context, _ pgx.Tx, of span) error { s = of; return nil })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// checkForms compares each form of series with the values that they are made of.
func checkForms(t *testing.T, all []*Series) {
	t.Helper()
	holders := all[1]
	values, index, heads := Compare(AsValue, all, nil), Compare(AsIndex, all, nil), Compare(PerHead, all, holders)
	for i, v := range all {
		first := math.NaN()
		for j, p := range v.Points {
			if got := values.Series[i].Values[j]; !equalOrNaN(orNaN(got), orNaN(p.Value)) {
				t.Errorf("%s: value %v of %v", v, orNaN(got), orNaN(p.Value))
			}
			if math.IsNaN(first) && p.Value != nil && *p.Value > 0 {
				first = *p.Value
			}
		}
		for j, p := range v.Points {
			want, each := math.NaN(), orNaN(p.Value)
			if p.Value != nil {
				want = *p.Value * 100 / first
			}
			if v.Kind == SeriesSupply || v.Kind == SeriesSold || v.Kind == SeriesSource {
				if each /= orNaN(holders.Points[j].Value); math.IsInf(each, 0) {
					each = math.NaN()
				}
			}
			if got := orNaN(index.Series[i].Values[j]); !equalOrNaN(got, want) {
				t.Errorf("%s: index %v, want %v", v, got, want)
			}
			if got := orNaN(heads.Series[i].Values[j]); !equalOrNaN(got, each) {
				t.Errorf("%s: %v a head, want %v", v, got, each)
			}
		}
	}
}

func orNaN(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}

func equalOrNaN(a, b float64) bool {
	return math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) <= 1e-9*max(1, math.Abs(a), math.Abs(b))
}
