package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// maxCoordinate bounds coordinates, so that the square of a distance fits in an
// int64.
const maxCoordinate = 1_000_000_000

// coordinates returns what is wrong with where a shop is, empty if nothing.
func coordinates(x, y, z *int64) string {
	if (x == nil) != (z == nil) || y != nil && x == nil {
		return "are incomplete: expected x and z, or x, y and z"
	}
	for _, c := range []*int64{x, y, z} {
		if c != nil && (*c < -maxCoordinate || *c > maxCoordinate) {
			return fmt.Sprintf("have %d, which is beyond ±%d", *c, maxCoordinate)
		}
	}
	return ""
}

// notNegative returns what is wrong with an optional amount, empty if nothing.
func notNegative(v *int64) string {
	if v != nil && *v < 0 {
		return fmt.Sprintf("%d is negative; leave it empty if there is none or it is unknown", *v)
	}
	return ""
}

func (c checker) offers(offers []Offer) {
	type sighting struct {
		shop, ref, item string
		seen            int64
	}
	seen := make(map[sighting]bool, len(offers))
	for _, o := range offers {
		report := reporter(c.problems, "offer", o.Line, offerName(o))
		report("shop", required(o.Shop, maxRef))
		report("ref", optional(o.Ref, maxRef))
		report("item", required(o.Item, maxRef))
		report("priced_in", optional(o.PricedIn, maxRef))
		report("ask", notNegative(o.Ask))
		report("bid", notNegative(o.Bid))
		report("stock", notNegative(o.Stock))
		report("capacity", notNegative(o.Capacity))
		report("seen", c.time(o.Seen))
		if o.Batch <= 0 {
			report("batch", fmt.Sprintf("%d is not positive", o.Batch))
		}
		report("seen", repeated(seen, sighting{o.Shop, cmp.Or(o.Ref, o.Item), o.Item, micro(o.Seen).UnixMicro()}))
	}
}

// offerName names an offer in a message.
func offerName(o Offer) string { return o.Shop + " " + cmp.Or(o.Ref, o.Item) }

// writeShops writes the shops as they were last seen. A shop that was seen earlier
// does not replace one that was seen later. It returns when those were seen that
// became inactive.
func (ap *appender) writeShops(ctx context.Context) (closed map[int64]time.Time, err error) {
	closed = map[int64]time.Time{}
	if len(ap.batch.Shops) == 0 {
		return closed, nil
	}
	shops := slices.SortedFunc(slices.Values(ap.batch.Shops), func(a, b Shop) int { return cmp.Compare(a.Ref, b.Ref) })
	n := len(shops)
	refs, places, worlds, owners := make([]string, n), make([]string, n), make([]string, n), make([]int64, n)
	x, y, z := make([]*int64, n), make([]*int64, n), make([]*int64, n)
	active, seen := make([]bool, n), make([]time.Time, n)
	for i, s := range shops {
		refs[i], places[i], worlds[i], owners[i] = s.Ref, s.Place, s.World, ap.accounts[s.Owner].id
		x[i], y[i], z[i], active[i], seen[i] = s.X, s.Y, s.Z, s.Active, micro(s.Seen)
	}
	const query = `
		INSERT INTO shops AS known (id, ref, place, owner, world, x, y, z, active, seen)
		SELECT nextval('shop_ids'), ref, place, owner, world, x, y, z, active, seen
		FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
			$8::boolean[], $9::timestamptz[])
			WITH ORDINALITY AS new (ref, place, owner, world, x, y, z, active, seen, nr)
		ORDER BY nr
		ON CONFLICT (ref) DO UPDATE SET
			place = excluded.place, owner = excluded.owner, world = excluded.world,
			x = excluded.x, y = excluded.y, z = excluded.z, active = excluded.active, seen = excluded.seen
		WHERE excluded.seen >= known.seen AND
			(excluded.place, excluded.owner, excluded.world, excluded.x, excluded.y, excluded.z, excluded.active, excluded.seen)
			IS DISTINCT FROM
			(known.place, known.owner, known.world, known.x, known.y, known.z, known.active, known.seen)
		RETURNING id, active, seen`
	rows, _ := ap.tx.Query(ctx, query, refs, places, owners, worlds, x, y, z, active, seen)
	var id int64
	var isActive bool
	var at time.Time
	tag, err := pgx.ForEachRow(rows, []any{&id, &isActive, &at}, func() error {
		if !isActive {
			closed[id] = at.UTC()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	ap.changed[tagShops] = ap.changed[tagShops] || tag.RowsAffected() > 0
	rows, _ = ap.tx.Query(ctx, `SELECT ref, id FROM shops WHERE ref = ANY($1)`, refs)
	return closed, collectIDs(rows, ap.shops)
}
