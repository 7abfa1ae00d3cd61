package aggregates

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// presence is on which days holders had a posting. Days count from the start of
// the period.
type presence struct {
	first int     // the day with which weeks begins; not above 0
	weeks []int64 // how many holders had a posting on the day or on one of the 6 before it
	last  []int   // the day of each holder's latest posting
}

// never is the day of the latest posting of a holder without any.
const never = -1 << 31

// readPresence reads on which days of s, and of the last 30 days at least,
// holders had postings by accounts that are not issuers. Accounts that were
// archived since count: they were active then.
func readPresence(ctx context.Context, tx pgx.Tx, s span) (*presence, error) {
	p := &presence{first: min(-6, s.days()-30)}
	all, err := readBalances(ctx, tx)
	if err != nil {
		return nil, err
	}
	holders := all.holderOf()
	p.last = slices.Repeat([]int{never}, all.holders)

	// A holder enters the count of a week with a posting and leaves it 7 days
	// later. One list of accounts a day takes the database a third of the time
	// that joining and counting there would take.
	const query = `
		SELECT day, array_agg(account) FROM account_days WHERE day BETWEEN $1 AND $2
		GROUP BY day ORDER BY day`
	counts := make([]int64, s.days()-p.first+7)
	rows, _ := tx.Query(ctx, query, plus(s.Start, p.first), s.Today)
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

// activeInWeek returns how many holders had a posting on the day or on one of the
// 6 days before it.
func (p *presence) activeInWeek(day int) int64 { return p.weeks[day-p.first] }

// activeSince returns how many holders had a posting on the day or later.
func (p *presence) activeSince(day int) (n int64) {
	for _, last := range p.last {
		if last >= day {
			n++
		}
	}
	return n
}
