package ledger_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// listening is a call of Listen that lasts until the test ends.
type listening struct {
	t       *testing.T
	changes chan ledger.Change
	errors  chan error
}

func listen(t *testing.T, db *pgxpool.Pool) listening {
	t.Helper()
	l := listening{t, make(chan ledger.Change, 64), make(chan error, 64)}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		ledger.Listen(ctx, db.Config().ConnConfig, func() {}, func(c ledger.Change) { l.changes <- c }, func(err error) { l.errors <- err })
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	if c := l.next("the first connect"); c.ID != "" || !slices.Equal(c.Tags, ledger.Tags()) {
		t.Errorf("after the first connect: %v, want all tags and no ID", c)
	}
	return l
}

// listeners returns the processes of Postgres that serve Listen.
func listeners(t *testing.T, db *pgxpool.Pool) []int {
	t.Helper()
	rows, _ := db.Query(t.Context(), `SELECT pid FROM pg_stat_activity WHERE datname = current_database()
		AND application_name = 'exchequer listener' AND query LIKE 'LISTEN%' AND state = 'idle'`)
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		t.Fatal(err)
	}
	return pids
}

func (l listening) next(what string) ledger.Change {
	l.t.Helper()
	select {
	case c := <-l.changes:
		return c
	case <-time.After(30 * time.Second):
		l.t.Fatalf("%s: no change", what)
		return ledger.Change{}
	}
}

func (l listening) wantFailure(what string) {
	l.t.Helper()
	select {
	case <-l.errors:
	case <-time.After(30 * time.Second):
		l.t.Fatalf("%s: not reported", what)
	}
}

// What was computed before names a holder who is hidden now, and could be shown for as
// long as nobody asks for newer.
func TestHidingAHolderForbidsWhatWasComputedBefore(t *testing.T) {
	db := testkit.Postgres(t)
	var local []ledger.Change
	l := ledger.New(db, func(_ context.Context, c ledger.Change) { local = append(local, c) })
	appended(t, l, village())
	listening := listen(t, db)
	for _, step := range []struct {
		hidden, forbids bool
		name            string
	}{{false, false, "shown"}, {true, true, "hidden"}, {true, false, "hidden by another name"}, {false, false, "shown again"}, {true, true, "hidden again"}} {
		appended(t, l, ledger.Batch{Holders: []ledger.Holder{{Ref: "ann", Name: step.name, Hidden: step.hidden}}})
		if c := local[len(local)-1]; c.Rewritten != step.forbids {
			t.Errorf("%s: the writer is told %+v", step.name, c)
		}
		if c := listening.next(step.name); c.Rewritten != step.forbids || !slices.Equal(c.Tags, []string{"accounts"}) {
			t.Errorf("%s: all are told %+v", step.name, c)
		}
	}
}

func TestAllListenersGetTheSameChangeOnceItHasCommitted(t *testing.T) {
	db := testkit.Postgres(t)
	var local []ledger.Change
	writer := ledger.New(db, func(ctx context.Context, c ledger.Change) {
		if n := count(t, db, "transactions"); n == 0 {
			t.Error("called before the commit")
		}
		local = append(local, c)
	})
	one, other := listen(t, db), listen(t, db)
	b := grant()
	b.Events = []ledger.Event{{Ref: "fair", At: noon, Title: "Fair"}}
	for range 2 { // the second one changes nothing
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
	if len(local) != 2 || local[0].ID == "" || local[0].ID == local[1].ID {
		t.Fatalf("changes %v, want two with an ID each", local)
	}
	want := []ledger.Change{{ID: local[0].ID, Tags: ledger.Tags()}, {ID: local[1].ID, Tags: []string{"shops"}}}
	if diff := cmp.Diff(want, local); diff != "" {
		t.Error("the listener of the writer (-want +got):", diff)
	}
	for _, l := range []listening{one, other} {
		if diff := cmp.Diff(want, []ledger.Change{l.next("first"), l.next("second")}); diff != "" {
			t.Error("Listen (-want +got):", diff)
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

func TestListenersAreCalledThoughTheContextOfAppendHasEnded(t *testing.T) {
	db := testkit.Postgres(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got := errors.New("not called")
	writer := ledger.New(db,
		func(context.Context, ledger.Change) { cancel() },
		func(ctx context.Context, _ ledger.Change) { got = ctx.Err() })
	if _, err := writer.Append(ctx, grant()); err != nil {
		t.Errorf("Append() = %v, though it has committed", err)
	}
	if got != nil {
		t.Error(got)
	}
}

func TestAfterAnotherConnectAllTagsAreReported(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, db *pgxpool.Pool, pid int){
		"the connection is broken": func(t *testing.T, db *pgxpool.Pool, pid int) {
			if _, err := db.Exec(t.Context(), `SELECT pg_terminate_backend($1::integer)`, pid); err != nil {
				t.Fatal(err)
			}
		},
		"the server does not answer": func(t *testing.T, _ *pgxpool.Pool, pid int) {
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
			harm(t, db, listeners(t, db)[0])
			if _, err := writer.Append(t.Context(), grant()); err != nil {
				t.Fatal(err)
			}
			l.wantFailure(name)
			c := l.next("after another connect")
			if diff := cmp.Diff(ledger.Tags(), c.Tags); diff != "" || c.ID != "" {
				t.Errorf("after another connect: %v, want all tags and no ID", c)
			}
			b := grant()
			b.Transactions[0].Ref = "later"
			if _, err := writer.Append(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			if c := l.next("a later append"); !strings.Contains(strings.Join(c.Tags, ","), "transactions") || c.ID == "" {
				t.Errorf("a later append: %v", c)
			}
		})
	}
}

func TestAQuietListenerKeepsItsConnection(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	l := listen(t, db)
	time.Sleep(6 * time.Second) // longer than it waits before it pings
	if _, err := ledger.New(db).Append(t.Context(), grant()); err != nil {
		t.Fatal(err)
	}
	if c := l.next("after a quiet time"); c.ID == "" {
		t.Errorf("%v, as after another connect", c)
	}
	select {
	case err := <-l.errors:
		t.Error(err)
	default:
	}
}
