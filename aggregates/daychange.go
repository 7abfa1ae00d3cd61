package aggregates

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// A dayTally is one of the tallies that are kept of the end of a day.
type dayTally uint8

const (
	tallySingle   dayTally = iota // holders with personal accounts alone, by bins: part of all populations
	tallyPersonal                 // the other holders, by bins, with what they have of each population
	tallyPrivate
	tallyAll
	tallyKinds    // used accounts, by kind
	tallyArchived // of them, those that were archived by then
	dayTallies    // how many there are
)

// names are those in the table.
func (t dayTally) String() string {
	return [dayTallies]string{"single", "personal", "private", "all", "kinds", "archived"}[t]
}

// A tallyPlace is a bin of balances, or the number of a kind.
type tallyPlace struct {
	tally dayTally
	place int32
}

// A tallySum is how many there are in a place, and what they have.
type tallySum struct {
	holders int64
	total   ledger.Sum
}

func (a tallySum) plus(b tallySum) tallySum {
	return tallySum{a.holders + b.holders, a.total.Plus(b.total)}
}

// A dayChange is what the end of a day changes in that of the day before.
type dayChange struct {
	places map[tallyPlace]tallySum
	supply ledger.Sum

	// Holders who had a posting, by how many days before they had one last; the last entry
	// is of more days, or never.
	ages [weekDays + 1]int32
	// Of them, those without one earlier in the same month, quarter or year: by how many
	// months, quarters or years ago they joined; the last entry is of more.
	cohorts [len(cohortUnits)][mostCohorts + 1]int32
}

func (c *dayChange) move(t dayTally, place int, holders int64, total ledger.Sum) {
	at := tallyPlace{t, int32(place)}
	if sum := c.places[at].plus(tallySum{holders, total}); sum == (tallySum{}) {
		delete(c.places, at)
	} else {
		c.places[at] = sum
	}
}

// dayChanges are the changes of the days from one to another, by number.
type dayChanges struct {
	from, to int
	days     []*dayChange // nil: nothing changed
}

// readChanges reads the changes of some days, of all holders or of those who changed,
// which are the same.
func readChanges(ctx context.Context, tx pgx.Tx, zone *time.Location, from, to int, all bool) (*dayChanges, error) {
	c := &dayChanges{from: from, to: to, days: make([]*dayChange, to-from+1)}
	w := &walk{changes: c, accounts: map[int64]*walked{}}
	err := ledger.HeldDays(ctx, tx, zone, dateOfDay(from), dateOfDay(to), all, func(days []ledger.HeldDay) error {
		w.holder(days)
		return nil
	})
	return c, err
}

// on returns the change of a day, nil if the day is before the first one.
func (c *dayChanges) on(day int) *dayChange {
	if day < c.from || day > c.to {
		return nil
	}
	change := &c.days[day-c.from]
	if *change == nil {
		*change = &dayChange{places: map[tallyPlace]tallySum{}}
	}
	return *change
}

// A walk goes through the days of one holder after the other.
type walk struct {
	changes  *dayChanges
	accounts map[int64]*walked
	gone     []*walked // accounts that are archived some day, in that order, from the next one on

	holds, held  [populations]tallySum // what the holder's accounts have, and had at the end of the last day
	joined, last int
}

// A walked is an account as it is on a day.
type walked struct {
	kindPlace
	balance int64
	used    bool
	gone    int // the day on which it is archived
	left    bool
}

// A kindPlace is the number of a kind, and which populations it is part of.
type kindPlace struct {
	kind int
	of   [populations]bool
}

var kindPlaces = func() map[ledger.Kind]kindPlace {
	places := map[ledger.Kind]kindPlace{}
	for i, kind := range ledger.Kinds() {
		at := kindPlace{kind: i}
		for j, p := range Populations() {
			at.of[j] = slices.Contains(p.kinds(), kind)
		}
		places[kind] = at
	}
	return places
}()

