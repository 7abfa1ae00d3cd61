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

// mostKnown is how many refs a process remembers: at 512 bytes each at most, a
// few megabytes.
const mostKnown = 1 << 14

// longestRef is how many bytes the ledger lets a ref have.
const longestRef = 512

// Known says which refs the ledger knows, so that only these become keys of a
// memo: whoever tries out names costs a look into an index, and leaves nothing
// behind. What is known stays known, and is looked up once.
type Known struct {
	refs   *otter.Cache[string, struct{}]
	places *semaphore.Weighted
	look   func(ctx context.Context, ref string) (bool, error)
}

// Of the database's connections names have three at most, for a moment each, so
// that whoever tries out many of them leaves the others to the producers.
const (
	looksAtOnce = 3
	lookFor     = time.Second
)

// NewKnown returns what asks look of refs that it has not met.
func NewKnown(look func(ctx context.Context, ref string) (bool, error)) *Known {
	return &Known{
		refs:   otter.Must(&otter.Options[string, struct{}]{MaximumSize: mostKnown}),
		places: semaphore.NewWeighted(looksAtOnce),
		look:   look,
	}
}

// Has says whether the ledger knows the ref. An error says that it could not
// be asked.
func (k *Known) Has(ctx context.Context, ref string) (bool, error) {
	if len(ref) > longestRef || !utf8.ValidString(ref) || strings.ContainsRune(ref, 0) {
		return false, nil // the database would not even compare it
	}
	if _, met := k.refs.GetIfPresent(ref); met {
		return true, nil
	}
	if err := k.places.Acquire(ctx, 1); err != nil {
		return false, fmt.Errorf("look for a ref: %w", err)
	}
	defer k.places.Release(1)
	// A question that its asker breaks off costs the database's connection.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookFor)
	defer cancel()
	known, err := k.look(ctx, ref)
	if known {
		k.refs.Set(ref, struct{}{})
	}
	return known, err
}

// knownIn looks into a table, by its unique index.
func knownIn(db *pgxpool.Pool, places *semaphore.Weighted, query string) *Known {
	k := NewKnown(func(ctx context.Context, ref string) (known bool, err error) {
		err = db.QueryRow(ctx, query, ref).Scan(&known)
		if err != nil {
			return false, fmt.Errorf("look for a ref: %w", err)
		}
		return known, nil
	})
	k.places = places // of all that look into the database
	return k
}
