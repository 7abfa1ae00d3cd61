package connector

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A Status is how a source is followed.
type Status struct {
	Source       string
	Complete     *time.Time // all that the source had then is here; nil: never yet
	Compared     *time.Time // when balances were last compared; nil: never yet
	Accounts     int64      // that were compared
	Drifting     int64      // of them, those whose balance differs
	FailingSince *time.Time // nil: the last round was right
	Failures     int        // in a row
	Problem      string     // of the last failure; it may name hosts
	Rows         int64      // that were read
	LeftOut      int64      // bad rows that are kept
}

// ReadStatus returns the status of all sources that were ever followed, by name.
func ReadStatus(ctx context.Context, db *pgxpool.Pool) ([]Status, error) {
	const query = `
		SELECT name AS source, complete, compared, accounts, drifting, failing_since, failures, problem,
			(SELECT coalesce(sum(rows), 0)::bigint FROM sync_streams r WHERE r.source = s.name) AS rows,
			(SELECT count(*) FROM sync_rejects r WHERE r.source = s.name) AS left_out
		FROM sync_sources s ORDER BY name`
	rows, _ := db.Query(ctx, query)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[Status])
	if err != nil {
		return nil, fmt.Errorf("read the status of sources: %w", err)
	}
	return all, nil
}
