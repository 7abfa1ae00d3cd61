package views

import (
	"math"
	"strings"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// A tile is one number with its change and its sparkline.
type tile struct {
	Key    string // of the number, for marking a change
	Name   string
	Value  string
	Exact  string // in full, if Value is not
	Bound  string // how far the number may be from what is shown
	Why    string // if there is no value
	Change string
	Since  string // against what
	Class  string // up, down or flat
	Series []float64
}

func overviewTiles(o *aggregates.Overview, s ledger.Settings) []tile {
	since := ""
	if o.Days != "all" && o.Days != "" {
		since = "against the " + strings.TrimPrefix(DaysParam.option(o.Days).Title, "the last ") + " before"
	}
	supply := trendTile("supply", "Money supply", moneyTile(orZero(o.Supply.Now), s), o.Supply, since)
	supply.Exact = Money(orZero(o.Supply.Now), s)
	transactions := trendTile("transactions", "Transactions", Count(orZero(o.Transactions.Now)), o.Transactions, since)
	velocity := trendTile("velocity", "Transfer velocity", Decimal(orZero(o.Velocity.Now), 2)+nbsp+"×", o.Velocity, since)
	if now, before := o.Velocity.Now, o.Velocity.Before; now != nil && before != nil {
		velocity.Change = Signed(*now-*before, 2)
		velocity.Class = direction(*now-*before, velocity.Change)
	}
	if now := o.Velocity.Now; now != nil && *now == 0 {
		velocity = tile{Key: velocity.Key, Name: velocity.Name, Why: "None: no transfers between holders."}
	}
	if !o.Historical { // the current bucket would look like a fall
		transactions.Series = whole(transactions.Series)
		velocity.Series = whole(velocity.Series)
	}
	return []tile{
		supply,
		trendTile("active", "Active, 7 days", Count(orZero(o.Active.Now)), o.Active, "against the 7 days before"),
		transactions,
		velocity,
	}
}

// whole leaves out the last bucket, which has not ended.
func whole(series []float64) []float64 {
	if len(series) < 2 {
		return series
	}
	return series[:len(series)-1]
}

// moneyTile formats an amount in about ten characters at most.
func moneyTile[N Quantity](amount N, s ledger.Settings) string {
	if text := MoneyShort(amount, s); len([]rune(text)) <= 11 {
		return text
	}
	return MoneyCompact(sumOf(amount).Float64(), s)
}

func trendTile[N int64 | float64 | ledger.Sum](key, name, value string, t aggregates.Trend[N], since string) tile {
	tl := tile{Key: key, Name: name, Value: value, Since: since}
	if t.Now == nil {
		tl.Why = orElse(t.Why, "Not available.")
		return tl
	}
	if t.Before != nil {
		tl.Change = Change(float(*t.Now), float(*t.Before))
		tl.Class = direction(float(*t.Now)-float(*t.Before), tl.Change)
	}
	for _, v := range t.Series {
		tl.Series = append(tl.Series, float(v))
	}
	return tl
}

func direction(difference float64, written string) string {
	switch {
	case written == "no change":
		return "flat"
	case difference > 0:
		return "up"
	default:
		return "down"
	}
}

func inequalityTiles(v *aggregates.Inequality) []tile {
	measure := func(key, name, value string, m aggregates.Measure, pick func(aggregates.DayMeasures) *float64, scale float64, decimals int, unit string) tile {
		t := tile{Key: key, Name: name, Value: value, Class: "flat"}
		if m.Bound != nil {
			t.Bound = plusMinus(*m.Bound*scale) + unit
		}
		if m.Value == nil {
			t.Why = orElse(m.Why, "Not available.")
			return t
		}
		var first *float64
		days := 0
		for i, d := range v.Trend {
			p := pick(d)
			if p == nil {
				continue
			}
			if first == nil {
				first = p
				days = ledger.DayNumber(v.Trend[len(v.Trend)-1].Day) - ledger.DayNumber(v.Trend[i].Day)
			}
			t.Series = append(t.Series, *p)
		}
		if first != nil && days > 0 {
			t.Change = Signed((*m.Value-*first)*scale, decimals)
			if t.Change != "no change" {
				t.Change += unit
			}
			t.Since = "in " + Plural(int64(days), "day", "days")
		}
		return t
	}
	points := nbsp + "pt"
	return []tile{
		measure("gini", "Gini", Decimal(orZero(v.Gini.Value), 3), v.Gini, func(d aggregates.DayMeasures) *float64 { return d.Gini }, 1, 3, ""),
		measure("top1", "Top 1 % hold", Percent(orZero(v.Top1.Value)), v.Top1, func(d aggregates.DayMeasures) *float64 { return d.Top1 }, 100, 1, points),
		measure("top10", "Top 10 % hold", Percent(orZero(v.Top10.Value)), v.Top10, func(d aggregates.DayMeasures) *float64 { return d.Top10 }, 100, 1, points),
		measure("palma", "Palma ratio", palma(orZero(v.Palma.Value)), v.Palma, func(d aggregates.DayMeasures) *float64 { return d.Palma }, 1, 2, ""),
	}
}

// plusMinus writes how far a number may be off, rounded up to one digit.
func plusMinus(v float64) string {
	if v <= 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return ""
	}
	digits := int(math.Ceil(-math.Log10(v)))
	unit := math.Pow(10, float64(-digits))
	return "±" + nbsp + Decimal(math.Ceil(v/unit)*unit, max(0, digits))
}

func palma(v float64) string {
	if v >= 100 {
		return Compact(v)
	}
	return Decimal(v, 2)
}

// orZero returns the number, 0 if it is not available.
func orZero[N int64 | float64 | ledger.Sum](n *N) N {
	if n == nil {
		return *new(N)
	}
	return *n
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
