package aggregates

import (
	"errors"
	"strconv"
	"time"

	"exchequer/ledger"
)

// Days is the length of a period that ends now: whole days of the community before
// today, and today so far. 0 means all of the ledger's history.
type Days int

// AllDays returns the periods in the order in which they are shown.
func AllDays() []Days { return []Days{7, 30, 90, 365, 0} }

// defaultDays is the period of pages that are asked for without one.
const defaultDays Days = 30

// Key names the period in addresses and cache keys: "30", "all".
func (d Days) Key() string {
	if d == 0 {
		return "all"
	}
	return strconv.Itoa(int(d))
}

// ParseDays returns the period nearest to s, and 30 days if s is not a number.
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

// A Period is the time that numbers describe.
type Period struct {
	Days       string    `json:"days" enum:"7,30,90,365,all" doc:"Its length: whole days, and the last one so far."`
	Start      time.Time `json:"start" doc:"The moment at which its first day begins."`
	End        time.Time `json:"end" doc:"The moment at which it ends: that of asOf, or the end of a historical ledger."`
	Since      time.Time `json:"since,omitzero" doc:"If there, the ledger's first day begins then, later than the period: it is younger."`
	Historical bool      `json:"historical" doc:"The period ends with a day that is over: the last one of a ledger that ended more than 7 days ago, or the one that was asked for."`
	Until      time.Time `json:"until,omitzero" doc:"If there, the database that is written to could not be reached, and what was written after this time may be missing."`
	At         Date      `json:"at,omitempty" doc:"If there, the numbers are those at the end of this day, the last of the period, and not of now."`
	Timezone   string    `json:"timezone" doc:"Whose days they are: UTC, or a name such as Europe/Berlin. A day is given by the moment at which it begins, with the offset from UTC there, so that it begins with its date."`
}

// A Compared is a sum over a period, and over the period before of the same
// length up to the same time of day.
type Compared[N int64 | ledger.Sum] struct {
	Now    N  `json:"now"`
	Before *N `json:"before" nullable:"true" doc:"In the period before, up to the same time of day; null where the ledger does not reach back to its start."`
}

// A Number is a number that may not be available, and the same number a period
// earlier up to the same time of day.
type Number[N int64 | float64 | ledger.Sum] struct {
	Now    *N     `json:"now" nullable:"true" doc:"null where it is not available."`
	Before *N     `json:"before" nullable:"true" doc:"null where it is not available, or the ledger does not reach back."`
	Why    string `json:"why,omitempty" doc:"Why it is not available, as a sentence."`
}
