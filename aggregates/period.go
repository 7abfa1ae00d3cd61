package aggregates

import (
	"errors"
	"strconv"
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
