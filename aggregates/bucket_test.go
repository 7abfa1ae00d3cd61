package aggregates

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"pgregory.net/rapid"

	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// moments are any from the year 1 to today.
func moments(latest time.Time) *rapid.Generator[time.Time] {
	first := time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC)
	return rapid.Custom(func(t *rapid.T) time.Time {
		// Evenly over the years, and often within the last ones.
		from := rapid.SampledFrom([]time.Time{first, time.Date(1899, 12, 1, 0, 0, 0, 0, time.UTC), latest.AddDate(-2, 0, 0)}).Draw(t, "age")
		if !from.Before(latest) {
			from = first
		}
		return time.Unix(rapid.Int64Range(min(from.Unix()+1, latest.Unix()), latest.Unix()).Draw(t, "at"), 0).UTC()
	})
}

func TestDaysAreNumberedWithoutGaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := moments(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)).Draw(t, "at")
		midnight := at.Truncate(day)
		if ledger.DayNumber(at) != ledger.DayNumber(midnight) || ledger.DayNumber(midnight.Add(-1)) != ledger.DayNumber(at)-1 {
			t.Errorf("%s is day %d, its midnight %d, the moment before %d", at, ledger.DayNumber(at), ledger.DayNumber(midnight), ledger.DayNumber(midnight.Add(-1)))
		}
		days := rapid.IntRange(-700_000, 700_000).Draw(t, "days")
		if got := ledger.DayNumber(plus(at, days)) - ledger.DayNumber(at); got != days {
			t.Errorf("%d days after %s is %d days after it", days, at, got)
		}
	})
}

func TestAnySpanIsDividedIntoAFewBucketsWithoutGaps(t *testing.T) {
	w := windowAt(at(t, "03-11 10:30"))
	rapid.Check(t, func(t *rapid.T) {
		last := moments(w.Start).Draw(t, "last").Truncate(hour)
		first := moments(last).Draw(t, "first").Truncate(hour)
		days := rapid.SampledFrom(AllDays()).Draw(t, "days")
		s := spanOf(w, days, first, last)
		if days > 0 && s.days() != int(days) || s.index(s.Start) != 0 || s.days() < 1 {
			t.Fatalf("%s days from %s to %s are %d", days.Key(), s.Start, s.Today, s.days())
		}
		for most, limit := range map[int]int{mostDrawn: 242, mostDays: mostDays} {
			unit, all := s.divide(most)
			if len(all) > limit {
				t.Errorf("%d days are %d %ss, want at most %d", s.days(), len(all), unit, limit)
			}
			next := 0
			for i, b := range all {
				if b.from != next || b.to < b.from || i > 0 && !b.start.Equal(plus(s.Start, b.from)) || b.start.After(plus(s.Start, b.from)) {
					t.Fatalf("%s %d is %+v, want it to begin with day %d of the span", unit, i, b, next)
				}
				if b.partial && i > 0 && i < len(all)-1 {
					t.Errorf("%s %d of %d is partial", unit, i, len(all))
				}
				if bucketOf(all, b.from) != i || bucketOf(all, b.to) != i {
					t.Errorf("days %d and %d are found in the %ss %d and %d, want %d", b.from, b.to, unit, bucketOf(all, b.from), bucketOf(all, b.to), i)
				}
				next = b.to + 1
			}
			if next != s.days() {
				t.Errorf("the last %s ends with day %d of %d", unit, next, s.days())
			}
		}
	})
}

func TestEveryPanelOfALedgerOfAnyAge(t *testing.T) {
	now := at(t, "03-11 10:30")
	w := windowAt(now)
	for _, times := range [][]time.Time{
		{time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC), now},
		{time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC), time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC)},
		{time.Date(1, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(1066, 10, 14, 9, 0, 0, 0, time.UTC)},
		{time.Date(1066, 10, 14, 9, 0, 0, 0, time.UTC), time.Date(1500, 2, 28, 12, 0, 0, 0, time.UTC), now},
		{time.Date(1733, 12, 31, 0, 0, 0, 0, time.UTC), now.Add(-time.Hour)},
		{time.Date(1969, 12, 31, 23, 59, 59, 999_999_000, time.UTC), time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)},
		{moments(now).Example(1), moments(now).Example(2), moments(now).Example(3)},
	} {
		t.Run(times[0].Format(time.DateOnly), func(t *testing.T) {
			db := testkit.Postgres(t)
			b := ledger.Batch{
				Accounts: []ledger.Account{{Ref: "mint", Kind: ledger.System}, {Ref: "ann", Kind: ledger.Personal}},
				Items:    []ledger.Item{{Ref: "bread"}},
			}
			for i, at := range times {
				ref := string(rune('a' + i))
				b.Transactions = append(b.Transactions, ledger.Transaction{Origin: "test", Ref: ref, At: at, Source: "grant",
					Postings: []ledger.Posting{{Account: "mint", Amount: -100}, {Account: "ann", Amount: 100}}})
				b.Sales = append(b.Sales, ledger.Sale{Origin: "test", Ref: ref, At: at, Item: "bread", Direction: ledger.DirectionSale, Quantity: 1, Total: 10})
			}
			appendBatch(t, db, b)
			began := time.Now()
			made, err := UpdateSnapshots(t.Context(), db, now, DefaultExact)
			if err != nil || made > len(times) || time.Since(began) > time.Minute {
				t.Fatalf("%d snapshots made in %s, %v, want one for each day with a posting", made, time.Since(began), err)
			}
			for _, days := range AllDays() {
				checkLengths(t, everyPanel(t, db, w, days), int64(100*len(times)))
			}
		})
	}
}

// panels are all that a period has.
type panels struct {
	overview *Overview
	activity *Activity
	rhythm   *Rhythm
	shares   *Inequality
	flow     *Flow
	market   *Market
	health   *Health
	item     *Item
	account  *Account
}

