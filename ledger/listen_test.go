package ledger_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// listening is a process that listens, until the test ends.
type listening struct {
	t      *testing.T
	heard  chan ledger.Change
	failed chan error
}

func listen(t *testing.T, db *pgxpool.Pool) listening {
	l := listening{t, make(chan ledger.Change, 64), make(chan error, 64)}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		ledger.Listen(ctx, db.Config().ConnConfig, func() {}, func(c ledger.Change) { l.heard <- c }, func(err error) { l.failed <- err })
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	listener(t, db) // it is connected
	return l
}

// listener is the backend that serves the listening process.
func listener(t *testing.T, db *pgxpool.Pool) (pid int) {
	t.Helper()
	const query = `SELECT pid FROM pg_stat_activity WHERE datname = current_database()
		AND application_name = 'exchequer listener' AND query LIKE 'LISTEN%' AND state = 'idle'`
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		switch err := db.QueryRow(t.Context(), query).Scan(&pid); {
		case err == nil:
			return pid
		case time.Now().After(end):
			t.Fatal("nobody listens:", err)
		}
	}
}

func (l listening) next(what string) ledger.Change {
	l.t.Helper()
	select {
	case c := <-l.heard:
		return c
	case <-time.After(30 * time.Second):
		l.t.Fatalf("%s: heard nothing", what)
		return ledger.Change{}
	}
}

func (l listening) wantFailure(what string) {
	l.t.Helper()
	select {
	case <-l.failed:
	case <-time.After(30 * time.Second):
		l.t.Fatalf("%s: not reported", what)
	}
}

func TestAllHearOfTheSameChangeWhenItHasCommitted(t *testing.T) {
	db := testkit.Postgres(t)
	var told []ledger.Change
	writer := ledger.New(db, func(ctx context.Context, c ledger.Change) {
		if n := count(t, db, "transactions"); n == 0 {
			t.Error("told before the commit")
		}
		told = append(told, c)
	})
	one, other := listen(t, db), listen(t, db)
	b := grant()
	for range 2 { // the second one changes nothing and says nothing
		if _, err := writer.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	b.Shops[0].Seen = noon.Add(time.Second)
	if _, err := writer.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	b.Shops[0].Owner = "nobody"
	if _, err := writer.Append(t.Context(), b); err == nil {
		t.Fatal("a wrong batch was written")
	}
	if len(told) != 2 || told[0].ID == "" || told[0].ID == told[1].ID {
		t.Fatalf("told of %v, want two changes, each with its name", told)
	}
	want := []ledger.Change{{ID: told[0].ID, Tags: ledger.Tags()}, {ID: told[1].ID, Tags: []string{"shops"}}}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error("the writer was told:", diff)
	}
	for _, l := range []listening{one, other} {
		if diff := cmp.Diff(want, []ledger.Change{l.next("first"), l.next("second")}); diff != "" {
			t.Error("a listener heard:", diff)
		}
	}
}

func count(t *testing.T, db *pgxpool.Pool, table string) (n int) {
	t.Helper()
	if err := db.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTheWriterIsToldThoughItsContextHasEnded(t *testing.T) {
	db := testkit.Postgres(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	told := errors.New("not told")
	writer := ledger.New(db,
		func(context.Context, ledger.Change) { cancel() },
		func(ctx context.Context, _ ledger.Change) { told = ctx.Err() })
	if _, err := writer.Append(ctx, grant()); err != nil {
		t.Errorf("Append() = %v, though it has committed", err)
	}
	if told != nil {
		t.Error(told)
	}
}

func TestWhatWasMissedWithoutAConnectionIsMadeUpFor(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, db *pgxpool.Pool, pid int){
		"the connection is broken": func(t *testing.T, db *pgxpool.Pool, pid int) {
			if _, err := db.Exec(t.Context(), `SELECT pg_terminate_backend($1)`, pid); err != nil {
				t.Fatal(err)
			}
		},
		"the peer says nothing any more": func(t *testing.T, _ *pgxpool.Pool, pid int) {
			if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { syscall.Kill(pid, syscall.SIGCONT) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := testkit.Postgres(t)
			l, writer := listen(t, db), ledger.New(db)
			harm(t, db, listener(t, db))
			if _, err := writer.Append(t.Context(), grant()); err != nil {
				t.Fatal(err)
			}
			l.wantFailure(name)
			c := l.next("after another connect")
			if diff := cmp.Diff(ledger.Tags(), c.Tags); diff != "" || c.ID != "" {
				t.Errorf("after another connect, heard %v, want all tags and no name", c)
			}
			b := grant()
			b.Transactions[0].Ref = "later"
			if _, err := writer.Append(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			if c := l.next("a later append"); !strings.Contains(strings.Join(c.Tags, ","), "transactions") || c.ID == "" {
				t.Errorf("of a later append, heard %v", c)
			}
		})
	}
}

func TestAQuietListenerKeepsItsConnection(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	l := listen(t, db)
	time.Sleep(6 * time.Second) // longer than it is quiet before it asks
	if _, err := ledger.New(db).Append(t.Context(), grant()); err != nil {
		t.Fatal(err)
	}
	if c := l.next("after a quiet time"); c.ID == "" {
		t.Errorf("heard %v, as though it had been away", c)
	}
	select {
	case err := <-l.failed:
		t.Error(err)
	default:
	}
}
