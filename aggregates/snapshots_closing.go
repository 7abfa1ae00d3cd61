package aggregates

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// populations is how many populations there are.
const populations = 3

// A closing is the state of the economy at the end of a day. It moves forward day
// by day.
type closing struct {
	zone        *time.Location
	presence    *presence
	supply      ledger.Sum
	accounts    map[int64]*closingAccount
	populations [populations]closingPopulation
	archive     []*closingAccount
	balances    []int64 // of holders; reused
}

type closingAccount struct {
	issuer   bool
	holder   int              // its number
	holders  [populations]int // in closingPopulation.holders; -1: no part of it
	archived int64            // as in holding
	balance  int64
	counted  bool // in its holders' sums: used by then, and not yet archived
	gone     bool // archived by then
}

type closingPopulation struct {
	members  int   // accounts
	places   []int // by the number of a holder, in holders; -1: no part of it
	holders  []closingHolder
	changed  bool // since it was measured
	measured measuredPopulation
}

// A measuredPopulation is what a snapshot has of a population.
type measuredPopulation struct {
	populationDay
	nonzero int64 // holders
	palma   *float64
}

// A closingHolder is part of the population while accounts is above zero.
type closingHolder struct {
	sum      ledger.Sum
	accounts int
}

// openingState returns the state at the beginning of a day: the current balances
// less everything posted since.
func openingState(ctx context.Context, tx pgx.Tx, zone *time.Location, from time.Time) (*closing, error) {
	all, err := readBalancesAlone(ctx, tx, mostBalances()/3) // the state takes three times as much
	if err != nil {
		return nil, err
	}
	c := &closing{zone: zone, accounts: make(map[int64]*closingAccount, len(all.accounts))}
	if c.presence, err = presenceBefore(ctx, tx, all, ledger.DayNumber(from), zone); err != nil {
		return nil, err
	}
	type later struct{ net, postings int64 }
	since := map[int64]later{}
	const query = `
		SELECT account, sum(received - sent)::bigint, sum(postings)::bigint
		FROM account_days WHERE day >= $1 GROUP BY account`
	rows, _ := tx.Query(ctx, query, from)
	var id int64
	var l later
	if _, err := pgx.ForEachRow(rows, []any{&id, &l.net, &l.postings}, func() error {
		since[id] = l
		return nil
	}); err != nil {
		return nil, err
	}
	for i := range c.populations {
		c.populations[i] = closingPopulation{places: slices.Repeat([]int{-1}, all.holders), changed: true}
	}
	for i := range all.accounts {
		a := &all.accounts[i]
		l := since[a.account]
		c.add(a, a.balance-l.net, a.postings > l.postings)
	}
	slices.SortFunc(c.archive, func(a, b *closingAccount) int { return cmp.Compare(a.archived, b.archived) })
	return c, nil
}

// add makes an account part of the state.
func (c *closing) add(of *holding, balance int64, used bool) {
	a := &closingAccount{issuer: of.issuer, holder: of.holder, archived: of.archived, balance: balance}
	c.accounts[of.account] = a
	if a.issuer {
		return
	}
	c.supply = c.supply.Add(balance)
	for i, p := range Populations() {
		a.holders[i] = -1
		if slices.Contains(p.kinds(), of.kind) {
			a.holders[i] = c.populations[i].place(a.holder)
		}
	}
	if used {
		c.count(a)
	}
	if a.archived != math.MaxInt64 {
		c.archive = append(c.archive, a)
	}
}

// place returns the place of a holder who has one account more.
func (p *closingPopulation) place(holder int) int {
	p.members++
	if p.places[holder] < 0 {
		p.places[holder] = len(p.holders)
		p.holders = append(p.holders, closingHolder{})
	}
	return p.places[holder]
}

// change changes the sums of an account's holders, and how many of their accounts
// count.
func (c *closing) change(a *closingAccount, amount ledger.Sum, accounts int) {
	for i, place := range a.holders {
		if place < 0 {
			continue
		}
		p := &c.populations[i]
		p.changed = true
		p.holders[place].sum = p.holders[place].sum.Plus(amount)
		p.holders[place].accounts += accounts
	}
}

// count makes an account part of its holders' sums.
func (c *closing) count(a *closingAccount) {
	a.counted = true
	c.change(a, ledger.SumOf(a.balance), 1)
}