func everyPanel(t *testing.T, db *pgxpool.Pool, w cache.Window, days Days) panels {
	t.Helper()
	var p panels
	errs := make([]error, 9)
	p.overview, errs[0] = ComputeOverview(t.Context(), db, w, days)
	p.activity, errs[1] = ComputeActivity(t.Context(), db, w, days)
	p.rhythm, errs[2] = ComputeRhythm(t.Context(), db, w, days)
	p.shares, errs[3] = ComputeInequality(t.Context(), db, w, InequalityQuery{Population: PopulationPersonal})
	p.flow, errs[4] = ComputeFlow(t.Context(), db, w, days)
	p.market, errs[5] = ComputeMarket(t.Context(), db, w, MarketQuery{Days: days})
	p.health, errs[6] = ComputeHealth(t.Context(), db, w, days)
	p.item, errs[7] = ComputeItem(t.Context(), db, w, ItemQuery{Item: "bread", Days: days})
	p.account, errs[8] = ComputeAccount(t.Context(), db, w, AccountQuery{"ann", days})
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for _, panel := range []any{p.overview, p.activity, p.rhythm, p.shares, p.flow, p.market, p.health, p.item, p.account} {
		if text, err := json.Marshal(panel); err != nil || len(text) > 64<<10 {
			t.Errorf("%s days: %T is %d bytes of JSON, %v", days.Key(), panel, len(text), err)
		}
	}
	return p
}

// checkLengths checks that all series are as long as there are buckets, and
// that they end in the supply.
func checkLengths(t *testing.T, p panels, supply int64) {
	t.Helper()
	days := p.overview.Days
	o := p.overview
	n := len(o.Buckets)
	if len(o.Supply.Series) != n || len(o.Active.Series) != n || len(o.Transactions.Series) != n || len(o.Velocity.Series) != n || len(p.activity.Buckets) != n {
		t.Errorf("%s days are %d buckets, but the series have %d, %d, %d and %d values, the activity %d", days, n, len(o.Supply.Series),
			len(o.Active.Series), len(o.Transactions.Series), len(o.Velocity.Series), len(p.activity.Buckets))
	}
	if *o.Supply.Now != sumOf(supply) || o.Supply.Series[n-1] != sumOf(supply) || !o.Balanced || !p.health.Supply.Holds {
		t.Errorf("%s days: supply %s, series to %s, books hold %v and %v, want %d", days, *o.Supply.Now, o.Supply.Series[n-1], o.Balanced, p.health.Supply.Holds, supply)
	}
	var transactions, sales, postings, hours, rhythm int64
	for i := range o.Transactions.Series {
		transactions += o.Transactions.Series[i]
	}
	for _, c := range p.item.Candles {
		sales += c.Sales
	}
	for _, m := range p.account.Moves {
		postings += m.Postings
	}
	for weekday := range p.rhythm.Hours {
		for at := range p.rhythm.Hours[weekday] {
			hours += p.rhythm.Hours[weekday][at]
			rhythm += p.rhythm.Total[weekday][at]
		}
	}
	if transactions != *o.Transactions.Now || sales != transactions || postings != transactions || p.market.Sales.Now != transactions {
		t.Errorf("%s days: %d transactions by bucket of %d, %d sales, %d of the market, %d postings", days, transactions, *o.Transactions.Now, sales, p.market.Sales.Now, postings)
	}
	if rhythm > transactions || o.Days == "all" && hours < o.End.Unix()/3600-o.Start.Unix()/3600-1 {
		t.Errorf("%s days: %d transactions in %d hours of the week", days, rhythm, hours)
	}
	if len(p.item.Candles) > mostDays || len(p.item.Candles) != len(p.account.Moves) {
		t.Errorf("%s days: %d candles and %d moves", days, len(p.item.Candles), len(p.account.Moves))
	}
}

func TestLongPeriodsAreDrawnInWeeksAndMonths(t *testing.T) {
	w := windowAt(at(t, "03-11 10:30")) // a Wednesday
	for _, c := range []struct {
		days        Days
		first       time.Time
		unit        string
		buckets     int
		start, last time.Time
	}{
		{90, at(t, "01-01 00:00"), "day", 90, at(t, "03-11 00:00").Add(-89 * day), at(t, "03-11 00:00")},
		{365, at(t, "01-01 00:00"), "week", 53, time.Date(2025, 3, 10, 0, 0, 0, 0, time.UTC), at(t, "03-09 00:00")},
		{0, at(t, "03-11 08:00"), "day", 1, at(t, "03-11 00:00"), at(t, "03-11 00:00")},
		{0, time.Date(2023, 12, 31, 23, 0, 0, 0, time.UTC), "month", 28, time.Date(2023, 12, 1, 0, 0, 0, 0, time.UTC), at(t, "03-01 00:00")},
	} {
		s := spanOf(w, c.days, c.first, w.Start)
		unit, buckets := s.buckets()
		if unit != c.unit || len(buckets) != c.buckets {
			t.Errorf("%d days: %d %ss, want %d %ss", c.days, len(buckets), unit, c.buckets, c.unit)
			continue
		}
		days := 0
		for i, b := range buckets {
			days += b.to - b.from + 1
			partial := i == len(buckets)-1 || i == 0 && b.start.Before(s.Start)
			if b.partial != partial {
				t.Errorf("%d days, bucket %d: partial %v", c.days, i, b.partial)
			}
		}
		if days != s.days() || !buckets[0].start.Equal(c.start) || !buckets[len(buckets)-1].start.Equal(c.last) {
			t.Errorf("%d days: %d days in buckets from %s to %s", c.days, days, buckets[0].start, buckets[len(buckets)-1].start)
		}
	}
}
