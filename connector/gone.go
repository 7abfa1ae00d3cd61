package connector

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// closeGone closes the shops of the ledger that begin as those of a stream do, and are
// not among those that it has: the source has deleted them.
func (f *Follower) closeGone(ctx context.Context, prefix string, there map[string]bool, at time.Time) error {
	const query = `SELECT s.ref, s.place, a.ref, s.world, s.x, s.y, s.z FROM shops s JOIN accounts a ON a.id = s.owner
		WHERE s.active AND starts_with(s.ref, $1) ORDER BY s.ref`
	rows, _ := f.DB.Query(ctx, query, prefix)
	var gone []ledger.Shop
	s := ledger.Shop{Seen: at}
	_, err := pgx.ForEachRow(rows, []any{&s.Ref, &s.Place, &s.Owner, &s.World, &s.X, &s.Y, &s.Z}, func() error {
		if !there[s.Ref] {
			gone = append(gone, s)
		}
		return nil
	})
	if err == nil && len(gone) > 0 {
		_, err = f.Ledger.Append(ctx, ledger.Batch{Shops: gone})
	}
	if err != nil {
		return fmt.Errorf("close shops that are gone: %w", err)
	}
	return nil
}
