package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/postgres"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func grant() ledger.Batch {
	b := village()
	b.Transactions = []ledger.Transaction{transaction("grant", noon, ledger.Posting{"mint", -1000}, ledger.Posting{"ann", 1000})}
	b.Sales = []ledger.Sale{{Origin: "test", Ref: "s", At: noon, Item: "bread", Direction: ledger.DirectionSale, Quantity: 1, Total: 5}}
	return b
}

// blocked waits until a backend of the application waits for a lock.
func blocked(t *testing.T, db *pgxpool.Pool, application string) (pid int) {
	t.Helper()
	for range 2000 {
		err := db.QueryRow(t.Context(), `SELECT pid FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = $1 AND wait_event_type = 'Lock'`, application).Scan(&pid)
		if err == nil {
			return pid
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("nobody waits for a lock")
	return 0
}

func TestAKilledConnectionWritesNothing(t *testing.T) {
	url := testkit.PostgresURL(t)
	control := open(t, url, "control")
	l := ledger.New(open(t, url, "victim"))
	if _, err := l.Append(t.Context(), village()); err != nil {
		t.Fatal(err)
	}
	before := dump(t, control)

	// The append stops at the last table, all others written.
	holding, err := control.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holding.Exec(t.Context(), `LOCK TABLE item_hours`); err != nil {
		t.Fatal(err)
	}
	var appending sync.WaitGroup
	appending.Go(func() { _, err = l.Append(t.Context(), grant()) })
	pid := blocked(t, control, "victim")
	if _, err := control.Exec(t.Context(), `SELECT pg_terminate_backend($1)`, pid); err != nil {
		t.Fatal(err)
	}
	appending.Wait()
	var refused *ledger.BatchError
	if err == nil || errors.As(err, &refused) {
		t.Errorf("Append on a killed connection = %v, want an error that is not about the batch", err)
	}
	if err := holding.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, dump(t, control)); diff != "" {
		t.Errorf("the killed append left something:\n%s", diff)
	}
	written, err := l.Append(t.Context(), grant())
	if want := (ledger.Written{Transactions: 1, Postings: 2, Sales: 1}); err != nil || written != want {
		t.Errorf("Append again = %+v, %v, want %+v", written, err, want)
	}
	wantSound(t, l)
}

func TestRepeatingAfterALostAnswerToCommitIsSafe(t *testing.T) {
	url := testkit.PostgresURL(t)
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	var lose atomic.Bool
	dial := config.ConnConfig.DialFunc
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return &deafConn{Conn: conn, lose: &lose}, err
	}
	db, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	l := ledger.New(db)
	lose.Store(true)
	if _, err := l.Append(t.Context(), grant()); err == nil {
		t.Error("Append whose commit is not answered returned no error")
	}
	lose.Store(false)

	control := open(t, url, "control")
	before := dump(t, control)
	wantRows(t, control, `SELECT count(*) FROM transactions`, "1") // it was written, nobody was told
	written, err := l.Append(t.Context(), grant())
	if want := (ledger.Written{SkippedTransactions: 1, SkippedSales: 1}); err != nil || written != want {
		t.Errorf("Append again = %+v, %v, want %+v", written, err, want)
	}
	if diff := cmp.Diff(before, dump(t, control)); diff != "" {
		t.Errorf("repeating changed the ledger:\n%s", diff)
	}
}

// A deafConn loses the server's answer to a commit.
type deafConn struct {
	net.Conn
	lose *atomic.Bool
	deaf atomic.Bool
}

func (c *deafConn) Write(b []byte) (int, error) {
	if c.lose.Load() && bytes.Contains(b, []byte("commit\x00")) {
		c.deaf.Store(true)
	}
	return c.Conn.Write(b)
}

func (c *deafConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.deaf.Load() {
		c.Conn.Close()
		return 0, errors.New("connection lost")
	}
	return n, err
}

func TestASnapshotIsWrittenOnlyBetweenAppends(t *testing.T) {
	url := testkit.PostgresURL(t)
	control := open(t, url, "control")
	l := ledger.New(open(t, url, "append"))
	if _, err := l.Append(t.Context(), village()); err != nil {
		t.Fatal(err)
	}
	if _, err := control.Exec(t.Context(), `INSERT INTO day_snapshots (day, supply, holders) VALUES
		($1::date - 1, 0, 0), ($1, 0, 0), ($1::date + 1, 0, 0)`, noon); err != nil {
		t.Fatal(err)
	}
	holding, err := control.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holding.Exec(t.Context(), `LOCK TABLE item_hours`); err != nil {
		t.Fatal(err)
	}
	var both sync.WaitGroup
	both.Go(func() {
		if _, err := l.Append(t.Context(), grant()); err != nil {
			t.Error(err)
		}
	})
	blocked(t, control, "append")
	snapshots := open(t, url, "snapshots")
	both.Go(func() {
		err := pgx.BeginFunc(t.Context(), snapshots, func(tx pgx.Tx) error {
			if err := ledger.LockSnapshots(t.Context(), tx); err != nil {
				return err
			}
			var days, transactions int
			err := tx.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM day_snapshots), (SELECT count(*) FROM transactions)`).
				Scan(&days, &transactions)
			if days != 1 || transactions != 1 {
				t.Errorf("behind the append: %d snapshots and %d transactions, want 1 and 1", days, transactions)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	blocked(t, control, "snapshots")
	if err := holding.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	both.Wait()
	wantRows(t, control, `SELECT day::text FROM day_snapshots`, "2026-03-03")

	err = pgx.BeginTxFunc(t.Context(), control, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		return ledger.LockSnapshots(t.Context(), tx)
	})
	if err == nil {
		t.Error("LockSnapshots took a transaction that reads the past")
	}
}

func TestArchivingDeletesTheSnapshotsThatItMakesWrong(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	archive := func(days int) {
		b := village()
		if days >= 0 {
			b.Accounts[1].Archived = noon.AddDate(0, 0, days)
		}
		if _, err := l.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	archive(-1)
	for _, test := range []struct {
		days int
		want string
	}{{2, "2026-03-05"}, {2, "2026-03-09"}, {-1, "2026-03-09"}, {4, "2026-03-05"}, {0, "2026-03-03"}} {
		if _, err := db.Exec(t.Context(), `INSERT INTO day_snapshots (day, supply, holders)
			SELECT day, 0, 0 FROM generate_series(date '2026-03-01', '2026-03-09', interval '1 day') AS d (day) ON CONFLICT DO NOTHING`); err != nil {
			t.Fatal(err)
		}
		archive(test.days)
		wantRows(t, db, `SELECT max(day)::text FROM day_snapshots`, test.want)
	}
	wantRows(t, db, `SELECT archived = '2026-03-04 12:00Z' FROM accounts WHERE ref = 'ann'`, "true")
}

func open(t *testing.T, url, application string) *pgxpool.Pool {
	t.Helper()
	db, err := postgres.Open(t.Context(), url, postgres.Options{ApplicationName: application})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}
