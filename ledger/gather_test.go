package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func payment(ref string) ledger.Batch {
	return ledger.Batch{Transactions: []ledger.Transaction{transaction(ref, noon, ledger.Posting{"mint", -1}, ledger.Posting{"ann", 1})}}
}

// Many callers at once, of whom some send what is wrong, what is known, or what another
// one sends too: each learns what became of its own, and few commits write all.
func TestWhatManySendOneByOneIsWrittenTogether(t *testing.T) {
	db := testkit.Postgres(t)
	var commits atomic.Int64
	l := ledger.New(db, func(context.Context, ledger.Change) { commits.Add(1) })
	if _, err := l.Append(t.Context(), village()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), payment("known")); err != nil {
		t.Fatal(err)
	}
	commits.Store(0)
	g := ledger.NewGatherer(l)
	const callers, rounds = 64, 8
	var first, again atomic.Int64 // of those with a shared ref
	var calling sync.WaitGroup
	for caller := range callers {
		calling.Go(func() {
			for round := range rounds {
				ref := fmt.Sprint(caller, " ", round)
				b, wrong, want := payment(ref), false, ledger.Written{Transactions: 1, Postings: 2}
				shared := false
				switch caller % 8 {
				case 0:
					b.Transactions[0].Postings[1].Account, wrong = "nobody", true
				case 1:
					b.Transactions[0].Postings[1].Amount, wrong = 2, true
				case 2:
					b, want = payment("known"), ledger.Written{SkippedTransactions: 1}
				case 3:
					b, shared = payment(fmt.Sprint("shared ", round)), true
				case 4:
					b.Sales = []ledger.Sale{{Origin: "test", Ref: ref, At: noon, Item: "bread", Direction: ledger.DirectionSale, Quantity: 1, Total: 5, Transaction: ref}}
					want.Sales = 1
				}
				w, err := g.Append(t.Context(), b)
				switch refused := (*ledger.BatchError)(nil); {
				case wrong:
					if !errors.As(err, &refused) || len(refused.Problems) != 1 || refused.Problems[0].Ref != ref {
						t.Errorf("%s: %v, want a BatchError of it alone", ref, err)
					}
				case err != nil:
					t.Errorf("%s: %v", ref, err)
				case shared:
					first.Add(int64(w.Transactions))
					again.Add(int64(w.SkippedTransactions))
				case w != want:
					t.Errorf("%s: %+v, want %+v", ref, w, want)
				}
			}
		})
	}
	calling.Wait()
	if first.Load() != rounds || again.Load() != rounds*(callers/8-1) {
		t.Errorf("of what eight callers send at once %d were new and %d known, want %d and %d", first.Load(), again.Load(), rounds, rounds*(callers/8-1))
	}
	const written = 4*rounds*callers/8 + rounds
	if n := commits.Load(); n > written/2 {
		t.Errorf("%d commits for %d transactions, want few", n, written)
	}
	wantRows(t, db, `SELECT count(*) FROM transactions`, fmt.Sprint(written+1))
	wantSound(t, l)
}

