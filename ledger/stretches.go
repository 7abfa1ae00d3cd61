package ledger

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// A stretch is a part of all time of which a statement reads the record at once, so that
// Postgres sorts and groups that much, and no more. Stretches begin with a day of the
// ledger's zone.
type stretch struct {
	from, to   pgtype.Timestamptz
	first, end pgtype.Date // its days, the last one excluded
}

// stretches returns the parts of all time: the months of a ledger that is divided by month,
// what was there before them being one part, and else one. The transaction is canonical.
func stretches(ctx context.Context, tx pgx.Tx, zone *time.Location) ([]stretch, error) {
	const query = `
		SELECT starts::date FROM (
			SELECT substring(pg_get_expr(relpartbound, oid) FROM 'FROM \(''(\d+-\d\d-\d\d)''') AS starts
			FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = 'account_days'::regclass) AS months
		WHERE starts IS NOT NULL ORDER BY 1`
	rows, _ := tx.Query(ctx, query)
	starts, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
	if err != nil {
		return nil, fmt.Errorf("read the months of the ledger: %w", err)
	}
	all := []stretch{{
		from:  pgtype.Timestamptz{InfinityModifier: pgtype.NegativeInfinity, Valid: true},
		first: pgtype.Date{InfinityModifier: pgtype.NegativeInfinity, Valid: true},
	}}
	for _, day := range starts {
		next := stretch{
			from:  pgtype.Timestamptz{Time: DayStart(DayNumber(day), zone), Valid: true},
			first: pgtype.Date{Time: day, Valid: true},
		}
		last := &all[len(all)-1]
		last.to, last.end = next.from, next.first
		all = append(all, next)
	}
	last := &all[len(all)-1]
	last.to = pgtype.Timestamptz{InfinityModifier: pgtype.Infinity, Valid: true}
	last.end = pgtype.Date{InfinityModifier: pgtype.Infinity, Valid: true}
	return all, nil
}

// bySize are the settings of a transaction that executes queries for stretches: each is
// planned for itself, since one may have a hundred times as much as another.
const bySize = `SET LOCAL plan_cache_mode = force_custom_plan;`

// inStretch is SQL for whether a posting or a transaction is of a stretch. A query that has
// it is executed for each.
const inStretch = `at >= @from AND at < @to`

// ofStretch is SQL for whether a row of a rollup is of a stretch, for a rollup by day or hour.
func ofStretch(period string) string {
	if period == "day" {
		return `day >= @first AND day < @end`
	}
	return period + ` >= @from AND ` + period + ` < @to`
}

// stretched reports whether the rollup is computed and compared by stretches.
func (r rollup) stretched() bool { return strings.Contains(r.scan, inStretch) }

// args returns the arguments of a query, with those of the stretch.
func (s stretch) args(of pgx.NamedArgs) pgx.NamedArgs {
	all := pgx.NamedArgs{"from": s.from, "to": s.to, "first": s.first, "end": s.end}
	maps.Copy(all, of)
	return all
}

// stretchesOf returns those for which a query is executed: all of them, or one if it asks
// for none.
func stretchesOf(query string, all []stretch) []stretch {
	if !strings.Contains(query, "@from") && !strings.Contains(query, "@first") {
		return make([]stretch, 1)
	}
	return all
}
