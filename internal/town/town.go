// Package town simulates the economy of a town of players, for the demo and
// for tests: people who work, trade and pay rent, firms with sign shops, a
// government that taxes and grants, a mint and a melting pot.
//
// What happens is a function of the seed, the number of players and the start
// alone. The end only sets where to stop, so a town that is played again from
// the same start meets the same people and writes the same refs: see [Config].
//
// It never reads the ledger, never lets a personal account fall below zero,
// and never stamps anything later than it was asked for.
package town

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"exchequer/ledger"
)

// Origin is the origin of all the town's transactions and sales.
const Origin = "town"

// Config says which town, and from when to when.
//
// The first time, give Seed and End (now): the history covers Days whole days
// and the part of End's day so far. When the town goes on in a ledger that has
// some of it, give the same Seed and Players, Start and Since as the times of
// the ledger's first and last transaction of [Origin], and End (now): the town
// is played again in memory up to Since, and History then yields what happened
// since, the hours in which nobody ran it included. What was half written when
// it stopped is yielded again, which Append skips by its ref.
type Config struct {
	Seed    uint64
	Players int           // how many there are after 60 days; 0: 2,400
	Days    int           // whole days of history before End's; 0: 60; unused with Start
	Start   time.Time     // when the town began; its day counts
	Since   time.Time     // what is earlier is in the ledger; zero: nothing is
	End     time.Time     // of the history
	Pulse   time.Duration // how long Live is silent at most, at first; 0: 5 s; negative: as long as nothing happens
}

// A Town is one run of the simulation. It is not safe for concurrent use: call
// History, and when that has returned, Live.
type Town struct {
	seed       uint64
	start, end time.Time
	pulse      time.Duration
	scale      float64 // 1 for 2,400 players
	rng        *rand.Rand
	names      registry
	book       book

	errands []errand  // of the current hour, soonest first
	hour    time.Time // the next one to plan

	items    []item
	society  society
	firms    []*firm
	public   public
	circles  []circle
	today    conditions
	receipts []receipt // of late, for returns
}

// An errand is something that will be done at a time.
type errand struct {
	at  time.Time
	run func(at time.Time)
}

// New founds the town. Nothing has happened yet.
func New(c Config) *Town {
	c.Players = cmp.Or(c.Players, 2400)
	c.Days = cmp.Or(c.Days, 60)
	c.Pulse = cmp.Or(c.Pulse, 5*time.Second)
	if c.Start.IsZero() {
		c.Start = c.End.UTC().Truncate(day).AddDate(0, 0, -c.Days)
	}
	start := c.Start.UTC().Truncate(day)
	t := &Town{
		seed: c.Seed, start: start, end: c.End.UTC(), pulse: c.Pulse,
		scale: float64(c.Players) / 2400,
		rng:   rand.New(rand.NewPCG(c.Seed, uint64(dayNumber(start)))),
		names: registry{taken: map[string]int{}},
		book:  book{since: c.Since.UTC()},
		hour:  start,
	}
	t.foundPublic()
	t.foundMarket()
	t.foundSociety(c.Players)
	t.foundFirms()
	t.foundCircles()
	return t
}

// Settings is how the town's ledger names itself and writes its money.
func (t *Town) Settings() ledger.Settings {
	return ledger.Settings{Name: "Port Exchequer", Symbol: "₤", Decimals: 2}
}

// batchSize is about how many transactions a batch has.
const batchSize = 3000

// History yields what happened before the end, in the order of time, in
// batches of some thousand transactions. Accounts, items and shops are in the
// first batch that names them, and again where they changed. It stops at the
// first error of yield and returns it.
func (t *Town) History(ctx context.Context, yield func(ledger.Batch) error) error {
	return t.advance(ctx, t.end, yield)
}

// advance plays up to a time, which is not included.
func (t *Town) advance(ctx context.Context, until time.Time, yield func(ledger.Batch) error) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		t.run(until)
		done := !t.hour.Before(until)
		if full := len(t.book.batch.Transactions) >= batchSize; full || done && !t.book.empty() {
			if err := yield(t.book.take(t.items)); err != nil {
				return err
			}
		}
		if done {
			return nil
		}
		t.planHour(t.hour)
		t.hour = t.hour.Add(time.Hour)
	}
}

// run does the planned errands up to a time.
func (t *Town) run(until time.Time) {
	for len(t.errands) > 0 && t.errands[0].at.Before(until) {
		next := t.errands[0]
		t.errands = t.errands[1:]
		next.run(next.at)
	}
}

// plan puts an errand into the next hour to plan, after a while.
func (t *Town) plan(after time.Duration, run func(at time.Time)) {
	t.errands = append(t.errands, errand{t.hour.Add(after), run})
}

// sometime plans an errand at a random time of the hour.
func (t *Town) sometime(run func(at time.Time)) {
	t.plan(time.Duration(t.rng.Int64N(int64(time.Hour/time.Millisecond)))*time.Millisecond, run)
}

// often plans an errand about mean times in the hour.
func (t *Town) often(mean float64, run func(at time.Time)) {
	for range poisson(t.rng, mean) {
		t.sometime(run)
	}
}

// planHour plans what will happen in an hour. Errands are planned ahead, but
// decided when their time comes.
func (t *Town) planHour(hour time.Time) {
	if hour.Hour() == 0 {
		t.dawn(hour)
	}
	t.chronicle(hour)
	if slot := weekSlot(hour); !t.out(hour) {
		t.planSociety(hour, slot)
		t.planFirms(hour, slot)
		t.planPublic(slot)
		t.planCircles(hour)
	}
	slices.SortStableFunc(t.errands, func(a, b errand) int { return a.at.Compare(b.at) })
}

// dawn is the start of a day: what the season does, who comes, who moves on.
func (t *Town) dawn(at time.Time) {
	t.today = t.conditionsOn(at)
	if at.Equal(t.start) {
		t.openingBalances(at)
	}
	t.gather(at)
	t.turnMarket()
	t.newFirms(at)
}

// openingBalances issues what everybody has when the record begins.
func (t *Town) openingBalances(at time.Time) {
	give := func(to *account, amount float64) {
		t.book.pay(at, "opening", "Opening balance", t.public.mint, leg{to, int64(amount)})
	}
	give(t.public.treasury, 6_000_000*t.scale)
	for _, village := range t.public.villages {
		give(village, 1_200_000*t.scale)
	}
	for _, f := range t.firms {
		give(f.account, 150_000*lognormal(t.rng, .8))
	}
	for _, p := range t.society.players {
		give(p.account, 70_000*lognormal(t.rng, 1.2))
	}
	for _, c := range t.circles {
		for _, person := range c.people {
			give(person, 20_000)
		}
	}
}
