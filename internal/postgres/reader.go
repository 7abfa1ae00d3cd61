package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/sony/gobreaker/v2"
)

// A Reader chooses the database for each read: a streaming replica that has replayed what
// the primary had committed when the read began, else the primary. While the primary
// cannot be reached, it is the replica as it is. See docs/decisions/0038-read-replica.md.
type Reader struct {
	primary, replica *pgxpool.Pool
	asking           *gobreaker.CircuitBreaker[int64]
	waiting          *gobreaker.CircuitBreaker[struct{}]
	because          atomic.Int64 // the choice when the replica was tried last
	chosen           [choices]atomic.Int64
	until            atomic.Pointer[time.Time] // see Until; nil: zero
}

// A Choice is which database a read uses, and why.
type Choice int

// The choices.
const (
	ReplicaReady   Choice = iota // the replica, which has all
	PrimaryLate                  // the primary: the replica had not replayed all in time
	PrimaryAlone                 // the primary: the replica cannot be reached, or is none
	ReplicaAlone                 // the replica: the primary cannot be reached
	NeitherReached               // the primary: none of them answered in the time that the read has
	choices
)

// Choices returns all choices.
func Choices() []Choice {
	return []Choice{ReplicaReady, PrimaryLate, PrimaryAlone, ReplicaAlone, NeitherReached}
}

// String returns the choice as metrics name it.
func (c Choice) String() string {
	return [choices]string{"replica", "replica_late", "replica_unreachable", "primary_unreachable", "neither_reachable"}[c]
}

const (
	// longestReplay is how long a read waits for the replica, if it has that long.
	longestReplay = time.Second
	// leastAsked is how long a server is asked at least before its silence counts against it.
	leastAsked = 100 * time.Millisecond
	// again is after how long a server that did not answer, or a replica that was late, is
	// tried again, by one read.
	again = 5 * time.Second
)

// Errors of a replica that may not be used.
var (
	errLate      = errors.New("the replica has not replayed all that is committed")
	errNoReplica = errors.New("the server that is to be the replica is none: it is not in recovery")
)

// NewReader returns a Reader of a primary and its replica. The pool of the replica must
// connect to one server only, since it is asked and then read.
func NewReader(primary, replica *pgxpool.Pool) *Reader {
	breaker := gobreaker.Settings{
		Timeout:     again,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures > 0 },
		IsExcluded:  func(err error) bool { return errors.Is(err, errGivenUp) },
	}
	return &Reader{
		primary: primary, replica: replica,
		asking: gobreaker.NewCircuitBreaker[int64](breaker), waiting: gobreaker.NewCircuitBreaker[struct{}](breaker),
	}
}

// errGivenUp is of a read that ended while it was decided where it reads.
var errGivenUp = errors.New("the read was given up")

// Choose returns the database for a read that begins now. Until is zero, or the time up to
// which the database has all that was committed, while nobody can say whether there is
// more.
func (r *Reader) Choose(ctx context.Context) (db *pgxpool.Pool, until time.Time) {
	choice, until := r.choose(ctx)
	if ctx.Err() == nil {
		r.chosen[choice].Add(1)
		if r.until.Store(nil); choice == ReplicaAlone {
			r.until.Store(&until)
		}
	}
	if choice == ReplicaReady || choice == ReplicaAlone {
		return r.replica, until
	}
	return r.primary, time.Time{}
}

// Until returns the time that Choose returned for the latest read.
func (r *Reader) Until() time.Time {
	if until := r.until.Load(); until != nil {
		return *until
	}
	return time.Time{}
}

// Pool returns the database for a read that begins now.
func (r *Reader) Pool(ctx context.Context) *pgxpool.Pool {
	db, _ := r.Choose(ctx)
	return db
}