// holder goes through the days of a holder.
func (w *walk) holder(days []ledger.HeldDay) {
	if len(w.accounts) > 100 {
		w.accounts = map[int64]*walked{} // to clear it would take long for each one that follows
	}
	clear(w.accounts)
	w.gone, w.holds, w.held, w.joined, w.last = w.gone[:0], [populations]tallySum{}, [populations]tallySum{}, never, never
	for _, d := range days {
		if w.accounts[d.Account] == nil {
			a := &walked{kindPlace: kindPlaces[d.Kind], gone: d.Gone}
			w.accounts[d.Account] = a
			if a.gone != ledger.NotGone {
				w.gone = append(w.gone, a)
			}
		}
	}
	slices.SortFunc(w.gone, func(a, b *walked) int { return cmp.Compare(a.gone, b.gone) })
	for i, d := range days {
		w.leave(d.Day - 1)
		w.post(d)
		if i == len(days)-1 || days[i+1].Day != d.Day {
			w.appear(d.Day)
			w.leave(d.Day)
			w.finish(d.Day)
		}
	}
	w.leave(w.changes.to)
}

// post adds what an account gained.
func (w *walk) post(d ledger.HeldDay) {
	a, change := w.accounts[d.Account], w.changes.on(d.Day)
	gained := tallySum{total: ledger.SumOf(d.Gained)}
	if !a.used {
		gained.holders = 1
	}
	if change != nil {
		change.supply = change.supply.Add(d.Gained)
		change.move(tallyKinds, a.kind, gained.holders, gained.total)
		if a.left {
			change.move(tallyArchived, a.kind, gained.holders, ledger.Sum{})
		}
	}
	a.balance, a.used = a.balance+d.Gained, true
	if !a.left {
		w.hold(a, gained)
	}
}

// hold changes what the holder has.
func (w *walk) hold(a *walked, by tallySum) {
	for i, part := range a.of {
		if part {
			w.holds[i] = w.holds[i].plus(by)
		}
	}
}

// leave removes the accounts that are archived by a day.
func (w *walk) leave(by int) {
	for len(w.gone) > 0 && w.gone[0].gone <= by {
		a := w.gone[0]
		w.gone = w.gone[1:]
		a.left = true
		if !a.used {
			continue
		}
		w.hold(a, tallySum{-1, ledger.SumOf(a.balance).Neg()})
		if change := w.changes.on(a.gone); change != nil {
			change.move(tallyArchived, a.kind, 1, ledger.Sum{})
		}
		w.finish(a.gone)
	}
}

// appear notes that the holder had a posting on a day.
func (w *walk) appear(day int) {
	if w.joined == never {
		w.joined = day
	}
	if change := w.changes.on(day); change != nil {
		age := weekDays
		if w.last != never {
			age = min(day-w.last, weekDays)
		}
		change.ages[age]++
		for u, unit := range cohortUnits {
			now := monthOf(dateOfDay(day)) / unit.months
			if w.last == never || monthOf(dateOfDay(w.last))/unit.months < now {
				ago := now - monthOf(dateOfDay(w.joined))/unit.months
				change.cohorts[u][min(ago, mostCohorts)]++
			}
		}
	}
	w.last = day
}

// finish moves the holder from the places at the end of the last day to those of a day.
func (w *walk) finish(day int) {
	if change := w.changes.on(day); change != nil && w.held != w.holds {
		moveHolder(change, w.held, -1)
		moveHolder(change, w.holds, 1)
	}
	w.held = w.holds
}

// moveHolder adds a holder to the places of what the holder has, or takes the holder away.
func moveHolder(change *dayChange, holds [populations]tallySum, sign int64) {
	move := func(t dayTally, of tallySum) {
		if of.holders > 0 {
			total := of.total
			if sign < 0 {
				total = total.Neg()
			}
			change.move(t, ledger.BinOf(of.total), sign, total)
		}
	}
	if personal, all := holds[0], holds[populations-1]; personal.holders == all.holders {
		move(tallySingle, all)
		return
	}
	for i, of := range holds {
		move(tallyPersonal+dayTally(i), of)
	}
}
