package aggregates

import (
	"context"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// wordDays is how many days fit a bigint of PostgreSQL, as bits.
const wordDays = 62

// presence is on which days holders had a posting: a bit a day from first.
type presence struct {
	first   time.Time
	days    int
	holders map[string][]uint64
}

// readPresence reads the days from first to last of every holder, by accounts
// that are not system, archived since or not: they were active then. The rows
// become bits in the database, so that what is sent follows the number of
// accounts and not the number of days.
func readPresence(ctx context.Context, tx pgx.Tx, first, last time.Time) (*presence, error) {
	const query = `
		SELECT a.holder, d.word, d.days
		FROM (
			SELECT account, (day - @first::date) / @width::int AS word,
				bit_or(1::bigint << ((day - @first::date) % @width::int)) AS days
			FROM account_days WHERE day BETWEEN @first::date AND @last::date
			GROUP BY 1, 2
		) AS d JOIN accounts a ON a.id = d.account
		WHERE a.kind <> 'system'`
	p := &presence{first: first, days: int(last.Sub(first)/day) + 1, holders: map[string][]uint64{}}
	words := (p.days + wordDays - 1) / wordDays
	rows, _ := tx.Query(ctx, query, pgx.NamedArgs{"first": first, "last": last, "width": wordDays})
	var holder string
	var word int
	var days int64
	_, err := pgx.ForEachRow(rows, []any{&holder, &word, &days}, func() error {
		known := p.holders[holder]
		if known == nil {
			known = make([]uint64, words)
			p.holders[holder] = known
		}
		known[word] |= uint64(days)
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
				day := w*wordDays + bits.TrailingZeros64(word)
				counts[max(day, until)]++
				until = day + width
				counts[until]--
			}
		}
	}
	for i := 1; i < len(counts); i++ {
		counts[i] += counts[i-1]
	}
	return slices.Clip(counts[:p.days])
}
