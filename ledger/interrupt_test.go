package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

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
	if _, err := control.Exec(t.Context(), `SELECT pg_terminate_backend($1::integer)`, pid); err != nil {
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
	wantRows(t, control, `SELECT count(*) FROM transactions`, "1") // it was written, but the client does not know
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
