package ledger_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/postgres"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// schemas returns pools on ledgers of one database: that in the schema public, and those
// in schemas of their own.
func schemas(t *testing.T, names ...string) []*pgxpool.Pool {
	t.Helper()
	testkit.NotOnCitus(t, "all tests there are ledgers of one database")
	address := testkit.PostgresURL(t)
	var pools []*pgxpool.Pool
	for _, name := range slices.Concat([]string{"public"}, names) {
		at, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		query := at.Query()
		query.Set("search_path", name)
		at.RawQuery = query.Encode()
		db := open(t, at.String(), "exchequer")
		if name != "public" {
			if _, err := db.Exec(t.Context(), "CREATE SCHEMA "+name); err != nil {
				t.Fatal(err)
			}
			if err := postgres.Migrate(t.Context(), db); err != nil {
				t.Fatal(err)
			}
		}
		pools = append(pools, db)
	}
	return pools
}

// Ledgers in schemas of one database neither see nor wait for each other.
func TestLedgersOfOneDatabaseAreApart(t *testing.T) {
	pools := schemas(t, "town", "city")
	for i, db := range pools {
		tx, err := db.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := ledger.LockAppends(t.Context(), tx); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		for j, other := range pools {
			if j == i {
				continue
			}
			b := village()
			b.Items = append(b.Items, ledger.Item{Ref: fmt.Sprint("of ledger ", i)})
			if _, err := ledger.New(other).Append(ctx, b); err != nil {
				t.Errorf("an append to ledger %d beside ledger %d: %v", j, i, err)
			}
			if _, err := ledger.FoldHolders(ctx, other, 0); err != nil {
				t.Errorf("a fold of ledger %d beside ledger %d: %v", j, i, err)
			}
			if _, err := ledger.New(other).Repair(ctx, ledger.Repair{}); err != nil {
				t.Errorf("a repair of ledger %d beside ledger %d: %v", j, i, err)
			}
			wantSound(t, ledger.New(other))
		}
		cancel()
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for i, db := range pools {
		wantRows(t, db, `SELECT count(*), count(*) FILTER (WHERE ref = '`+fmt.Sprint("of ledger ", i)+`') FROM items WHERE ref LIKE 'of ledger %'`, "2 0")
	}
}

// What is appended to one ledger is told to its listeners alone.
func TestListenersHearOfTheirLedgerAlone(t *testing.T) {
	pools := schemas(t, "town")
	for i, db := range pools {
		own, other := listen(t, db), listen(t, pools[1-i])
		appended(t, ledger.New(db), grant())
		appended(t, ledger.New(pools[1-i]), ledger.Batch{Events: []ledger.Event{{Ref: fmt.Sprint("fair ", i), At: noon, Title: "Fair"}}})
		if c := own.next("the own ledger"); !slices.Contains(c.Tags, "transactions") {
			t.Errorf("the listener of ledger %d is told %+v", i, c)
		}
		if c := other.next("the other ledger"); !slices.Equal(c.Tags, []string{"events"}) {
			t.Errorf("the listener of the other ledger is told %+v, want the event alone", c)
		}
	}
}

// A process of the release before locks and listens in the schema public by these keys.
func TestTheSchemaPublicKeepsItsLocksAndItsChannel(t *testing.T) {
	db := testkit.Postgres(t)
	testkit.NotOnCitus(t, "no ledger is in the schema public there")
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.WithoutCancel(t.Context()))
	if err := ledger.LockAppends(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	wantRows(t, db, `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND (classid::bigint << 32 | objid::bigint) = 7311703295065683301`, "1")
	conn, err := db.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if _, err := conn.Exec(t.Context(), "LISTEN exchequer_ledger"); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	appended(t, ledger.New(db), grant())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := conn.Conn().WaitForNotification(ctx); err != nil {
		t.Errorf("a listener of the release before is told nothing: %v", err)
	}
}
