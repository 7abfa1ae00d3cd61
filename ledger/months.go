package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A large ledger is divided by month: the tables whose indexes begin with an account have
// a part for each month, so that what is written goes to small indexes. Whoever appends
// makes the months that are missing. See docs/decisions/0041-months.md.

// Postgres' codes.
const (
	checkViolation   = "23514" // also of a row for which there is no part
	lockNotAvailable = "55P03" // within lock_timeout
	noData           = "P0002"
)

// hasCode reports whether an error of Postgres has one of the codes.
func hasCode(err error, codes ...string) bool {
	failure := (*pgconn.PgError)(nil)
	return errors.As(err, &failure) && slices.Contains(codes, failure.Code)
}

// monthOf returns the first day of a month of UTC.
func monthOf(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// nextMonth returns the first day of the month after that of t.
func nextMonth(t time.Time) time.Time { return monthOf(t).AddDate(0, 1, 0) }

// A monthMaker makes the months that batches need, and remembers which there are. A
// ledger that is not divided has all months.
type monthMaker struct {
	mu    sync.Mutex
	known map[time.Time]bool
}

// farthestDay is how far a day of any time zone is from that of UTC.
const farthestDay = 14 * time.Hour

// missing returns the months of a batch that are not known, in order: those in which its
// times are, and those in which their days may be.
func (m *monthMaker) missing(b *Batch) []time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	missing := map[time.Time]bool{}
	var from, to time.Time // times between these need nothing that was not looked at
	need := func(at time.Time) {
		if !at.Before(from) && at.Before(to) {
			return
		}
		for _, t := range []time.Time{at.Add(-farthestDay), at, at.Add(farthestDay)} {
			if month := monthOf(t); !m.known[month] && month.Year() > 0 {
				missing[month] = true
			}
		}
		from, to = monthOf(at).Add(farthestDay), nextMonth(at).Add(-farthestDay)
	}
	for i := range b.Transactions {
		need(b.Transactions[i].At)
	}
	for i := range b.Observations {
		need(b.Observations[i].At)
	}
	return slices.SortedFunc(maps.Keys(missing), time.Time.Compare)
}

