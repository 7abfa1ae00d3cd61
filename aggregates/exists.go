package aggregates

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/semaphore"
)

// mostExisting is how many refs a process remembers: at 512 bytes each at most,
// a few megabytes.
const mostExisting = 1 << 14

// longestRef is how many bytes a ref of the ledger has at most.
const longestRef = 512

// Look-ups use at most three database connections at a time and a second each,
// so that many unknown refs leave the other connections to the producers.
const (
	lookupsAtOnce = 3
	lookupTimeout = time.Second
)

// Exists reports which refs are in the ledger. Only these become keys of a
// memo: an unknown ref costs one index look-up and leaves nothing behind. A ref
// that exists is looked up once, since the ledger never removes any. What is hidden does
// not exist.
type Exists struct {
	refs   *otter.Cache[string, struct{}] // that exist
	places *semaphore.Weighted
	lookup func(ctx context.Context, ref string) (bool, error)
}

// NewExists returns an Exists that calls lookup for refs that it does not
// remember.
func NewExists(lookup func(ctx context.Context, ref string) (bool, error)) *Exists {
	return &Exists{
		refs:   otter.Must(&otter.Options[string, struct{}]{MaximumSize: mostExisting}),
		places: semaphore.NewWeighted(lookupsAtOnce),
		lookup: lookup,
	}
}

// Has reports whether the ref exists. It returns an error if it could not look
// it up within a second.
func (e *Exists) Has(ctx context.Context, ref string) (bool, error) {
	if len(ref) > longestRef || !utf8.ValidString(ref) || strings.ContainsRune(ref, 0) {
		return false, nil // the database would refuse to compare it
	}
	return e.remember(ctx, ref, func(ctx context.Context) (bool, error) { return e.lookup(ctx, ref) })
}

// remember calls lookup for a key that it does not remember, and remembers it if
// lookup returns true.
func (e *Exists) remember(ctx context.Context, key string, lookup func(context.Context) (bool, error)) (exists bool, err error) {
	if _, ok := e.refs.GetIfPresent(key); ok {
		return true, nil
	}
	err = e.LookUp(ctx, func(ctx context.Context) (err error) {
		exists, err = lookup(ctx)
		return err
	})
	if exists {
		e.refs.Set(key, struct{}{})
	}
	return exists, err
}

// Forget forgets a ref of which is known by other means that it may not be shown now.
// The next Has looks it up, as it does any that does not exist, and takes as long.
func (e *Exists) Forget(ref string) { e.refs.Invalidate(ref) }

// LookUp calls f, which has one of the places for look-ups and a second. It returns
// the error of f, or that of ctx if it got no place before ctx ended.
func (e *Exists) LookUp(ctx context.Context, f func(context.Context) error) error {
	if err := e.places.Acquire(ctx, 1); err != nil {
		return fmt.Errorf("look up a ref: %w", err)
	}
	defer e.places.Release(1)
	// Cancelling a query closes its database connection, so the caller's
	// context does not.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
	defer cancel()
	return f(ctx)
}

// existsIn returns an Exists that looks refs up by a query. Those with the same
// places share the bound on connections.
func existsIn(reads Reads, places *semaphore.Weighted, query string) *Exists {
	e := NewExists(func(ctx context.Context, ref string) (exists bool, err error) {
		if err := reads.pool(ctx).QueryRow(ctx, query, ref).Scan(&exists); err != nil {
			return false, fmt.Errorf("look up a ref: %w", err)
		}
		return exists, nil
	})
	e.places = places
	return e
}

// Known is which items, accounts and shops the ledger has. Accounts of hidden holders
// are none.
type Known struct{ Items, Accounts, Shops *Exists }

// NewKnown returns what the ledger in db has.
func NewKnown(db *pgxpool.Pool) Known {
	places, reads := semaphore.NewWeighted(lookupsAtOnce), always(db)
	return Known{
		Items:    existsIn(reads, places, knownItem),
		Accounts: existsIn(reads, places, knownAccountExists),
		Shops:    existsIn(reads, places, knownShop),
	}
}

// Whether the ledger has the item, or the shop, with the ref $1.
const (
	knownItem = `SELECT EXISTS (SELECT FROM items WHERE ref = $1)`
	knownShop = `SELECT EXISTS (SELECT FROM shops WHERE ref = $1)`
)
