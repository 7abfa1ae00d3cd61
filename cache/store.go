package cache

import (
	"context"
	"errors"
	"time"
)

// A Store is what the processes of a fleet share: blobs, locks, invalidations
// and messages. It knows nothing of what the blobs mean. All methods are safe
// for concurrent use. An error means that the store could not do it, unless it
// wraps [ErrKey].
type Store interface {
	// Load returns the blob of a key, nil when there is none.
	Load(ctx context.Context, key string) ([]byte, error)
	// Publish replaces the blob of a key and tells the fleet that it is ready.
	// It returns false, and changes nothing, when the publication's owner does
	// not hold the key's lock or what is there is newer.
	Publish(ctx context.Context, p Publication) (bool, error)

	// Lock gives the key's lock to owner for the lease unless another has it.
	Lock(ctx context.Context, key, owner string, lease time.Duration) (bool, error)
	// Extend gives the owner the lease anew. It returns false when another has
	// it, and when it has run out: another may have had it meanwhile.
	Extend(ctx context.Context, key, owner string, lease time.Duration) (bool, error)
	// Unlock releases the key's lock if owner holds it.
	Unlock(ctx context.Context, key, owner string) error

	// Invalidate raises the generation of the scopes, soft or hard, above all
	// that there are and above the one given, and returns it. Where once is not
	// empty and an invalidation of that name was made in the last minute, it
	// returns that one's generation and false, and raises nothing.
	Invalidate(ctx context.Context, mode Mode, scopes []string, above int64, once string) (generation int64, raised bool, err error)
	// Invalidations returns those above a generation, and maybe others.
	Invalidations(ctx context.Context, above int64) ([]Invalidation, error)
	// Restore puts back invalidations that the store has lost, and tells all who
	// listen of them.
	Restore(ctx context.Context, list []Invalidation) error
	// Notify sends invalidations to all listeners.
	Notify(ctx context.Context, list []Invalidation) error

	// Listen calls handle with each message until stop is called. Messages may
	// be lost. handle must return soon and not call the store.
	Listen(handle func(Message)) (stop func())
	// Now is the clock by which the fleet agrees on windows.
	Now(ctx context.Context) (time.Time, error)

	Inspector
}

// An Inspector is what operators see of a store. It is asked whether or not the
// store is used at the moment.
type Inspector interface {
	// Stats returns how the store does.
	Stats(ctx context.Context) SharedStats
	// Outage returns why the store is not used at the moment, nil if it is, and
	// how often it was not.
	Outage() (now *Outage, count uint64)
	// Holder returns who holds the key's lock, for how long yet; "" if nobody.
	Holder(ctx context.Context, key string) (owner string, left time.Duration, err error)
	// Direct returns the store itself, which answers in an outage too.
	Direct() Store
}

var (
	// ErrUnavailable is the error of a store that is not used at the moment.
	ErrUnavailable = errors.New("the shared level is not available")
	// ErrKey is the error of a store where the trouble is one key's: something
	// else has written it, or it is on its way to another server.
	ErrKey = errors.New("the key cannot be used")
)

// An Outage is a time in which a store is not used.
type Outage struct {
	Since time.Time
	Err   error // why
}

// onceFor is how long the name of an invalidation is remembered: longer than a
// write takes to reach all processes.
const onceFor = time.Minute

// A Publication is a blob for everyone. Window, Generation and ReadAt order the
// blobs of a key, in that order: one never replaces a newer one, and without an
// owner none that is as new.
type Publication struct {
	Key        string
	Owner      string // of the key's lock; "": restored after an outage
	Window     int64  // its start, in Unix nanoseconds
	Generation int64
	ReadAt     int64 // when its producer began, in Unix nanoseconds
	Blob       []byte
	Keep       time.Duration // how long the store keeps it
}

// An Invalidation says that the values of a scope from before a generation are
// stale (soft) or must not be shown (hard).
type Invalidation struct {
	Scope      string
	Mode       Mode
	Generation int64
}

// A Message is the key whose new blob is ready, or invalidations, or that the
// connection to the store is new: it may have lost what it held.
type Message struct {
	Ready         string
	Invalidations []Invalidation
	Connected     bool
}