// make makes the months of a batch that are missing, if the ledger is divided.
func (m *monthMaker) make(ctx context.Context, db *pgxpool.Pool, b *Batch) error {
	months := m.missing(b)
	if len(months) == 0 {
		return nil
	}
	closed, err := isDivided(ctx, db)
	if err != nil {
		return err
	}
	if closed != nil {
		// What is archived gets no rows.
		wanted := slices.DeleteFunc(slices.Clone(months), func(month time.Time) bool { return !nextMonth(month).After(*closed) })
		if err := addMonths(ctx, db, wanted); err != nil {
			return fmt.Errorf("make tables of months: %w", err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = map[time.Time]bool{}
	}
	for _, month := range months {
		m.known[month] = true
	}
	return nil
}

// isDivided returns the time before which nothing is written, if the ledger is divided by month
// or somebody has begun to divide it.
func isDivided(ctx context.Context, db *pgxpool.Pool) (closed *time.Time, err error) {
	const query = `
		SELECT (SELECT greatest(closed, '0001-01-01Z') FROM archive) FROM pg_class AS c
		WHERE oid = 'postings'::regclass AND (relkind = 'p' OR EXISTS (SELECT FROM pg_constraint WHERE conrelid = c.oid AND conname LIKE 'before\_%'))`
	err = db.QueryRow(ctx, query).Scan(&closed)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read whether the ledger is divided by month: %w", err)
	}
	return closed, nil
}

// addMonths makes months that are missing. Where somebody is in the way it tries for some
// seconds: one who divides, for whom the append will wait anyway, or a reader, where the bound
// of a division that was interrupted is to be removed.
func addMonths(ctx context.Context, db *pgxpool.Pool, months []time.Time) error {
	for pause := 50 * time.Millisecond; ; pause *= 2 {
		_, err := db.Exec(ctx, `SELECT add_months($1::date[])`, months)
		if !hasCode(err, lockNotAvailable) {
			return err
		}
		if pause > 2*time.Second {
			return nil // an append that needs the month returns the error
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// forget has the months of every batch looked at again.
func (m *monthMaker) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.known)
}

// dividing is the key of the advisory lock of the one who divides the ledger.
const dividing = snapshotLock + 4

const (
	// present is how old the latest transaction may be of a ledger that is being written
	// in the present, and not imported.
	present = 31 * 24 * time.Hour
	// ahead is how long before its first month a ledger is divided at least, so that no
	// append comes to that month meanwhile.
	ahead = 3 * 24 * time.Hour
	// readersWait is how long those who read wait at most for one who divides.
	readersWait = "200ms"
	// appendsRun is how long one who divides waits for appends that run.
	appendsRun = "5s"
)

// A Division is a ledger that has been divided by month.
type Division struct {
	Starts time.Time // the first month with tables of its own; zero: it was not divided now
	Took   time.Duration
	Later  bool // somebody was in the way: it is to be tried again
}

// DivideByMonth divides a ledger with at least so many postings, if that is not done yet.
// It may be called at any time and by several processes at once: one of them works, and
// the others return. All that there is stays in one part, and the months after it get
// tables of their own. Readers wait for milliseconds; where they are in the way it gives
// up, and the next call tries again. An interrupted call leaves a ledger that works.
//
// A ledger is divided before a month comes of which it has nothing. Importing means that
// the caller writes the past in its order, and no batch now: then all appends wait, and a
// ledger without transactions of the present is divided where it ends. Without, it is not.
func DivideByMonth(ctx context.Context, db *pgxpool.Pool, least int64, importing bool) (done Division, err error) {
	began := time.Now()
	starts, hold, err := divisionDue(ctx, db, least, importing)
	if err == nil && !starts.IsZero() {
		err = pgx.BeginTxFunc(ctx, db, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(guard pgx.Tx) error {
			return divide(ctx, db, guard, starts, hold)
		})
		switch {
		case err == nil:
			done.Starts, done.Took = starts, time.Since(began)
			err = analyzeMonths(ctx, db)
		case errors.Is(err, errNotNow) || hasCode(err, lockNotAvailable, noData):
			done.Later, err = true, nil
		}
	}
	if err != nil {
		return done, fmt.Errorf("divide the ledger by month: %w", err)
	}
	return done, nil
}

// divisionDue returns the first month that gets tables of its own, zero if the ledger is not
// to be divided, and whether appends must wait meanwhile.
func divisionDue(ctx context.Context, db *pgxpool.Pool, least int64, importing bool) (starts time.Time, hold bool, err error) {
	const query = `
		SELECT relkind = 'r' AND NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')
			AND pg_relation_size(oid) >= 50 * $1::numeric -- a row takes more; the sum is of all hours
			AND (SELECT coalesce(sum(postings), 0) FROM activity_hours WHERE hour >= (SELECT begins FROM archive)) >= $1,
			(SELECT max(at) FROM transactions), now()
		FROM pg_class WHERE oid = 'postings'::regclass`
	var due bool
	var last *time.Time
	var now time.Time
	if err := db.QueryRow(ctx, query, least).Scan(&due, &last, &now); err != nil || !due || last == nil {
		return starts, false, err
	}
	switch {
	case last.After(now.Add(ahead)):
		return starts, false, nil // a mistake of the record: all until then would be one part
	case last.After(now.Add(-present)):
		return nextMonth(now.Add(2 * ahead)), false, nil
	case importing:
		return nextMonth(last.Add(ahead)), true, nil
	}
	return starts, false, nil
}

// errNotNow means that another one is dividing the ledger.
var errNotNow = errors.New("another one divides the ledger")

// divide divides a ledger by the transaction guard, which may do nothing else.
func divide(ctx context.Context, db *pgxpool.Pool, guard pgx.Tx, starts time.Time, hold bool) error {
	if _, err := guard.Exec(ctx, unbounded); err != nil {
		return err
	}
	var alone bool
	if err := guard.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock($1 # `+LockSalt+`)`, dividing).Scan(&alone); err != nil {
		return err
	}
	if !alone {
		return errNotNow
	}
	if hold {
		if err := LockAppends(ctx, guard); err != nil {
			return err
		}
	}
	// Each by itself, so that readers wait for none of them longer than for a moment.
	for _, step := range []struct {
		query string
		args  []any
	}{{`SELECT bound_months($1::date)`, []any{starts}}, {`SELECT check_months()`, nil}} {
		err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, unbounded+`SET LOCAL lock_timeout = '`+appendsRun+`'`); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, step.query, step.args...)
			return err
		})
		if err != nil {
			return err
		}
	}
	if _, err := guard.Exec(ctx, `SET LOCAL lock_timeout = '`+appendsRun+`'`); err != nil {
		return err
	}
	if err := LockAppends(ctx, guard); err != nil {
		return err
	}
	if _, err := guard.Exec(ctx, `SELECT divide_months()`); err != nil {
		return err
	}
	return addPresent(ctx, guard)
}

// addPresent makes this month and the next one, if they are missing.
func addPresent(ctx context.Context, db interface {
	Exec(context.Context, string, ...any) (pgconn.CommandTag, error)
}) error {
	now := time.Now()
	_, err := db.Exec(ctx, `SELECT add_months($1::date[])`, []time.Time{monthOf(now), nextMonth(now)})
	return err
}

// KeepMonths makes this month and the next one in a ledger that is divided, so that few
// appends have to, removes the bound of a division that was interrupted once its month has
// come, and computes Postgres' statistics of all months together where much has
// come since.
func KeepMonths(ctx context.Context, db *pgxpool.Pool) error {
	var divided bool
	err := db.QueryRow(ctx, `SELECT is_monthly()`).Scan(&divided)
	switch {
	case err != nil:
	case divided:
		if err = addPresent(ctx, db); err == nil {
			err = analyzeMonths(ctx, db)
		}
	default:
		_, err = db.Exec(ctx, `SELECT add_months($1::date[])`, []time.Time{monthOf(time.Now())})
		if hasCode(err, lockNotAvailable) {
			err = nil // readers: the next time
		}
	}
	if err != nil {
		return fmt.Errorf("keep tables of months: %w", err)
	}
	return nil
}

func analyzeMonths(ctx context.Context, db *pgxpool.Pool) (err error) {
	more := true
	for tables := 0; tables < 3 && more && err == nil; tables++ {
		err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, unbounded); err != nil {
				return err
			}
			return tx.QueryRow(ctx, `SELECT analyze_months()`).Scan(&more)
		})
	}
	return err
}