// leave removes the accounts that were archived before end. One that is archived at the
// end of a day is part of it, as what is paid at that moment is of the day that begins.
func (c *closing) leave(end time.Time) {
	for len(c.archive) > 0 && c.archive[0].archived < end.UnixMicro() {
		a := c.archive[0]
		c.archive = c.archive[1:]
		a.gone = true
		if a.counted {
			a.counted = false
			c.change(a, ledger.SumOf(a.balance).Neg(), -1)
		}
	}
}

// post adds what an account gained on balance on a day.
func (c *closing) post(account, net int64, day int) error {
	a := c.accounts[account]
	if a == nil {
		return fmt.Errorf("account %d has no balance", account)
	}
	a.balance += net
	if a.issuer {
		return nil
	}
	c.supply = c.supply.Add(net)
	c.presence.post(a.holder, day)
	switch {
	case a.gone:
	case a.counted:
		c.change(a, ledger.SumOf(net), 0)
	default:
		c.count(a)
	}
	return nil
}

// advance returns the snapshots of the dates from to to on which something was
// posted or a used account was archived.
func (c *closing) advance(ctx context.Context, tx pgx.Tx, from, to time.Time) ([]daySnapshot, error) {
	const query = `SELECT day, account, (received - sent)::bigint FROM account_days WHERE day BETWEEN $1 AND $2 ORDER BY day`
	rows, err := tx.Query(ctx, query, from, to)
	if err != nil {
		return nil, err
	}
	defer rows.Close()

	start := func(date time.Time) time.Time { return ledger.DayStart(ledger.DayNumber(date), c.zone) }
	var snapshots []daySnapshot
	finish := func(today time.Time) {
		c.leave(start(plus(today, 1)))
		now := c.measure()
		now.Day, now.Supply = today, c.supply
		now.Active, now.Cohorts = c.presence.active(ledger.DayNumber(today)), c.presence.cohorts(ledger.DayNumber(today))
		snapshots = append(snapshots, now)
	}
	// quiet finishes the days without postings before next on which an account
	// was archived.
	quiet := func(next time.Time) {
		for len(c.archive) > 0 {
			gone := dateOf(ledger.DayOf(time.UnixMicro(c.archive[0].archived), c.zone))
			if !gone.Before(next) {
				return
			}
			finish(gone)
		}
	}
	c.leave(start(from))
	var today *time.Time
	for rows.Next() {
		var at time.Time
		var account, net int64
		if err := rows.Scan(&at, &account, &net); err != nil {
			return nil, err
		}
		if today == nil || !today.Equal(at) {
			if today != nil {
				finish(*today)
			}
			quiet(at)
			today = &at
		}
		if err := c.post(account, net, ledger.DayNumber(at)); err != nil {
			return nil, err
		}
	}
	if today != nil {
		finish(*today)
	}
	quiet(plus(to, 1))
	return snapshots, rows.Err()
}

// measure returns how the money of a snapshot is shared out. A population that did not
// change has the measures of the day before, and one with the same accounts as
// the smaller one before it has those of that.
func (c *closing) measure() daySnapshot {
	now := daySnapshot{Populations: make([]populationDay, populations)}
	for i := range c.populations {
		p := &c.populations[i]
		switch {
		case !p.changed:
		case i > 0 && p.members == c.populations[i-1].members:
			p.measured = c.populations[i-1].measured
		default:
			p.measured = c.measured(p)
		}
		p.changed = false
		now.Populations[i] = p.measured.populationDay
	}
	personal := c.populations[0].measured
	now.Holders, now.Gini, now.Top1, now.Top10, now.Palma = personal.nonzero, personal.Gini, personal.Top1, personal.Top10, personal.palma
	return now
}

// measured measures a population. The measures are not available where a holder
// has more than 64 bits hold.
func (c *closing) measured(p *closingPopulation) (m measuredPopulation) {
	c.balances = c.balances[:0]
	whole := true
	for _, h := range p.holders {
		if h.accounts == 0 {
			continue
		}
		if h.sum.Sign() != 0 {
			m.nonzero++
		}
		m.Holders++
		m.Total = m.Total.Plus(h.sum)
		sum, fits := h.sum.Int64()
		whole = whole && fits
		c.balances = append(c.balances, sum)
	}
	if whole {
		d := NewDistribution(c.balances)
		measures := dayMeasures(time.Time{}, d)
		m.Gini, m.Top1, m.Top10, m.palma, m.Curve = measures.Gini, measures.Top1, measures.Top10, measures.Palma, d.curve()
	}
	return m
}
