package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/tern/v2/migrate"

	"exchequer/migrations"
)

// versionTable is where tern keeps the number of the last applied migration.
const versionTable = "schema_version"

const undefinedTable = "42P01" // SQLSTATE

// ErrNotMigrated is returned if the schema is older than the program.
var ErrNotMigrated = errors.New("the database's schema is not up to date: run `exchequer migrate`")

// Migrate brings the schema up to date. It takes tern's advisory lock, so that
// several processes may call it at once.
func Migrate(ctx context.Context, pool *pgxpool.Pool) error {
	// A migration may take as long as it needs. After each one tern resets the settings
	// of its connection to those with which it began.
	config := pool.Config().ConnConfig
	config.RuntimeParams["statement_timeout"] = "0"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))

	migrator, err := migrate.NewMigrator(ctx, conn, versionTable)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if err := migrator.LoadMigrations(migrations.FS); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if err := migrator.Migrate(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// Check returns ErrNotMigrated if the schema is older than the program. A
// newer schema passes, since processes of an old release must be able to restart
// while a new one is rolled out.
func Check(ctx context.Context, pool *pgxpool.Pool) error {
	known, err := migrate.FindMigrations(migrations.FS)
	if err != nil {
		return fmt.Errorf("check schema: %w", err)
	}
	version := 0
	err = pool.QueryRow(ctx, "SELECT version FROM "+versionTable).Scan(&version)
	var refused *pgconn.PgError
	switch {
	case errors.As(err, &refused) && refused.Code == undefinedTable, errors.Is(err, pgx.ErrNoRows):
		return ErrNotMigrated
	case err != nil:
		return fmt.Errorf("check schema: %w", err)
	case version < len(known):
		return fmt.Errorf("%w (it is at version %d, this program needs %d)", ErrNotMigrated, version, len(known))
	}
	return nil
}
