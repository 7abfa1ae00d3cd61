package cache

import (
	"context"
	"time"
)

// A Store is what the processes of a fleet share: blobs, locks, generations
// and messages. It knows nothing of what the blobs mean. All methods are safe
// for concurrent use and return soon, whatever the network does; an error
// means that the store could not be asked.
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
	// that there are, and returns it. Where once is not empty and an invalidation
	// of that name was made in the last minute, it returns that one's generation
	// and false, and raises nothing.
	Invalidate(ctx context.Context, how Strength, scopes []string, once string) (generation int64, raised bool, err error)
	// Invalidations returns those above a generation, and maybe others.
	Invalidations(ctx context.Context, above int64) ([]Invalidation, error)
	// Tell sends what Invalidate has raised to all who listen.
	Tell(ctx context.Context, list []Invalidation) error

	// Listen calls hear with each message until stop is called. Messages may be
	// lost; hear must not call the store.
	Listen(hear func(Message)) (stop func())
	// Now is the clock by which the fleet agrees on windows.
	Now(ctx context.Context) (time.Time, error)

	// What follows is for operators. It never begins an outage.

	// Stats says how the store does.
	Stats(ctx context.Context) SharedStats
	// Holder returns who holds the key's lock, for how long yet; "" if nobody.
	Holder(ctx context.Context, key string) (owner string, left time.Duration, err error)
	// RoundTrip sets, gets and deletes the key.
	RoundTrip(ctx context.Context, key string) (RoundTrip, error)
}

// onceFor is how long the name of an invalidation is remembered: longer than a
// write takes to be heard of by all.
const onceFor = time.Minute

// A Publication is a blob for everyone. Window and Generation order the blobs
// of a key: one never replaces a newer one.
type Publication struct {
	Key        string
	Owner      string
	Window     int64 // its start, in Unix nanoseconds
	Generation int64
	Blob       []byte
	Keep       time.Duration // how long the store keeps it
}

// An Invalidation says that the values of a scope from before a generation are
// stale (soft) or must not be shown (hard).
type Invalidation struct {
	Scope      string
	How        Strength
	Generation int64
}

// raised are the invalidations of some scopes, of one generation.
func raised(how Strength, scopes []string, generation int64) []Invalidation {
	list := make([]Invalidation, 0, len(scopes))
	for _, scope := range scopes {
		list = append(list, Invalidation{scope, how, generation})
	}
	return list
}

// A Message is either the key whose new blob is ready, or invalidations.
type Message struct {
	Ready         string
	Invalidations []Invalidation
}