// occupied lets as many groups as are written beside each other wait for a lock, until free
// is called.
func occupied(t *testing.T, db *pgxpool.Pool, g *ledger.Gatherer) (free func()) {
	t.Helper()
	lock, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lock.Rollback(context.WithoutCancel(t.Context())) })
	if _, err := lock.Exec(t.Context(), `LOCK TABLE transactions IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	var waits sync.WaitGroup
	for i := range 2 {
		waits.Go(func() {
			if _, err := g.Append(t.Context(), payment(fmt.Sprint("waits ", i))); err != nil {
				t.Error(err)
			}
		})
		for waiting := 0; waiting <= i; time.Sleep(time.Millisecond) {
			if err := db.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting); err != nil {
				t.Fatal(err)
			}
		}
	}
	return func() {
		if err := lock.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		waits.Wait()
	}
}

// One who leaves before the turn writes nothing, and holds up nobody.
func TestWhoLeavesBeforeTheTurnWritesNothing(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	if _, err := l.Append(t.Context(), village()); err != nil {
		t.Fatal(err)
	}
	g := ledger.NewGatherer(l)
	free := occupied(t, db, g)
	left, leave := context.WithCancel(t.Context())
	leave()
	if _, err := g.Append(left, payment("left")); !errors.Is(err, context.Canceled) {
		t.Errorf("Append of one who left: %v", err)
	}
	last := make(chan error)
	go func() {
		_, err := g.Append(t.Context(), payment("last"))
		last <- err
	}()
	free()
	if err := <-last; err != nil {
		t.Error(err)
	}
	wantRows(t, db, `SELECT ref FROM transactions ORDER BY ref`, "last", "waits 0", "waits 1")
}

// begins counts the database transactions that are begun to append.
type begins struct{ n atomic.Int64 }

func (b *begins) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	if strings.HasPrefix(q.SQL, "begin") {
		b.n.Add(1)
	}
	return ctx
}

func (*begins) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// However many of a group are wrong, the others wait for a try or two more.
func TestThoseWhoAreWrongCostTheOthersLittle(t *testing.T) {
	db := testkit.Postgres(t)
	if _, err := ledger.New(db).Append(t.Context(), village()); err != nil {
		t.Fatal(err)
	}
	config, tries := db.Config(), &begins{}
	config.ConnConfig.Tracer = tries
	traced, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer traced.Close()
	g := ledger.NewGatherer(ledger.New(traced))
	free := occupied(t, db, g)
	const senders = 64
	var sending sync.WaitGroup
	for i := range senders {
		sending.Go(func() {
			b := payment(fmt.Sprint("of ", i))
			if i%2 == 1 {
				b.Transactions[0].Postings[1].Account = "nobody"
			}
			_, err := g.Append(t.Context(), b)
			if refused := (*ledger.BatchError)(nil); errors.As(err, &refused) != (i%2 == 1) || refused != nil && (len(refused.Problems) != 1 || refused.Problems[0].Ref != b.Transactions[0].Ref) {
				t.Errorf("sender %d: %v", i, err)
			}
		})
	}
	for g.Waiting() < senders {
		time.Sleep(time.Millisecond)
	}
	before := tries.n.Load()
	free()
	sending.Wait()
	if n := tries.n.Load() - before; n > 4 {
		t.Errorf("%d database transactions for %d senders, half of whom were wrong; want few", n, senders)
	}
	wantRows(t, db, `SELECT count(*) FROM transactions`, fmt.Sprint(senders/2+2))
}

// Of two payments that do not fit in a balance together one is written, and so are the others.
func TestWhatDoesNotFitTogetherIsWrittenApart(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	if _, err := l.Append(t.Context(), village()); err != nil {
		t.Fatal(err)
	}
	g := ledger.NewGatherer(l)
	free := occupied(t, db, g)
	var refused atomic.Int64
	var sending sync.WaitGroup
	for i := range 5 {
		sending.Go(func() {
			b := payment(fmt.Sprint("of ", i))
			if i < 2 {
				b.Transactions[0].Postings = []ledger.Posting{{Account: "mint", Amount: -math.MaxInt64 / 3 * 2}, {Account: "ann", Amount: math.MaxInt64 / 3 * 2}}
			}
			switch _, err := g.Append(t.Context(), b); {
			case i < 2 && errors.As(err, new(*ledger.BatchError)):
				refused.Add(1)
			case err != nil:
				t.Errorf("sender %d: %v", i, err)
			}
		})
	}
	for g.Waiting() < 5 {
		time.Sleep(time.Millisecond)
	}
	free()
	sending.Wait()
	if refused.Load() != 1 {
		t.Errorf("%d of the two large payments were refused, want 1", refused.Load())
	}
	wantRows(t, db, `SELECT count(*) FROM transactions`, "6")
	wantSound(t, l)
}
