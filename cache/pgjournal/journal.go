// Package pgjournal keeps the cache's hard invalidations in Postgres, where
// they outlive Redis and the processes.
package pgjournal

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
)

const (
	keepFor = 31 * 24 * time.Hour // no policy lets a value be shown for longer
	atMost  = 20_000              // more than a cache keeps; it forbids what is older than those
)

// A Journal is the table of invalidations of a database.
type Journal struct{ db *pgxpool.Pool }

// New returns the journal of a database that is migrated.
func New(db *pgxpool.Pool) *Journal { return &Journal{db} }

// Record implements [cache.Journal]. It forgets what no value can be as old as.
func (j *Journal) Record(ctx context.Context, list []cache.Invalidation) error {
	scopes, generations := make([]string, len(list)), make([]int64, len(list))
	for n, i := range list {
		scopes[n], generations[n] = i.Scope, i.Generation
	}
	_, err := j.db.Exec(ctx, `
		WITH old AS (DELETE FROM invalidations WHERE generation < $3 AND scope <> ALL($1))
		INSERT INTO invalidations AS there (scope, generation)
		SELECT * FROM unnest($1::text[], $2::bigint[])
		ON CONFLICT (scope) DO UPDATE SET generation = greatest(there.generation, excluded.generation)`,
		scopes, generations, time.Now().Add(-keepFor).UnixMicro())
	if err != nil {
		return fmt.Errorf("record invalidations: %w", err)
	}
	return nil
}

// Recorded implements [cache.Journal].
func (j *Journal) Recorded(ctx context.Context) ([]cache.Invalidation, error) {
	rows, _ := j.db.Query(ctx, `SELECT scope, generation FROM invalidations ORDER BY generation DESC LIMIT $1`, atMost)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (cache.Invalidation, error) {
		i := cache.Invalidation{Mode: cache.Hard}
		err := row.Scan(&i.Scope, &i.Generation)
		return i, err
	})
	if err != nil {
		return nil, fmt.Errorf("read invalidations: %w", err)
	}
	return list, nil
}

// Identity returns what tells a database from others, so that the caches of two
// do not mix: 16 hexadecimal digits. It stays when the server is started anew
// or a replica takes over, and differs for a copy that was restored from a dump.
func Identity(ctx context.Context, db *pgxpool.Pool) (string, error) {
	var id string
	err := db.QueryRow(ctx, `
		SELECT left(md5(system_identifier::text || '/' || (SELECT oid FROM pg_database WHERE datname = current_database())), 16)
		FROM pg_control_system()`).Scan(&id)
	if err != nil {
		return "", fmt.Errorf("read the database's identity: %w", err)
	}
	return id, nil
}
