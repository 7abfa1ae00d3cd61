package town

import (
	"strings"
	"time"

	"exchequer/ledger"
)

// Days of the town's life on which something changes for good.
const (
	fortuneTaxDay  = 6  // large fortunes are taxed from then on
	businessTaxDay = 40 // the business tax rises
)

// age is how many days old the town is.
func (t *Town) age(at time.Time) int { return dayNumber(at) - dayNumber(t.start) }

// businessTax is the tax on what firms took, in percent.
func (t *Town) businessTax(at time.Time) int64 {
	if t.age(at) < businessTaxDay {
		return 4
	}
	return 5
}

// An outage is every other cycle: for some hours nobody can come.
const (
	outageDay   = cycle + 22
	outageFrom  = 11 // o'clock
	outageHours = 9
)

// out reports whether the town cannot be reached in an hour.
func (t *Town) out(hour time.Time) bool {
	return t.age(hour)%(2*cycle) == outageDay && hour.Hour() >= outageFrom && hour.Hour() < outageFrom+outageHours
}

// chronicle tells what begins with an hour and will be remembered. It is told when
// it happens, not before.
func (t *Town) chronicle(hour time.Time) {
	tell := func(name, title, text, scope string, until time.Time) {
		t.book.tell(ledger.Event{
			Ref: Origin + "/" + hour.Format(time.DateOnly) + "/" + name,
			At:  hour, Until: until, Title: title, Text: text, Scope: scope,
		})
	}
	if t.out(hour) && hour.Hour() == outageFrom {
		tell("outage", "The town cannot be reached", "A broken cable under the harbour. Nobody could trade until the evening.", ledger.ScopeAll, hour.Add(outageHours*time.Hour))
	}
	if hour.Hour() != 0 {
		return
	}
	switch t.age(hour) {
	case fortuneTaxDay:
		tell("fortune-tax", "A tax on large fortunes", "Each Sunday 1 % of what a player has beyond ₤8,000, for the treasury.", ledger.ScopeAll, time.Time{})
	case businessTaxDay:
		tell("business-tax", "The business tax rises to 5 %", "It was 4 % of what firms took.", ledger.ScopeAll, time.Time{})
	}
	for _, f := range t.fortunes(hour) {
		if f.from != dayNumber(hour) {
			continue
		}
		title := strings.ToUpper(f.name[:1]) + f.name[1:]
		until := hour.AddDate(0, 0, f.until-f.from)
		if f.only == nil || f.feast {
			tell(slug(f.name), title, f.text, ledger.ScopeAll, until)
			continue
		}
		for i := range t.items {
			if it := &t.items[i]; f.concerns(&it.good) {
				tell(slug(f.name)+"/"+slug(it.name), title, f.text, "item:"+it.ref, until)
			}
		}
	}
}
