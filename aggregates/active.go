package aggregates

import (
	"context"
	"fmt"
	"math/bits"
	"time"

	"github.com/jackc/pgx/v5"
)

// presence is on which days holders had a posting, a bit a day.
type presence struct {
	days    int
	holders [][]uint64
}

// readPresence reads the days from first to last of every holder, by accounts
// that are not system, archived since or not: they were active then.
func readPresence(ctx context.Context, tx pgx.Tx, first, last time.Time) (*presence, error) {
	p := &presence{days: int(last.Sub(first)/day) + 1}
	words := (p.days + 63) / 64
	places := map[string]int{} // by holder
	holders := map[int64]int{} // by account
	rows, _ := tx.Query(ctx, `SELECT id, holder FROM accounts WHERE kind <> 'system'`)
	var id int64
	var holder string
	_, err := pgx.ForEachRow(rows, []any{&id, &holder}, func() error {
		place, ok := places[holder]
		if !ok {
			place = len(p.holders)
			places[holder] = place
			p.holders = append(p.holders, make([]uint64, words))
		}
		holders[id] = place
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("holders: %w", err)
	}

	// A list a day takes the database a third of the time of joining and
	// counting there, and is read as fast.
	const query = `SELECT day, array_agg(account) FROM account_days WHERE day BETWEEN $1 AND $2 GROUP BY day`
	rows, _ = tx.Query(ctx, query, first, last)
	var at time.Time
	var accounts []int64
	_, err = pgx.ForEachRow(rows, []any{&at, &accounts}, func() error {
		n := int(at.Sub(first) / day)
		for _, account := range accounts {
			if place, ok := holders[account]; ok {
				p.holders[place][n/64] |= 1 << (n % 64)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("days on which holders were active: %w", err)
	}
	return p, nil
}

// within returns, for each day, how many holders had a posting on it or on one
// of the width − 1 days before it.
func (p *presence) within(width int) []int64 {
	counts := make([]int64, p.days+width+1)
	for _, words := range p.holders {
		until := -1 // the day after the last one on which the holder counts
		for w, word := range words {
			for ; word != 0; word &= word - 1 {
				day := w*64 + bits.TrailingZeros64(word)
				counts[max(day, until)]++
				until = day + width
				counts[until]--
			}
		}
	}
	for i := 1; i < len(counts); i++ {
		counts[i] += counts[i-1]
	}
	return counts[:p.days]
}
