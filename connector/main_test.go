package connector_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/connector"
	"exchequer/ledger"
)

// follower returns a follower of a source that writes into the database.
func follower(t testing.TB, db *pgxpool.Pool, preset, url string) *connector.Follower {
	t.Helper()
	config, err := connector.NewConfig("", preset, url, "", connector.Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := connector.New(connector.Deps{Ledger: ledger.New(db), DB: db, Log: slog.New(slog.DiscardHandler)}, config)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// syncOnce brings the ledger in step, once.
func syncOnce(t testing.TB, db *pgxpool.Pool, preset, url string) {
	t.Helper()
	if err := follower(t, db, preset, url).Once(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// lines returns the rows of a query in one column, joined.
func lines(t testing.TB, db *pgxpool.Pool, query string, args ...any) string {
	t.Helper()
	var all []string
	err := db.QueryRow(t.Context(), `SELECT coalesce(array_agg(line ORDER BY nr), '{}') FROM (SELECT line, row_number() OVER () AS nr FROM (`+query+`) q (line)) n`, args...).Scan(&all)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return strings.Join(all, "\n")
}
