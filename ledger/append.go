package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A Ledger reads and writes the record in a Postgres database. It may be used
// by many goroutines and by many processes at once.
type Ledger struct {
	db        *pgxpool.Pool
	reads     func(context.Context) *pgxpool.Pool // what single things are read from
	listeners []func(context.Context, Change)
	months    monthMaker
}

// New returns the ledger in db, whose schema must be migrated. Append calls each
// listener with every change that it made, after the commit and before it
// returns. Listeners must be quick; their context is not cancelled with that of
// Append. [Listen] receives the changes of all processes, these among them.
func New(db *pgxpool.Pool, listeners ...func(context.Context, Change)) *Ledger {
	return &Ledger{db: db, reads: func(context.Context) *pgxpool.Pool { return db }, listeners: listeners}
}

// Reading returns the ledger in db, of which the single things that visitors ask for are
// read from the database that reads returns for each: db, or a replica of it that has all
// that is committed.
func Reading(db *pgxpool.Pool, reads func(context.Context) *pgxpool.Pool) *Ledger {
	return &Ledger{db: db, reads: reads}
}

// Append writes a batch in one database transaction: all of it, or nothing
// and an error, which is a [*BatchError] when the batch itself is wrong.
// It skips transactions and sales whose origin and ref are already in the
// ledger, even if they differ otherwise. So a batch can safely be repeated, also
// after an error that leaves open whether it was written.
//
// Appends may run concurrently. Those that write the same refs wait for each
// other, and one of them writes each ref. Those that change the same rollups
// wait for each other too. All take their locks in the same order, so they do
// not deadlock.
//
// Times are kept to the microsecond.
func (l *Ledger) Append(ctx context.Context, b Batch) (Written, error) {
	if err := check(b, time.Now()).err(); err != nil {
		return Written{}, err
	}
	p, err := l.begin(ctx, b)
	if err != nil {
		return Written{}, err
	}
	return p.Commit(ctx)
}

// AppendWith is Append of a batch, and also is called in its database transaction before
// that is committed: an error of it writes nothing.
func (l *Ledger) AppendWith(ctx context.Context, b Batch, also func(context.Context, pgx.Tx) error) (Written, error) {
	if err := check(b, time.Now()).err(); err != nil {
		return Written{}, err
	}
	p, err := l.begin(ctx, b)
	if err != nil {
		return Written{}, err
	}
	if err := also(ctx, p.ap.tx); err != nil {
		p.Rollback(ctx)
		return Written{}, fmt.Errorf("append batch: %w", err)
	}
	return p.Commit(ctx)
}

// A Pending is a batch that is written but for what it adds to the rollups, in a
// database transaction that Commit or Rollback ends.
type Pending struct {
	ledger *Ledger
	ap     *appender
	deltas *deltas
}

// Begin begins to write a batch. A second one may be begun while the first one is
// committed, which makes use of a second processor; committing in the order of the
// batches is up to the caller. Begin writes and commits accounts and items at once,
// so that a batch which is begun later may name them. A sale must not name a
// transaction of a batch that is not committed.
//
// Errors are those of Append, of Commit those of which only the ledger's sums know.
func (l *Ledger) Begin(ctx context.Context, b Batch) (*Pending, error) {
	if err := check(b, time.Now()).err(); err != nil {
		return nil, err
	}
	if len(b.Accounts)+len(b.Items) > 0 {
		if _, err := l.Append(ctx, Batch{Accounts: b.Accounts, Items: b.Items, Oldest: b.Oldest, KeepAccounts: b.KeepAccounts}); err != nil {
			return nil, err
		}
		b.Accounts, b.Items = nil, nil
	}
	return l.begin(ctx, b)
}

// begin begins to write a batch, after its months are there. If they are not, because the
// ledger was divided meanwhile, it does so again.
func (l *Ledger) begin(ctx context.Context, b Batch) (p *Pending, err error) {
	for range 2 {
		if err := l.months.make(ctx, l.db, &b); err != nil {
			return nil, appendError(err)
		}
		if p, err = l.beginOnce(ctx, b); !hasCode(err, checkViolation) {
			break
		}
		l.months.forget()
	}
	return p, err
}

func (l *Ledger) beginOnce(ctx context.Context, b Batch) (*Pending, error) {
	// Read committed: the next statement must see what other appends wrote while
	// this one waited for them.
	tx, err := l.db.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		return nil, fmt.Errorf("append batch: %w", err)
	}
	b.Accounts = b.withUnobserved()
	p := &Pending{ledger: l, ap: &appender{tx: tx, batch: b, changed: map[string]bool{}}}
	if p.deltas, err = p.ap.record(ctx); err != nil {
		p.Rollback(ctx)
		return nil, appendError(err)
	}
	return p, nil
}

