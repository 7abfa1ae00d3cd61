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
	keepFor = 31 * 24 * time.Hour // longer than any policy lets a value be shown
	atMost  = 20_000              // more than a cache keeps, which forbids all values that are older
)

// A Journal is a database's table of invalidations. It is safe for concurrent
// use.
type Journal struct{ db *pgxpool.Pool }

// New returns the journal of a migrated database.
func New(db *pgxpool.Pool) *Journal { return &Journal{db} }

// Record implements [cache.Journal]. It deletes those that are older than any
// value.
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

// Identity returns 16 hexadecimal digits that identify a database and the schema of the
// ledger in it, so that caches of different ledgers do not mix. They stay the same after a restart of the
// server or a failover to a replica. A copy that was restored from a dump has
// others.
func Identity(ctx context.Context, db *pgxpool.Pool) (string, error) {
	var id string
	err := db.QueryRow(ctx, `
		SELECT left(md5(system_identifier::text || '/' || (SELECT oid FROM pg_database WHERE datname = current_database())
			|| CASE name WHEN 'public' THEN '' ELSE '/' || name END), 16)
		FROM pg_control_system(), (SELECT relnamespace::regnamespace::text AS name FROM pg_class WHERE oid = 'invalidations'::regclass) AS schema`).Scan(&id)
	if err != nil {
		return "", fmt.Errorf("read the database's identity: %w", err)
	}
	return id, nil
}
