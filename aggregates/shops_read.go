package aggregates

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// siteColumns are those of a Site, of the shop s, and siteJoins what they need.
const (
	siteColumns = `s.ref, s.place, CASE WHEN hidden THEN '' ELSE a.ref END, CASE WHEN hidden THEN '` + ledger.HiddenName + `' ELSE a.name END, a.kind,
			s.world, s.x, s.y, s.z`
	siteJoins = `LEFT JOIN merges m ON m.account = s.owner
			JOIN accounts owner ON owner.id = s.owner JOIN accounts a ON a.id = coalesce(m.target, s.owner)
			CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM holders h WHERE h.hidden AND h.ref = a.holder) AS hidden) h`
	// siteLookups are the joins of a bounded number of rows, each of which looks up its
	// own: OFFSET 0 keeps the planner from reading whole tables instead.
	siteLookups = `LEFT JOIN LATERAL (SELECT target FROM merges WHERE account = s.owner OFFSET 0) m ON true
			CROSS JOIN LATERAL (SELECT * FROM accounts WHERE id = s.owner OFFSET 0) owner
			CROSS JOIN LATERAL (SELECT * FROM accounts WHERE id = coalesce(m.target, s.owner) OFFSET 0) a
			CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM holders h WHERE h.hidden AND h.ref = a.holder) AS hidden) h`
)

func (s *Site) columns() []any {
	return []any{&s.Shop, &s.Place, &s.Owner, &s.OwnerName, &s.OwnerKind, &s.World, &s.X, &s.Y, &s.Z}
}

// ofOwner is true of shops of hidden holders only where no owner is asked for.
const ofOwner = `(@anybody OR s.owner = ANY(@owners) AND NOT hidden)`

// readOffers reads the best offers of an item.
func (f *Found) readOffers(ctx context.Context, tx pgx.Tx, item int64, owners []int64) error {
	price, stands, counts, order := "ask", askStands, asksMoney, "o.ask::float8 / o.batch, o.id"
	if f.Query.Sell {
		price, stands, counts, order = "bid", bidStands, bidsMoney, "o.bid::float8 / o.batch DESC, o.id DESC"
	}
	from := `offers o`
	if f.Query.Owner != "" {
		from = `shops JOIN offers o ON o.shop = shops.id AND shops.owner = ANY(@owners)`
	}
	query := `
		SELECT ` + siteColumns + `, o.price, o.batch, o.stock, o.capacity, o.stands, o.seen,
			CASE WHEN NOT owner.issuer AND NOT hidden THEN coalesce(b.balance, 0) END
		FROM (
			SELECT o.id, o.shop, o.` + price + ` AS price, o.batch, o.stock, o.capacity, ` + stands + ` AS stands, o.seen
			FROM ` + from + ` WHERE o.item = @item AND ` + counts + ` ORDER BY ` + order + ` LIMIT @limit) AS o
		CROSS JOIN LATERAL (SELECT * FROM shops WHERE id = o.shop OFFSET 0) s ` + siteLookups + `
		LEFT JOIN LATERAL (SELECT balance FROM balances WHERE account = s.owner OFFSET 0) b ON true
		WHERE ` + ofOwner
	args := pgx.NamedArgs{"item": item, "owners": owners, "anybody": f.Query.Owner == "", "limit": MostFound + 1}
	rows, _ := tx.Query(ctx, query, args)
	var err error
	f.Offers, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (o FoundOffer, err error) {
		err = row.Scan(append(o.columns(), &o.Price, &o.Batch, &o.Stock, &o.Capacity, &o.Stands, &o.Seen, &o.funds)...)
		o.Piece = float64(o.Price) / float64(o.Batch)
		return o, err
	})
	if err != nil {
		return fmt.Errorf("offers: %w", err)
	}
	if f.Cut = len(f.Offers) > MostFound; f.Cut {
		f.Offers = f.Offers[:MostFound]
	}
	return nil
}

