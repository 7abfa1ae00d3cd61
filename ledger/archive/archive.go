package archive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/ledger"
)

// Options say how months are archived.
type Options struct {
	Before time.Time // a date: months that end by it are archived
	Dir    string    // where the folders of months are
	Keep   bool      // write the files, and remove nothing
	// Prepare is called when the months are closed, for what must be known of them
	// before they leave. May be nil.
	Prepare  func(context.Context) error
	Pause    time.Duration  // after each day that is removed
	Progress func(Progress) // may be nil
}

// Progress is what was done last.
type Progress struct {
	Month ledger.Month
	Step  string    // "written", "removed"
	Day   time.Time // that was removed; zero: all of the month
	ledger.Removed
}

// A Plan is what would be archived.
type Plan struct {
	Months []PlannedMonth
	Room   int64 // about how many bytes the database would have free
}

// A PlannedMonth is a month with what it has.
type PlannedMonth struct {
	ledger.Month
	ledger.Removed
}

// All sums what the months have.
func (p Plan) All() (sum ledger.Removed) {
	for _, m := range p.Months {
		sum = sum.Plus(m.Removed)
	}
	return sum
}

// Make returns what Write would archive.
func Make(ctx context.Context, l *ledger.Ledger, before time.Time) (Plan, error) {
	var p Plan
	err := with(ctx, l, func(a *ledger.Archiver) error {
		months, err := a.Months(ctx, ledger.MonthOf(before, a.Zone).Starts)
		if err != nil {
			return err
		}
		for _, m := range months {
			holds, err := a.Holds(ctx, m)
			if err != nil {
				return err
			}
			p.Months = append(p.Months, PlannedMonth{m, holds})
		}
		p.Room, err = a.Room(ctx, p.All())
		return err
	})
	return p, err
}

func with(ctx context.Context, l *ledger.Ledger, f func(*ledger.Archiver) error) error {
	a, err := l.Archiver(ctx)
	if err != nil {
		return err
	}
	defer a.Release()
	return f(a)
}

// Write archives the finished months before a date, the oldest first. Nothing is
// removed from a ledger that Verify finds anything wrong with.
func Write(ctx context.Context, l *ledger.Ledger, db *pgxpool.Pool, o Options) error {
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	err := with(ctx, l, func(a *ledger.Archiver) error {
		w := &writer{Options: o, Archiver: a, ledger: l, db: db}
		return w.write(ctx)
	})
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	return nil
}

type writer struct {
	Options
	*ledger.Archiver
	ledger *ledger.Ledger
	db     *pgxpool.Pool
}

func (w *writer) write(ctx context.Context) (err error) {
	border := ledger.MonthOf(w.Before, w.Zone).Starts
	months, err := w.Months(ctx, border)
	if err == nil && len(months) == 0 && !w.Keep {
		err = w.DropMonths(ctx) // those that somebody was reading the last time
	}
	if err != nil || len(months) == 0 {
		return err
	}
	if !w.Keep {
		if err := w.Close(ctx, border); err != nil {
			return err
		}
		// What was not archived in the end is open again.
		defer func() { err = errors.Join(err, w.Reopen(context.WithoutCancel(ctx))) }()
		if err := w.prepare(ctx); err != nil {
			return err
		}
	}
	for _, m := range months {
		if err := w.month(ctx, m); err != nil {
			return err
		}
	}
	if w.Keep {
		return nil
	}
	return errors.Join(w.DropMonths(ctx), w.Announce(ctx))
}

// prepare makes sure that the months may leave.
func (w *writer) prepare(ctx context.Context) error {
	if w.Prepare != nil {
		if err := w.Prepare(ctx); err != nil {
			return err
		}
	}
	report, err := w.ledger.Verify(ctx)
	if err != nil {
		return err
	}
	if !report.OK() {
		return fmt.Errorf("nothing was removed, since the ledger is wrong: %s (see exchequer verify)", report.Differences[0])
	}
	return nil
}

