package aggregates

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/maypok86/otter/v2"
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
	refs *otter.Cache[string, struct{}]
	look func(ctx context.Context, ref string) (bool, error)
}

// NewKnown returns what asks look of refs that it has not met.
func NewKnown(look func(ctx context.Context, ref string) (bool, error)) *Known {
	return &Known{refs: otter.Must(&otter.Options[string, struct{}]{MaximumSize: mostKnown}), look: look}
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
	known, err := k.look(ctx, ref)
	if known {
		k.refs.Set(ref, struct{}{})
	}
	return known, err
}

// knownIn looks into a table, by its unique index.
func knownIn(db *pgxpool.Pool, query string) *Known {
	return NewKnown(func(ctx context.Context, ref string) (known bool, err error) {
		err = db.QueryRow(ctx, query, ref).Scan(&known)
		if err != nil {
			return false, fmt.Errorf("look for %q: %w", ref, err)
		}
		return known, nil
	})
}
