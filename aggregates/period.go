package aggregates

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/cache"
)

// Days is the length of a period that ends now: whole UTC days before today,
// and today so far. 0 means all of the ledger's history.
type Days int

// AllDays lists the periods that exist, in the order in which they are shown.
func AllDays() []Days { return []Days{7, 30, 90, 365, 0} }

// Key names the period in addresses and cache keys: "30", "all".
func (d Days) Key() string {
	if d == 0 {
		return "all"
	}
	return strconv.Itoa(int(d))
}

// ParseDays returns the period nearest to what a visitor asked for; 30 days
// for what is not a number.
func ParseDays(s string) Days {
	if s == "all" {
		return 0
	}
	n, err := strconv.Atoi(s)
	if err != nil && !errors.Is(err, strconv.ErrRange) { // out of range, n is the nearest that is not
		return 30
	}
	n = min(max(n, 0), 366)
	nearest := Days(7)
	for _, d := range AllDays() {
		if d != 0 && abs(int(d)-n) < abs(int(nearest)-n) {
			nearest = d
		}
	}
	return nearest
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}

// A Period is the time that numbers describe, for programs.
type Period struct {
	Days       string    `json:"days" enum:"7,30,90,365,all" doc:"Its length: whole UTC days, and the last one so far."`
	Start      time.Time `json:"start" doc:"Midnight of its first day, UTC."`
	End        time.Time `json:"end" doc:"The moment at which it ends: that of asOf, or the end of a historical ledger."`
	Historical bool      `json:"historical" doc:"The ledger ended more than 7 days ago: the period ends with its last day."`
}

// A Compared is a sum over a period, and over the one before, of the same
// length up to the same time of day.
type Compared struct {
	Now    int64  `json:"now"`
	Before *int64 `json:"before" doc:"In the period before, up to the same time of day; null where the ledger does not reach back to its start."`
}

// period is s for programs.
func (s span) period() Period {
	return Period{Days: s.Days.Key(), Start: s.Start, End: s.End, Historical: s.Historical}
}

// untilEnd is SQL for the sum of a column over rows that satisfy a condition,
// of a period that may end within an hour, up to which hours are the finest
// that the rollups know: that one is taken in proportion. It needs the
// arguments of [span.args].
func untilEnd(column, condition string) string {
	return fmt.Sprintf(`(coalesce(sum(%[1]s) FILTER (WHERE hour < @whole AND %[2]s), 0)
		+ coalesce(round(sum(%[1]s) FILTER (WHERE hour >= @whole AND %[2]s) * @seconds / 3600), 0))::bigint`, column, condition)
}

// args are the arguments of queries about s.
func (s span) args() pgx.NamedArgs {
	whole := s.End.Truncate(hour)
	return pgx.NamedArgs{
		"start": s.Start, "today": s.Today, "end": s.End, "through": s.Through,
		"whole": whole, "seconds": int64(s.End.Sub(whole) / time.Second),
	}
}

// emptyPeriod is the period of a ledger that has none.
func emptyPeriod(w cache.Window, days Days) Period {
	return Period{Days: days.Key(), Start: w.Start, End: w.Start}
}
