package aggregates

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// presence is how many holders had a posting, by day.
type presence struct {
	first int     // day of the period with which weeks begins; not above 0
	weeks []int64 // holders with a posting on the day or on one of the 6 before it
	last  []int   // day of each holder's latest posting
}

// never is the latest posting of who has none.
const never = -1 << 31

// readPresence reads on which days of s, and at least of the last 30, holders
// had postings, by accounts that are not system, archived since or not: they
// were active then.
func readPresence(ctx context.Context, tx pgx.Tx, s span) (*presence, error) {
	p := &presence{first: min(-6, s.days()-30)}
	places := map[string]int{} // by holder
	holders := map[int64]int{} // by account
	rows, _ := tx.Query(ctx, `SELECT id, holder FROM accounts WHERE kind <> 'system'`)
	var id int64
	var holder string
	_, err := pgx.ForEachRow(rows, []any{&id, &holder}, func() error {
		place, ok := places[holder]
		if !ok {
			place = len(p.last)
			places[holder] = place
			p.last = append(p.last, never)
		}
		holders[id] = place
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("holders: %w", err)
	}

	// The weeks are counted by where holders enter and leave them. A list a day
	// takes the database a third of the time of joining and counting there, and
	// is read as fast.
	const query = `
		SELECT day, array_agg(account) FROM account_days WHERE day BETWEEN $1 AND $2
		GROUP BY day ORDER BY day`
	counts := make([]int64, s.days()-p.first+7)
	rows, _ = tx.Query(ctx, query, plus(s.Start, p.first), s.Today)
	var at time.Time
	var accounts []int64
	_, err = pgx.ForEachRow(rows, []any{&at, &accounts}, func() error {
		day := s.index(at)
		for _, account := range accounts {
			place, ok := holders[account]
			if !ok || p.last[place] == day {
				continue
			}
			counts[max(day, p.last[place]+7)-p.first]++
			counts[day+7-p.first]--
			p.last[place] = day
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("days on which holders were active: %w", err)
	}
	for i := 1; i < len(counts); i++ {
		counts[i] += counts[i-1]
	}
	p.weeks = counts
	return p, nil
}

// week returns how many holders had a posting on a day of the period or on one
// of the 6 days before it.
func (p *presence) week(day int) int64 { return p.weeks[day-p.first] }

// since returns how many holders had a posting on a day of the period or later.
func (p *presence) since(day int) (n int64) {
	for _, last := range p.last {
		if last >= day {
			n++
		}
	}
	return n
}
