package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// A Place is a named point of a world, such as a town or a station. World and Name
// identify it, and it replaces the one that was there. Without X and Z it is
// removed.
type Place struct {
	World string
	Name  string
	X, Z  *int64 // as those of a [Shop]
	Kind  string // such as town, station; may be empty
}

type placeKey struct{ world, name string }

func (p Place) key() placeKey { return placeKey{p.World, p.Name} }

func (c checker) places(places []Place) {
	seen := make(map[placeKey]bool, len(places))
	for _, p := range places {
		report := reporter(c.problems, "place", "", p.Name)
		report("name", required(p.Name, maxTitle))
		report("world", optional(p.World, maxRef))
		report("kind", optional(p.Kind, maxSource))
		report("x and z", coordinates(p.X, nil, p.Z))
		report("name", repeated(seen, p.key()))
	}
}

func (ap *appender) writePlaces(ctx context.Context) error {
	if len(ap.batch.Places) == 0 {
		return nil
	}
	places := slices.SortedFunc(slices.Values(ap.batch.Places), func(a, b Place) int {
		return cmp.Or(cmp.Compare(a.World, b.World), cmp.Compare(a.Name, b.Name))
	})
	n := len(places)
	worlds, names, kinds, x, z := make([]string, n), make([]string, n), make([]string, n), make([]*int64, n), make([]*int64, n)
	for i, p := range places {
		worlds[i], names[i], kinds[i], x[i], z[i] = p.World, p.Name, p.Kind, p.X, p.Z
	}
	var batch pgx.Batch
	const write = `
		INSERT INTO places AS known (world, name, x, z, kind)
		SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[]) AS new (world, name, x, z, kind)
		WHERE x IS NOT NULL ORDER BY world, name
		ON CONFLICT (world, name) DO UPDATE SET x = excluded.x, z = excluded.z, kind = excluded.kind
		WHERE known IS DISTINCT FROM excluded
		RETURNING name` // on Citus, only what is returned is counted right
	batch.Queue(write, worlds, names, x, z, kinds)
	const remove = `
		DELETE FROM places USING unnest($1::text[], $2::text[], $3::bigint[]) AS old (world, name, x)
		WHERE old.x IS NULL AND places.world = old.world AND places.name = old.name`
	batch.Queue(remove, worlds, names, x)
	results := ap.tx.SendBatch(ctx, &batch)
	defer results.Close()
	for range batch.Len() {
		tag, err := results.Exec()
		if err != nil {
			return fmt.Errorf("write places: %w", err)
		}
		ap.changed[tagShops] = ap.changed[tagShops] || tag.RowsAffected() > 0
	}
	return nil
}
