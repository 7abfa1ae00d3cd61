package cache

import (
	"cmp"
	"context"
	"errors"
	"time"
)

// A Store is what the processes of a fleet share: blobs, locks, invalidations and
// messages. It does not know what the blobs mean. All methods are safe for
// concurrent use. An error means that the store did not do it: [ErrUnavailable]
// in an outage, one that wraps [ErrKey] when only that key is in trouble, or that
// of ctx.
type Store interface {
	// Load returns the blob of a key, nil when there is none.
	Load(ctx context.Context, key string) ([]byte, error)
	// Publish replaces the blob of a key and sends the message that it is ready.
	// It returns false, and changes nothing, when the publication's owner does
	// not hold the key's lock, and when the present blob is newer.
	Publish(ctx context.Context, p Publication) (bool, error)

	// Lock gives the key's lock to owner for the lease. It returns false when
	// another owner has it.
	Lock(ctx context.Context, key, owner string, lease time.Duration) (bool, error)
	// Extend starts owner's lease again. It returns false when another owner has
	// the lock, and when the lease has run out, since another may have had it.
	Extend(ctx context.Context, key, owner string, lease time.Duration) (bool, error)
	// Unlock releases the key's lock if owner holds it.
	Unlock(ctx context.Context, key, owner string) error

	// Invalidate raises the generation of the scopes in a mode, above all present
	// ones and above the one given, and returns it and true. If once is not empty
	// and names an invalidation of the last minute, it returns that one's
	// generation and false, and raises nothing.
	Invalidate(ctx context.Context, mode Mode, scopes []string, above int64, once string) (generation int64, raised bool, err error)
	// Invalidations returns all invalidations above a generation, and may return
	// others.
	Invalidations(ctx context.Context, above int64) ([]Invalidation, error)
	// Restore puts back invalidations that the store has lost, and sends them to
	// all listeners.
	Restore(ctx context.Context, list []Invalidation) error
	// Notify sends invalidations to all listeners.
	Notify(ctx context.Context, list []Invalidation) error

	// Listen calls handle with each message until stop is called. Messages may
	// be lost. Handle must return soon, and must not call the store.
	Listen(handle func(Message)) (stop func())
	// Now returns the time of the clock by which the fleet agrees on windows.
	Now(ctx context.Context) (time.Time, error)

	Inspector
}

// An Inspector is what operators see of a store.
type Inspector interface {
	// Stats returns the state of the store and its servers. It asks no server if
	// ctx has ended.
	Stats(ctx context.Context) SharedStats
	// Outage returns the present outage, nil if there is none, and the number of
	// outages so far.
	Outage() (now *Outage, count uint64)
	// Holder returns the owner of the key's lock and the rest of the lease. The
	// owner is "" when nobody has it.
	Holder(ctx context.Context, key string) (owner string, left time.Duration, err error)
	// Direct returns the store without a breaker, which can be called in an
	// outage too.
	Direct() Store
}

var (
	// ErrUnavailable is the error of a store that is in an outage.
	ErrUnavailable = errors.New("the shared level is not available")
	// ErrKey is the error of a store that works, for a key that does not: another
	// program has written it, or it is moving to another server.
	ErrKey = errors.New("the key cannot be used")
)

// An Outage is a time in which a store is not used.
type Outage struct {
	Since time.Time
	Err   error // why
}

// onceFor is how long the store remembers the name of an invalidation: longer
// than a write takes to reach all processes.
const onceFor = time.Minute

// A Publication is a blob for all processes. One never replaces a newer one of
// its key, see [reading], and without an owner none that is as new.
type Publication struct {
	Key        string
	Owner      string // of the key's lock; "" when restored
	Window     int64  // its start, in Unix nanoseconds
	Generation int64
	ReadAt     int64 // when its producer began, in Unix nanoseconds
	Blob       []byte
	Keep       time.Duration // how long the store keeps it
}

func (p Publication) reading() reading { return reading{p.Window, p.Generation, p.ReadAt} }

// A reading is what orders the values of a key: the window that they are for, the
// generation that was known when the producer began, and when that was.
type reading struct{ window, generation, at int64 }

// sameTime is how far apart two producers can have begun and count as at the same
// time. The clocks of processes differ by less.
const sameTime = 250 * time.Millisecond

// compare orders readings by window and then by time. Of two at the same time the
// higher generation is newer: its process knew of an invalidation that the other
// did not.
func (r reading) compare(o reading) int {
	byTime := cmp.Compare(r.at, o.at)
	byGeneration := cmp.Compare(r.generation, o.generation)
	if time.Duration(r.at-o.at).Abs() > sameTime {
		byGeneration = 0
	}
	return cmp.Or(cmp.Compare(r.window, o.window), byGeneration, byTime)
}

// An Invalidation makes the values of a scope from before a generation stale
// (soft), or forbids them (hard).
type Invalidation struct {
	Scope      string
	Mode       Mode
	Generation int64
}

// A Message is one of its fields; the others are zero.
type Message struct {
	Ready         string // the key of a new blob
	Invalidations []Invalidation
	Connected     bool // the connection is new, and the store may have lost data
}
