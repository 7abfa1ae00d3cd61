package aggregates

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// A turnout is how many holders took part, by day.
type turnout struct {
	active []int64 // with a posting on the day
	week   []int64 // with one on it or on the 6 days before, as far as they were read
	joined []int64 // of active, those whose first posting it is
}

// A turnoutAccount is an account in the pass over the days.
type turnoutAccount struct {
	holder int   // its place
	left   int64 // of its postings, those that were not come across
}

// readTurnout goes through the days of long once. An account of which no posting
// is left at their end has none before them, so that a holder's first one is known
// without reading what was earlier.
func (r *signReading) readTurnout(ctx context.Context, tx pgx.Tx) error {
	all, err := readBalances(ctx, tx)
	if err != nil {
		return err
	}
	accounts := make(map[int64]*turnoutAccount, len(all.accounts))
	kept := make([]turnoutAccount, len(all.accounts))
	for i := range all.accounts {
		if a := &all.accounts[i]; !a.issuer {
			kept[i] = turnoutAccount{a.holder, a.postings}
			accounts[a.account] = &kept[i]
		}
	}

	n := r.last + 1
	r.turnout = turnout{make([]int64, n), make([]int64, n+7), make([]int64, n)}
	first, last := make([]int, all.holders), make([]int, all.holders)
	for i := range first {
		first[i], last[i] = never, never
	}
	// One list of accounts a day takes the database a third of the time that
	// joining and counting there would take. What was written on later days is
	// part of the balances.
	const query = `
		SELECT day, array_agg(account), array_agg(postings) FROM account_days WHERE day >= $1::date
		GROUP BY day ORDER BY day`
	rows, _ := tx.Query(ctx, query, r.long.Start)
	var at time.Time
	var ids, counts []int64
	_, err = pgx.ForEachRow(rows, []any{&at, &ids, &counts}, func() error {
		day := r.long.index(at)
		for i, id := range ids {
			a := accounts[id]
			if a == nil {
				continue
			}
			a.left -= counts[i]
			if day > r.last || last[a.holder] == day {
				continue
			}
			if first[a.holder] == never {
				first[a.holder] = day
			}
			// A holder enters the count of a week with a posting and leaves it 7 days
			// later.
			r.active[day]++
			r.week[max(day, last[a.holder]+7)]++
			r.week[day+7]--
			last[a.holder] = day
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("days on which holders were active: %w", err)
	}
	for i := 1; i < len(r.week); i++ {
		r.week[i] += r.week[i-1]
	}
	for _, a := range accounts {
		if a.left != 0 {
			first[a.holder] = never
		}
	}
	for _, day := range first {
		if day != never {
			r.joined[day]++
		}
	}
	return nil
}