func (r *Reader) choose(ctx context.Context) (choice Choice, until time.Time) {
	position, err := r.asking.Execute(func() (end int64, err error) {
		err = r.ask(ctx, r.primary, func(ctx context.Context, db *pgxpool.Pool) error {
			return db.QueryRow(ctx, logEnd).Scan(&end)
		})
		return end, err
	})
	if errors.Is(err, errGivenUp) {
		return NeitherReached, time.Time{}
	}
	if err != nil {
		err := r.ask(ctx, r.replica, func(ctx context.Context, db *pgxpool.Pool) error {
			return db.QueryRow(ctx, `SELECT coalesce(pg_last_xact_replay_timestamp(), pg_postmaster_start_time())`).Scan(&until)
		})
		if err != nil {
			return NeitherReached, time.Time{}
		}
		return ReplicaAlone, until
	}
	_, err = r.waiting.Execute(func() (struct{}, error) {
		return struct{}{}, r.ask(ctx, r.replica, func(ctx context.Context, db *pgxpool.Pool) error { return waitFor(ctx, db, position) })
	})
	switch {
	case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests):
		return Choice(r.because.Load()), time.Time{}
	case err == nil:
		choice = ReplicaReady
	case errors.Is(err, errLate):
		choice = PrimaryLate
	default:
		choice = PrimaryAlone
	}
	r.because.Store(int64(choice))
	return choice, time.Time{}
}

// ask calls f with as much time as there is for it: half of what the read has, so that
// it still can read.
func (r *Reader) ask(ctx context.Context, db *pgxpool.Pool, f func(context.Context, *pgxpool.Pool) error) error {
	longest := longestReplay
	if end, ends := ctx.Deadline(); ends {
		longest = min(longest, time.Until(end)/2)
	}
	asking, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	err := f(asking, db)
	if err != nil && (ctx.Err() != nil || longest < leastAsked && asking.Err() != nil) {
		return fmt.Errorf("%w: %w", errGivenUp, err)
	}
	return err
}

// logEnd is a query for where the log ends that has all that is committed. A replica gets
// what is flushed; what is inserted after that waits for the next commit, unless commits do
// not wait for the disk.
const logEnd = `
	SELECT (CASE WHEN current_setting('synchronous_commit') = 'off' THEN pg_current_wal_insert_lsn() ELSE pg_current_wal_flush_lsn() END - '0/0')::bigint`

// waitFor waits until a replica has replayed a primary's log up to a position.
func waitFor(ctx context.Context, replica *pgxpool.Pool, position int64) error {
	const longestPause = 50 * time.Millisecond
	for pause := time.Millisecond; ; pause = min(2*pause, longestPause) {
		var replayed, recovers bool
		const query = `SELECT pg_is_in_recovery(), coalesce(pg_last_wal_replay_lsn() - '0/0' >= $1, false)`
		if err := replica.QueryRow(ctx, query, position).Scan(&recovers, &replayed); err != nil {
			return err
		}
		if !recovers {
			return errNoReplica
		}
		if replayed {
			return nil
		}
		select {
		case <-ctx.Done():
			return errLate
		case <-time.After(pause):
		}
	}
}

// Chosen returns how often a choice was made.
func (r *Reader) Chosen(c Choice) int64 { return r.chosen[c].Load() }

// A ReplicaState is how far a replica is behind its primary.
type ReplicaState struct {
	Behind   int64     // bytes of the primary's log that the replica has not replayed
	Replayed time.Time // when the last transaction that it has was committed; zero: it has none
}

// State asks both servers how far the replica is. Its error says which does not answer.
func (r *Reader) State(ctx context.Context) (s ReplicaState, err error) {
	var end int64
	if err := r.primary.QueryRow(ctx, logEnd).Scan(&end); err != nil {
		return s, fmt.Errorf("ask the primary: %w", err)
	}
	var at *time.Time
	const query = `SELECT pg_is_in_recovery(), coalesce($1 - (pg_last_wal_replay_lsn() - '0/0'), 0)::bigint, pg_last_xact_replay_timestamp()`
	var recovers bool
	if err := r.replica.QueryRow(ctx, query, end).Scan(&recovers, &s.Behind, &at); err != nil {
		return s, fmt.Errorf("ask the replica: %w", err)
	}
	if !recovers {
		return s, errNoReplica
	}
	if s.Behind = max(s.Behind, 0); at != nil {
		s.Replayed = *at
	}
	return s, nil
}

// OpenReplica connects to a replica as [Open] does, but also returns while it does not
// answer: reads use the primary then.
func OpenReplica(ctx context.Context, url string, opts Options) (*pgxpool.Pool, error) {
	return open(ctx, url, opts)
}
