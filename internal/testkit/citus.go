package testkit

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/postgres"
)

// citusURL is the address of a database on the coordinator of a Citus cluster. If it is
// set, tests have a distributed schema there each instead of a database.
var citusURL = os.Getenv("CITUS_URL")

// NotOnCitus skips a test that cannot hold where CITUS_URL leads.
func NotOnCitus(t testing.TB, why string) {
	t.Helper()
	if citusURL != "" {
		t.Skip("not on Citus: " + why)
	}
}

// A citusSchema is a migrated and distributed schema. To make one takes seconds, so it is
// emptied and used again.
type citusSchema struct {
	url    string
	tables []string
	seeds  map[string][]map[string]any // rows of a new schema, by table
}

var citus struct {
	mu     sync.Mutex
	free   []*citusSchema
	number int
}

// citusSchemaURL returns the address of an empty ledger on Citus, which nobody else uses
// until the test ends.
func citusSchemaURL(t testing.TB) string {
	t.Helper()
	citus.mu.Lock()
	var s *citusSchema
	if last := len(citus.free) - 1; last >= 0 {
		s, citus.free = citus.free[last], citus.free[:last]
	}
	citus.number++
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), citus.number)
	citus.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if s == nil {
		var err error
		if s, err = newCitusSchema(ctx, name); err == nil {
			err = s.distribute(ctx)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if err := s.empty(ctx); err != nil {
			t.Logf("a schema is not used again: %v", err)
			return
		}
		citus.mu.Lock()
		defer citus.mu.Unlock()
		citus.free = append(citus.free, s)
	})
	return s.url
}

// CitusLedgers returns two empty ledgers of the same server, the coordinator to which
// CITUS_URL leads: one that is in a plain schema there, and one that is whole on a node.
// They are dropped when the test ends. Without CITUS_URL the test is skipped.
func CitusLedgers(t testing.TB) (plain, distributed *pgxpool.Pool) {
	t.Helper()
	if citusURL == "" {
		t.Skip("CITUS_URL is not set")
	}
	ledgers := make([]*pgxpool.Pool, 2)
	for i, name := range []string{"plain", "distributed"} {
		s, err := newCitusSchema(t.Context(), fmt.Sprintf("test_%d_%s", os.Getpid(), name))
		if err == nil {
			ledgers[i], err = postgres.Open(t.Context(), s.url, postgres.Options{StatementTimeout: time.Minute, MaxConns: 16})
		}
		if err == nil && i == 1 {
			err = postgres.Distribute(t.Context(), ledgers[i])
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ledgers[i].Close()
			conn, err := pgx.Connect(context.Background(), citusURL)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(context.Background())
			if _, err := conn.Exec(context.Background(), fmt.Sprintf("DROP SCHEMA test_%d_%s CASCADE", os.Getpid(), name)); err != nil {
				t.Error(err)
			}
		})
	}
	return ledgers[0], ledgers[1]
}

// newCitusSchema makes a migrated schema, which is not distributed.
func newCitusSchema(ctx context.Context, name string) (*citusSchema, error) {
	address, err := url.Parse(citusURL)
	if err != nil {
		return nil, fmt.Errorf("CITUS_URL: %w", err)
	}
	const prepare = `
		SELECT pg_advisory_lock(9);
		CREATE SCHEMA IF NOT EXISTS extensions;
		CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA extensions;
		SELECT pg_advisory_unlock(9);`
	conn, err := pgx.Connect(ctx, citusURL)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	for _, query := range []string{prepare, "CREATE SCHEMA " + name} {
		if _, err := conn.Exec(ctx, query); err != nil {
			return nil, err
		}
	}
	query := address.Query()
	query.Set("search_path", name+",extensions")
	address.RawQuery = query.Encode()
	s := &citusSchema{url: address.String()}
	pool, err := postgres.Open(ctx, s.url, postgres.Options{StatementTimeout: time.Minute})
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	if err := postgres.Migrate(ctx, pool); err != nil {
		return nil, err
	}
	return s, s.look(ctx, pool)
}

// distribute puts the schema on a node.
func (s *citusSchema) distribute(ctx context.Context) error {
	pool, err := postgres.Open(ctx, s.url, postgres.Options{StatementTimeout: time.Minute})
	if err != nil {
		return err
	}
	defer pool.Close()
	return postgres.Distribute(ctx, pool)
}

// look notes the tables of a new schema and their rows.
func (s *citusSchema) look(ctx context.Context, pool *pgxpool.Pool) error {
	rows, _ := pool.Query(ctx, `SELECT relname::text FROM pg_class WHERE relnamespace::regnamespace::text = current_schema() AND relkind = 'r' AND relname <> 'schema_version'`)
	var err error
	if s.tables, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return err
	}
	s.seeds = map[string][]map[string]any{}
	for _, table := range s.tables {
		rows, _ := pool.Query(ctx, "SELECT * FROM "+table)
		if s.seeds[table], err = pgx.CollectRows(rows, pgx.RowToMap); err != nil {
			return err
		}
	}
	return nil
}

// empty makes a schema like a new one. It fails if the test has left other tables.
func (s *citusSchema) empty(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	const end = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND pid IN (
		SELECT pid FROM pg_locks JOIN pg_class c ON c.oid = relation WHERE relnamespace::regnamespace::text = current_schema())`
	if _, err := conn.Exec(ctx, end); err != nil {
		return err
	}
	var same bool
	const tables = `SELECT coalesce(array_agg(relname::text), '{}') <@ $1 FROM pg_class WHERE relnamespace::regnamespace::text = current_schema() AND relkind = 'r' AND relname <> 'schema_version'`
	if err := conn.QueryRow(ctx, tables, s.tables).Scan(&same); err != nil || !same {
		return fmt.Errorf("the test has left tables (%w)", err)
	}
	var batch pgx.Batch
	for _, table := range s.tables {
		batch.Queue("DELETE FROM " + table)
		for _, seed := range s.seeds[table] {
			insert, args := "", []any{}
			for column, value := range seed {
				args = append(args, value)
				insert += ", " + pgx.Identifier{column}.Sanitize()
			}
			values := ""
			for i := range args {
				values += fmt.Sprintf(", $%d", i+1)
			}
			batch.Queue("INSERT INTO "+table+" ("+insert[2:]+") VALUES ("+values[2:]+")", args...)
		}
	}
	for _, sequence := range []string{"account_ids", "item_ids", "shop_ids", "transaction_ids", "sale_ids", "offer_ids"} {
		batch.Queue("SELECT setval('" + sequence + "', 1, false)")
	}
	return conn.SendBatch(ctx, &batch).Close()
}
