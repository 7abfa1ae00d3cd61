package aggregates

import (
	"time"

	"exchequer/cache"
	"exchequer/ledger"
)

// Economy is the memos of the home page.
type Economy struct {
	Overview     *cache.Memo[Days, *Overview]
	Inequality   *cache.Memo[Population, *Inequality]
	Activity     *cache.Memo[Days, *Activity]
	WealthByKind *cache.Memo[Whole, *WealthByKind]
	Rhythm       *cache.Memo[Days, *Rhythm]
	Richest      *cache.Memo[Whole, *Richest]
}

// Whole is the parameter of memos that have none.
type Whole struct{}

// Key is empty: there is one value.
func (Whole) Key() string { return "" }

// A Population says whose balances are compared. System accounts issue money
// and are never part of it, nor are archived accounts.
type Population string

// The populations.
const (
	PopulationPersonal Population = "personal" // holders of personal accounts
	PopulationPrivate  Population = "private"  // personal and business
	PopulationAll      Population = "all"      // all but system
)

// Key names the population in addresses and cache keys.
func (p Population) Key() string { return string(p) }

// ParsePopulation returns the named population, personal for any other name.
func ParsePopulation(s string) Population {
	switch p := Population(s); p {
	case PopulationPrivate, PopulationAll:
		return p
	default:
		return PopulationPersonal
	}
}

// An Overview is the state of money in a period, each number with its series,
// one value a bucket (see Buckets), oldest first, the last one partial.
type Overview struct {
	Days               Days
	Start              time.Time // of the period
	End                time.Time // the window's start
	Supply             Trend[int64]
	Active             Trend[int64] // holders with a posting in the last 7 days (previous: 7 days before that)
	Active1, Active30  int64
	Holders            int64 // that are not system, not archived
	Transactions       Trend[int64]
	Velocity           Trend[float64] // transfers / average supply over the period
	Balanced           bool           // supply equals minus the sum of system accounts
	Created, Destroyed int64          // in the period
}

// A Trend is a number, the same number a period earlier up to the same time of
// day (nil: not available, because the ledger does not reach back), and its
// course. Available says whether Now means anything; Why says why not.
type Trend[N int64 | float64] struct {
	Now       N
	Before    *N
	Series    []N // by day; for periods over 90 days, by week
	Available bool
	Why       string
}

// Inequality is how a population's money is shared out.
type Inequality struct {
	Population            Population
	AsOf                  time.Time
	Holders               int64 // n, zero balances included
	Zero                  int64 // of them with a balance of exactly 0; kept in all measures
	Debtors               int64
	Archived              int64 // accounts left out
	Total                 int64
	Mean                  float64
	Median                float64
	Gini                  Measure
	GiniNormal            Measure // Raffinetti's, available only where there are debtors
	Top1, Top10, Bottom50 Measure
	Palma, Theil, HHI     Measure
	Nakamoto              Measure
	Lorenz                []LorenzPoint // 101 points, 0 % to 100 %, and more near the top
	Bins                  []Bin         // the balance distribution, logarithmic
	Trend                 []DayMeasures // past days from snapshots and today, oldest first; at most 30
}

// A Measure is a number that may not exist for this population.
type Measure struct {
	Value     float64
	Available bool
	Why       string // "not available, because …" if not
}

// A LorenzPoint: the poorest Holders share holds the Wealth share.
type LorenzPoint struct{ Holders, Wealth float64 }

// A Bin counts the holders with Low <= balance < High, and what they hold.
// Open ends are marked: the lowest bin's Low and the highest one's High may be
// exact extremes instead.
type Bin struct {
	Low, High int64
	Holders   int64
	Total     int64
}

// DayMeasures are the measures at the end of a day.
type DayMeasures struct {
	Day                      time.Time
	Gini, Top1, Top10, Palma *float64 // nil: not available
}

// Activity is what happened in a period, by bucket: a day, or a week (Monday)
// for periods over 90 days, or a month for periods over two years.
type Activity struct {
	Days       Days
	Start, End time.Time
	Bucket     string           // "day", "week", "month"
	Buckets    []ActivityBucket // oldest first; without activity: zero, not missing
}

// An ActivityBucket is one day, week or month. Partial is true for the one that is
// not over, and for the first one where the period starts within it.
type ActivityBucket struct {
	Start        time.Time
	Transactions int64
	Volume       int64
	Transfers    int64
	Partial      bool
}

// WealthByKind is what each kind of account holds. System accounts are listed
// with their negative sum, which is the supply.
type WealthByKind struct {
	AsOf   time.Time
	Supply int64
	Kinds  []KindWealth
}

// KindWealth is one kind's accounts and their sum. Share is of the supply.
type KindWealth struct {
	Kind     ledger.Kind
	Accounts int64
	Archived int64 // of them; their balances are included
	Total    int64
	Share    float64
}

// Rhythm is transactions by hour and weekday, UTC, in a period.
type Rhythm struct {
	Days       Days
	Start, End time.Time
	// Cells[weekday][hour], Monday first: mean transactions in that hour of
	// the week, over the number of times that hour occurred in the period.
	Cells [7][24]float64
	Total [7][24]int64
	Peak  float64
}

// Richest are the largest balances, accounts summed by holder are elsewhere:
// these are single accounts, system ones left out.
type Richest struct {
	AsOf     time.Time
	Supply   int64
	Accounts []RichAccount // at most 20, largest first, ties by name
	Count    int64         // of all accounts that are not system and not archived
}

// A RichAccount is one row of the list.
type RichAccount struct {
	Ref, Name, Holder string
	Kind              ledger.Kind
	Balance           int64
	Share             float64 // of the supply
	Change            int64   // over the last 7 days
	LastActive        time.Time
}
