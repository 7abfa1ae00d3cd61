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
	db   *pgxpool.Pool
	told []func(context.Context, Change)
}

// New returns the ledger that is kept in db, whose schema is migrated. Those
// who are told hear of each append of this Ledger that changed something, when
// it has committed and before Append returns. Their context is not cancelled
// with the append's, and they are to be quick. All others hear by [Listen], of
// the same change again.
func New(db *pgxpool.Pool, told ...func(context.Context, Change)) *Ledger {
	return &Ledger{db: db, told: told}
}

// Append writes a batch in one database transaction: all of it, or nothing
// and an error, which is a [*BatchError] when the batch itself is wrong.
// Transactions and sales that the ledger knows by origin and ref are skipped,
// whatever else they say, so that repeating a batch is safe, also after an
// error that leaves open whether it was written.
//
// Appends may run at once. Those that write the same refs wait for each other
// and one of them writes each ref; those that change the same rollups follow
// each other. All take their locks in the same order, so they do not deadlock.
//
// Times are kept to the microsecond.
func (l *Ledger) Append(ctx context.Context, b Batch) (Written, error) {
	if err := check(b, time.Now()).err(); err != nil {
		return Written{}, err
	}
	w := writing{batch: b, changed: map[string]bool{}}
	// Read committed, so that what others wrote while we waited for them is
	// seen by the next statement.
	err := pgx.BeginTxFunc(ctx, l.db, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		w.tx = tx
		return w.run(ctx)
	})
	var refused *BatchError
	switch {
	case errors.As(err, &refused):
		return Written{}, refused
	case err != nil:
		return Written{}, fmt.Errorf("append batch: %w", err)
	}
	if w.id != "" {
		for _, tell := range l.told {
			tell(context.WithoutCancel(ctx), Change{ID: w.id, Tags: w.tags()})
		}
	}
	return w.written, nil
}

// writing is one append on its way.
type writing struct {
	tx       pgx.Tx
	batch    Batch
	written  Written
	problems problems
	changed  map[string]bool // tags
	id       string          // of the change that listeners are told of; empty if none

	accounts map[string]account // that the batch names, by ref
	items    map[string]int64   // ids by ref
	shops    map[string]int64   // ids by ref

	transactions []int64        // ids by place in the batch; 0: known before
	sales        []int64        // the same
	named        map[name]int64 // ids of the transactions that new sales name

	archived time.Time // the earliest time to which or from which an account's archiving moved
}

// account is what the write path knows of one. None of it ever changes.
type account struct {
	id     int64
	kind   int
	holder string
}

func (w *writing) run(ctx context.Context) error {
	if err := w.names(ctx); err != nil {
		return err
	}
	if err := w.refs(ctx); err != nil {
		return err
	}
	// The deltas are computed while the server takes the rows.
	var d *deltas
	var computing sync.WaitGroup
	computing.Go(func() { d = w.deltas() })
	err := w.copyRows(ctx)
	computing.Wait()
	if err != nil {
		return err
	}
	if d.overflow != "" {
		w.problems.add("batch", "", "", "%s would pass what an int64 holds", d.overflow)
		return w.problems.err()
	}
	return w.rollups(ctx, d)
}

// outOfRange is Postgres' code for a sum that does not fit its column.
const outOfRange = "22003"

// rollups adds the deltas, in the order in which every append does it, and
// tells the listeners.
func (w *writing) rollups(ctx context.Context, d *deltas) error {
	var batch pgx.Batch
	d.queue(&batch)
	if earliest, any := w.earliest(d); any {
		batch.Queue(`DELETE FROM day_snapshots WHERE day >= $1`, earliest)
	}
	if tags := w.tags(); len(tags) > 0 {
		// Postgres sends it when the transaction has committed, or not at all.
		const notify = `SELECT pg_current_xact_id()::text, pg_notify($1, pg_current_xact_id()::text || ' ' || $2)`
		batch.Queue(notify, Channel, strings.Join(tags, ",")).QueryRow(func(row pgx.Row) error {
			return row.Scan(&w.id, nil)
		})
	}
	if batch.Len() == 0 {
		return nil
	}
	err := w.tx.SendBatch(ctx, &batch).Close()
	if failure := (*pgconn.PgError)(nil); errors.As(err, &failure) && failure.Code == outOfRange {
		w.problems.add("batch", "", "", "a balance or another sum would pass what an int64 holds")
		return w.problems.err()
	}
	if err != nil {
		return fmt.Errorf("add to rollups: %w", err)
	}
	return nil
}

// earliest returns the first day whose snapshot the append makes wrong, and
// whether there is one.
func (w *writing) earliest(d *deltas) (earliest time.Time, any bool) {
	if any = !w.archived.IsZero(); any {
		// What is archived at midnight is gone at the end of the day before.
		earliest = w.archived.UTC().Add(-time.Microsecond).Truncate(24 * time.Hour)
	}
	for key := range d.days {
		if day := key.time(); !any || day.Before(earliest) {
			earliest, any = day, true
		}
	}
	return earliest, any
}

// tags are what the append has touched, none where it has changed nothing.
func (w *writing) tags() []string {
	w.changed[tagTransactions] = w.written.Transactions > 0
	w.changed[tagSales] = w.written.Sales > 0
	return slices.DeleteFunc(Tags(), func(tag string) bool { return !w.changed[tag] })
}