// month archives a month.
func (w *writer) month(ctx context.Context, m ledger.Month) error {
	archived, err := w.ledger.Archive(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(archived.Months, func(a ledger.ArchivedMonth) bool { return a.Date.Equal(m.Date) })
	switch {
	case i >= 0:
		// It was interrupted: what is left of it is in the files.
		manifest, err := manifestOf(archived.Months[i])
		if err == nil {
			err = check(filepath.Join(w.Dir, m.String()), manifest)
		}
		if err != nil {
			return fmt.Errorf("%s: files of what was removed before: %w", m, err)
		}
	default:
		var manifest *Manifest
		snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
		err := pgx.BeginTxFunc(ctx, w.db, snapshot, func(tx pgx.Tx) (err error) {
			if _, err := tx.Exec(ctx, `SET LOCAL statement_timeout = 0; SET LOCAL TimeZone = 'UTC'`); err != nil {
				return err
			}
			manifest, err = writeMonth(ctx, tx, w.Dir, m)
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", m, err)
		}
		w.Progress(Progress{Month: m, Step: "written", Removed: manifest.holds()})
		if w.Keep {
			break
		}
		text, err := json.Marshal(manifest)
		if err == nil {
			err = w.Freeze(ctx, m, manifest.holds(), text)
		}
		if err != nil {
			return err
		}
	}
	if w.Keep {
		return nil
	}
	var all ledger.Removed
	err = w.Remove(ctx, m, func(day time.Time, r ledger.Removed) error {
		all = all.Plus(r)
		w.Progress(Progress{m, "removed", day, r})
		return pause(ctx, w.Pause)
	})
	if err == nil {
		w.Progress(Progress{Month: m, Step: "removed", Removed: all})
	}
	return err
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func manifestOf(m ledger.ArchivedMonth) (*Manifest, error) {
	var manifest Manifest
	if err := json.Unmarshal(m.Manifest, &manifest); err != nil {
		return nil, fmt.Errorf("the manifest in the ledger: %w", err)
	}
	if manifest.Format != format {
		return nil, fmt.Errorf("the files have format %d, this program reads %d", manifest.Format, format)
	}
	return &manifest, nil
}

// Restore brings back archived months, the latest first, down to that of a date; of the
// zero time, all. The files must be those that the ledger knows by their checksums.
func Restore(ctx context.Context, l *ledger.Ledger, dir string, from time.Time, progress func(Progress)) error {
	if progress == nil {
		progress = func(Progress) {}
	}
	err := with(ctx, l, func(a *ledger.Archiver) error {
		archived, err := l.Archive(ctx)
		if err != nil {
			return err
		}
		for _, m := range slices.Backward(archived.Months) {
			if !from.IsZero() && m.Date.Before(ledger.MonthOf(from, a.Zone).Date) {
				break
			}
			if err := restore(ctx, a, filepath.Join(dir, m.String()), m); err != nil {
				return err
			}
			progress(Progress{Month: m.Month, Step: "restored", Removed: m.Removed})
		}
		return a.Announce(ctx)
	})
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	return nil
}

func restore(ctx context.Context, a *ledger.Archiver, dir string, m ledger.ArchivedMonth) error {
	manifest, err := manifestOf(m)
	if err == nil {
		err = check(dir, manifest)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", m, err)
	}
	var opened []*content
	defer func() {
		for _, c := range opened {
			_ = c.Close() // it was only read
		}
	}()
	for _, name := range []string{transactions, postings, sales} {
		f, err := manifest.file(name)
		if err != nil {
			return err
		}
		c, err := open(dir, f)
		if err != nil {
			return err
		}
		opened = append(opened, c)
	}
	return a.Restore(ctx, m.Month, ledger.MonthFiles{Transactions: opened[0], Postings: opened[1], Sales: opened[2]})
}