// Commit adds the batch to the rollups and commits it.
func (p *Pending) Commit(ctx context.Context) (Written, error) {
	defer p.Rollback(ctx) // does nothing after a commit
	if err := p.ap.rollups(ctx, p.deltas); err != nil {
		return Written{}, appendError(err)
	}
	if err := p.ap.tx.Commit(ctx); err != nil {
		return Written{}, appendError(err)
	}
	if p.ap.id != "" {
		for _, onChange := range p.ledger.listeners {
			onChange(context.WithoutCancel(ctx), Change{ID: p.ap.id, Tags: p.ap.tags(), Rewritten: p.ap.rewrites})
		}
	}
	return p.ap.written, nil
}

// Rollback undoes what Begin did, except for accounts and items.
func (p *Pending) Rollback(ctx context.Context) {
	_ = p.ap.tx.Rollback(ctx) // if it fails, the connection is closed, which rolls back too
}

func appendError(err error) error {
	if refused := (*BatchError)(nil); errors.As(err, &refused) {
		return refused
	}
	return fmt.Errorf("append batch: %w", err)
}

// An appender is the state of one append.
type appender struct {
	tx       pgx.Tx
	batch    Batch
	written  Written
	problems problems
	changed  map[string]bool // tags
	rewrites bool            // nothing computed before may be shown any more: see [Change]
	id       string          // of the change; empty if nothing changed

	zone     *time.Location     // of the ledger's days
	closed   time.Time          // nothing is written before it; zero: nothing is closed
	accounts map[string]account // that the batch names, by ref
	items    map[string]int64   // ids by ref
	shops    map[string]int64   // ids by ref

	transactions []int64        // ids by index in the batch; 0: was already there
	sales        []int64        // the same
	named        map[name]int64 // ids of the transactions that new sales name

	archived time.Time // the earliest old or new time of an archiving that the batch changes
}

// account is what an append needs of an account. No append changes it.
type account struct {
	id     int64
	party  party
	holder string
}

// record writes everything but the rollups, and returns what they gain.
func (ap *appender) record(ctx context.Context) (*deltas, error) {
	if err := ap.names(ctx); err != nil {
		return nil, err
	}
	if err := ap.observe(ctx); err != nil {
		return nil, err
	}
	if err := ap.refs(ctx); err != nil {
		return nil, err
	}
	if err := ap.checkClosed(); err != nil {
		return nil, err
	}
	observed, known := ap.written.Observed, ap.written.SkippedObserved
	ap.written = ap.batch.written(ap.transactions, ap.sales)
	ap.written.Observed, ap.written.SkippedObserved = observed, known
	// The deltas are computed while the server receives the rows.
	var d *deltas
	var computing sync.WaitGroup
	computing.Go(func() { d = ap.deltas() })
	err := ap.copyRows(ctx)
	computing.Wait()
	if err != nil {
		return nil, err
	}
	if err := d.overflowed(); err != nil {
		ap.problems.add("batch", "", "", "%s", err)
		return nil, ap.problems.err()
	}
	return d, nil
}

// outOfRange is Postgres' code for a sum that does not fit its column.
const outOfRange = "22003"

// rollups adds the deltas, in the same order in every append, and notifies the
// listeners.
func (ap *appender) rollups(ctx context.Context, d *deltas) error {
	var batch pgx.Batch
	d.queue(&batch, "", rollups())
	if earliest, ok := ap.earliest(d); ok {
		batch.Queue(forgetDays, earliest)
	}
	if tags := ap.tags(); len(tags) > 0 {
		// Postgres sends the notification only when the transaction commits.
		const notify = `SELECT pg_current_xact_id()::text, pg_notify(` + channel + `, pg_current_xact_id()::text || ' ' || $1)`
		what := strings.Join(tags, ",")
		if ap.rewrites {
			what += " " + rewritten
		}
		batch.Queue(notify, what).QueryRow(func(row pgx.Row) error {
			return row.Scan(&ap.id, nil)
		})
	}
	if batch.Len() == 0 {
		return nil
	}
	err := ap.tx.SendBatch(ctx, &batch).Close()
	if failure := (*pgconn.PgError)(nil); errors.As(err, &failure) && failure.Code == outOfRange {
		ap.problems.add("batch", "", "", "%s", errBalance)
		return ap.problems.err()
	}
	if err != nil {
		return fmt.Errorf("add to rollups: %w", err)
	}
	return nil
}

// earliest returns the number of the first day whose snapshot the append makes
// wrong, and reports whether there is one.
func (ap *appender) earliest(d *deltas) (earliest int64, ok bool) {
	if ok = !ap.archived.IsZero(); ok {
		earliest = dayOfHour(floor(ap.archived.UnixMicro(), hourMicros), ap.zone)
	}
	for _, m := range d.moves {
		if !ok || m.day < earliest {
			earliest, ok = m.day, true
		}
	}
	for of := range d.items {
		if day := dayOfHour(of.hour, ap.zone); !ok || day < earliest {
			earliest, ok = day, true
		}
	}
	return earliest, ok
}

// tags returns the tags of what the append changed.
func (ap *appender) tags() []string {
	ap.changed[tagTransactions] = ap.written.Transactions > 0
	ap.changed[tagSales] = ap.written.Sales > 0
	return slices.DeleteFunc(Tags(), func(tag string) bool { return !ap.changed[tag] })
}
