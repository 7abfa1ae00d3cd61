package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Distribute puts the migrated schema of a ledger, the first of search_path, whole on one
// node of a Citus cluster, of which the pool connects to the coordinator. It does nothing
// if the schema is there already.
func Distribute(ctx context.Context, pool *pgxpool.Pool) error {
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		var schema string
		var citus, trigrams, monthly bool
		const query = `
			SELECT current_schema(), EXISTS (SELECT FROM pg_extension WHERE extname = 'citus'),
				EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm' AND extnamespace::regnamespace::text = quote_ident(current_schema())),
				is_monthly()`
		if err := tx.QueryRow(ctx, query).Scan(&schema, &citus, &trigrams, &monthly); err != nil {
			return err
		}
		switch {
		case !citus:
			return errors.New("the database has no Citus: CREATE EXTENSION citus")
		case schema == "public":
			return errors.New("a ledger on Citus has a schema of its own: create one, and name it by search_path in the database URL")
		case monthly:
			return errors.New("the ledger is divided by month, which a ledger on Citus is not: import an export of it into a new schema")
		case trigrams:
			return errors.New("the extension pg_trgm is in the ledger's schema: drop it with CASCADE, CREATE SCHEMA extensions, CREATE EXTENSION pg_trgm SCHEMA extensions, add that schema to search_path after the ledger's, and then SELECT search_by_trigrams()")
		}
		var there bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_dist_schema WHERE schemaid = quote_ident($1)::regnamespace)`, schema).Scan(&there); err != nil || there {
			return err
		}
		// Citus takes no triggers. Appends do the same as these, which are for processes
		// of a release that knew nothing of Citus.
		const triggers = `DROP TRIGGER IF EXISTS regroup_archived ON accounts; DROP TRIGGER IF EXISTS regroup_merged ON merges`
		if _, err := tx.Exec(ctx, triggers); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `SELECT citus_schema_distribute(quote_ident($1)::regnamespace)`, schema)
		return err
	})
	if err != nil {
		return fmt.Errorf("put the ledger on a node of Citus: %w", err)
	}
	return nil
}
