package postgres

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

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
	for _, m := range migrator.Migrations {
		m.UpFunc, m.UpSQL = byStatement(m.Name, m.UpSQL), ""
	}
	if err := migrator.Migrate(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// byStatement returns a migration that runs its statements one by one: Citus takes no
// several changes of tables in one message.
func byStatement(name, sql string) migrate.MigrationFunc {
	return func(ctx context.Context, conn *pgx.Conn) error {
		for _, statement := range statements(sql) {
			if _, err := conn.Exec(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w, in: %s", name, err, strings.TrimSpace(statement))
			}
		}
		return nil
	}
}

var (
	dollarQuote = regexp.MustCompile(`\$\w*\$`)
	lineComment = regexp.MustCompile(`(?m)--.*$`)
)

// statements cuts SQL at the lines that end with a semicolon outside of dollar quotes.
func statements(sql string) []string {
	var all []string
	var one strings.Builder
	quoted := false
	for line := range strings.Lines(sql) {
		one.WriteString(line)
		code := strings.TrimSpace(lineComment.ReplaceAllString(strings.TrimRight(line, "\r\n"), ""))
		if len(dollarQuote.FindAllString(code, -1))%2 == 1 {
			quoted = !quoted
		}
		if !quoted && strings.HasSuffix(code, ";") {
			all = append(all, one.String())
			one.Reset()
		}
	}
	if rest := one.String(); strings.TrimSpace(lineComment.ReplaceAllString(rest, "")) != "" {
		all = append(all, rest)
	}
	return all
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