// readShops reads shops: the nearest ones, or in the order of their refs.
func (f *Found) readShops(ctx context.Context, tx pgx.Tx, owners []int64, limit int) error {
	const columns = `
		SELECT ` + siteColumns + `, n.offers, n.stand, coalesce(n.seen, s.seen) FROM `
	const count = `
		CROSS JOIN LATERAL (SELECT * FROM shops WHERE id = chosen.id OFFSET 0) s ` + siteLookups + `
		CROSS JOIN LATERAL (
			SELECT count(*) AS offers, count(*) FILTER (WHERE ` + askStands + ` OR o.ask IS NULL) AS stand, max(o.seen) AS seen
			FROM offers o WHERE o.shop = s.id AND o.active) n`
	args := pgx.NamedArgs{"owners": owners, "anybody": f.Query.Owner == ""}
	chosen := `(SELECT id FROM shops WHERE active AND ref > @after`
	if f.Query.Owner != "" {
		chosen += ` AND owner = ANY(@owners)`
	}
	chosen += ` ORDER BY ref LIMIT @limit) AS chosen`
	args["after"], args["limit"] = f.Query.After, limit+1
	if f.From != nil {
		var err error
		if args["ids"], err = f.nearest(ctx, tx, owners, limit); err != nil {
			return err
		}
		chosen = `unnest(@ids::bigint[]) WITH ORDINALITY AS chosen (id, nr)`
	}
	query := columns + chosen + count + ` WHERE ` + ofOwner + ` ORDER BY `
	if f.From != nil {
		query += `chosen.nr`
	} else {
		query += `s.ref`
	}
	rows, _ := tx.Query(ctx, query, args)
	shops, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s FoundShop, err error) {
		err = row.Scan(append(s.columns(), &s.Offers, &s.Stand, &s.Seen)...)
		return s, err
	})
	if err != nil {
		return fmt.Errorf("shops: %w", err)
	}
	if f.From == nil && len(shops) > limit {
		shops = shops[:limit]
		f.Next = shops[limit-1].Shop
	}
	f.Shops = shops
	return nil
}

// nearest returns the shops of a page in the order of their distance. The database
// sorts those of the area, so that however many there are, the nearest are read.
func (f *Found) nearest(ctx context.Context, tx pgx.Tx, owners []int64, limit int) ([]int64, error) {
	within := f.Query.Within
	if within == 0 {
		within = 2 * farthest
	}
	query := `SELECT id, x, z FROM shops WHERE active AND world = @world AND x BETWEEN @west AND @east AND z BETWEEN @north AND @south`
	if f.Query.Owner != "" {
		query += ` AND owner = ANY(@owners)`
	}
	query += ` ORDER BY (x - @x)::float8 ^ 2 + (z - @z)::float8 ^ 2, id LIMIT @limit`
	args := pgx.NamedArgs{
		"x": f.From.X, "z": f.From.Z, "world": f.From.World, "owners": owners, "limit": MostNear + 1,
		"west": f.From.X - within, "east": f.From.X + within, "north": f.From.Z - within, "south": f.From.Z + within,
	}
	type spot struct{ id, distance int64 }
	rows, _ := tx.Query(ctx, query, args)
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (spot, error) {
		var id, x, z int64
		err := row.Scan(&id, &x, &z)
		return spot{id, blocks(f.From.X, f.From.Z, x, z)}, err
	})
	if err != nil {
		return nil, fmt.Errorf("shops nearby: %w", err)
	}
	if f.Cut = len(all) > MostNear; f.Cut {
		all = all[:MostNear]
	}
	all = slices.DeleteFunc(all, func(s spot) bool { return s.distance > within })
	slices.SortFunc(all, func(a, b spot) int { return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.id, b.id)) })
	from, to, next := pageAt(f.Query.After, len(all), limit)
	f.Total, f.First, f.Next = len(all), from+1, next
	ids := make([]int64, 0, to-from)
	for _, s := range all[from:to] {
		ids = append(ids, s.id)
	}
	return ids, nil
}
