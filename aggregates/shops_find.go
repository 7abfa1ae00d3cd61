package aggregates

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/ledger"
)

// The limits of a search.
const (
	MostFound       = 1000 // offers of an item that are read, the best ones by price
	MostNear        = 2000 // shops that are read of an area, the nearest ones
	mostSuggestions = 12
	mostSoldOut     = 12
)

// The orders of what is found.
const (
	ByPrice    = "price"
	ByDistance = "distance"
	ByBoth     = "both"
)

// Which offers a search is for.
const (
	InStock  = "some"   // at least a batch
	Enough   = "enough" // for the whole amount
	AnyStock = "any"    // sold out ones too
)

// A FindQuery says what somebody wants to buy or sell. Its texts are as they wrote
// them.
type FindQuery struct {
	Sell   bool
	Item   string // ref or name; empty: all shops
	Amount int64  // pieces, 1 or more
	Near   string // "x, z", or the name of a place; empty: nowhere
	World  string // of coordinates; empty: that with most shops
	Within int64  // blocks; 0: any distance
	Owner  string // ref or name; empty: anybody
	Stock  string
	Sort   string
	Walk   int64 // what 100 blocks are worth, in minor units; 0: a hundredth of the best price
	After  string
}

// A Named thing is one of several that a text may mean.
type Named struct {
	Ref  string `json:"id"`
	Name string `json:"name"`
}

// Found is what a search has found.
type Found struct {
	Query       FindQuery
	Item        *Named  // nil: none was asked for, or it is not clear which
	Suggestions []Named // items that the text may mean
	From        *Place  // where distances begin; without a name where it is coordinates
	NoPlace     bool    // Near is not known
	NoOwner     bool    // Owner is not known
	World       string  // of From
	Walk        int64   // what 100 blocks were taken to be worth

	Offers  []FoundOffer // with an item
	Shops   []FoundShop  // without one
	Total   int          // how many offers there are; 0 for shops
	First   int          // the number of the first
	Next    string       // the cursor of the rows that follow
	SoldOut []FoundOffer // that would be listed if they stood, at most 12
	Gone    int          // how many of these there are
	Cut     bool         // there are others that were not read

	Standing []AskedPrice // all offers that were read and stand, wherever they are, in the order of their prices
	Middle   *float64     // the median of these, each counted once

	Best  *Deal  // the best single offer for the whole amount
	Split []Deal // several offers that together are better than Best, or the only way
	Lacks int64  // pieces that all offers together lack
}

// A Deal is an amount at one offer.
type Deal struct {
	Offer  *FoundOffer
	Pieces int64
	Total  ledger.Sum
}

// A Site is where a shop is, and whose it is.
type Site struct {
	Shop      string
	Place     string
	Owner     string // ref; empty if its holder is hidden
	OwnerName string
	OwnerKind ledger.Kind
	World     string
	X, Y, Z   *int64
	Distance  *int64 // from where the reader is; nil: not known
	Bearing   *Bearing
}

// A FoundOffer is an offer for what somebody wants.
type FoundOffer struct {
	Site
	Price           int64 // of a batch: the ask, or the bid
	Batch           int64
	Stock, Capacity *int64
	Stands          bool
	Seen            time.Time
	Piece           float64     // minor units
	Pieces          int64       // of the amount that can be had, or brought
	Total           *ledger.Sum // for the whole amount, or as much of it as whole batches make; nil if that cannot be had
	funds           *int64      // of the owner; nil: without a limit
}

// An AskedPrice is what one standing offer asks for a piece, or pays.
type AskedPrice struct {
	Piece     float64 // minor units
	OwnerName string
}

// A FoundShop is a shop.
type FoundShop struct {
	Site
	Offers, Stand int64
	Seen          time.Time
}

// Find reads what is asked for, at most limit rows. It reads indexes, and a bounded
// number of rows of them. Shops has the places and worlds.
func Find(ctx context.Context, db *pgxpool.Pool, shops *Shops, q FindQuery, limit int) (*Found, error) {
	f := &Found{Query: q, Walk: q.Walk}
	f.locate(shops)
	err := pgx.BeginTxFunc(ctx, db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		return f.read(ctx, tx, limit)
	})
	if err != nil {
		return nil, fmt.Errorf("find shops: %w", err)
	}
	f.place(shops.Places)
	if f.Item != nil {
		f.choose(limit)
	}
	return f, nil
}

func (f *Found) read(ctx context.Context, tx pgx.Tx, limit int) (err error) {
	var owners []int64
	if f.Query.Owner != "" {
		if owners, err = ownersBy(ctx, tx, f.Query.Owner); err != nil {
			return err
		}
		f.NoOwner = len(owners) == 0
	}
	if f.Query.Item == "" {
		return f.readShops(ctx, tx, owners, limit)
	}
	item, err := f.findItem(ctx, tx)
	if err != nil || item == 0 {
		return err
	}
	return f.readOffers(ctx, tx, item, owners)
}

// locate sets where distances begin.
func (f *Found) locate(shops *Shops) {
	near := strings.TrimSpace(f.Query.Near)
	if near == "" {
		return
	}
	world := f.Query.World
	if x, z, ok := parsePoint(near); ok {
		if world == "" && len(shops.Worlds) > 0 {
			world = shops.Worlds[0].World
		}
		f.From = &Place{World: world, X: x, Z: z}
		return
	}
	for _, p := range shops.Places {
		if strings.EqualFold(p.Name, near) && (world == "" || p.World == world) {
			f.From = &p
			return
		}
	}
	f.NoPlace = true
}

// farthest is the largest coordinate that the ledger has.
const farthest = 1_000_000_000

// parsePoint parses "150, -10", "150 −10" and "150 64 -10", whose middle is the
// height.
func parsePoint(text string) (x, z int64, ok bool) {
	parts := strings.FieldsFunc(strings.ReplaceAll(text, "\u2212", "-"), func(r rune) bool { return r == ',' || r == ' ' || r == ';' || r == '\u00a0' })
	if len(parts) != 2 && len(parts) != 3 {
		return 0, 0, false
	}
	x, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil {
		return 0, 0, false
	}
	z, err = strconv.ParseInt(parts[len(parts)-1], 10, 64)
	return x, z, err == nil && max(x, -x, z, -z) <= farthest && min(x, z) > -farthest-1
}

// place sets the distances, and where everything is.
func (f *Found) place(places []Place) {
	at := func(s *Site) {
		if s.X == nil {
			return
		}
		s.Bearing = bearing(places, s.World, *s.X, *s.Z)
		if f.From != nil && f.From.World == s.World {
			d := blocks(f.From.X, f.From.Z, *s.X, *s.Z)
			s.Distance = &d
		}
	}
	for i := range f.Offers {
		at(&f.Offers[i].Site)
	}
	for i := range f.Shops {
		at(&f.Shops[i].Site)
	}
}

// choose sorts the offers that were read, leaves out those that are not wanted,
// and takes one page of the rest.
func (f *Found) choose(limit int) {
	q := f.Query
	var stand, gone []FoundOffer
	f.setStanding()
	for _, o := range f.Offers {
		if q.Within > 0 && f.From != nil && (o.Distance == nil || *o.Distance > q.Within) {
			continue
		}
		o.deal(q.Sell, q.Amount)
		switch {
		case !o.Stands:
			gone = append(gone, o)
		case q.Stock != Enough || o.Total != nil:
			stand = append(stand, o)
		}
	}
	f.bestDeals(stand)
	compare := f.order()
	slices.SortStableFunc(stand, compare)
	slices.SortStableFunc(gone, compare)
	f.Gone = len(gone)
	if q.Stock == AnyStock {
		stand = append(stand, gone...)
		gone = nil
	}
	f.SoldOut = gone[:min(len(gone), mostSoldOut)]
	f.Total = len(stand)
	from, to, next := pageAt(q.After, len(stand), limit)
	f.Offers, f.First, f.Next = stand[from:to], from+1, next
}

// setStanding sets what all offers ask that stand, before any is left out.
func (f *Found) setStanding() {
	var prices []priced
	standing := slices.DeleteFunc(slices.Clone(f.Offers), func(o FoundOffer) bool { return !o.Stands })
	slices.SortStableFunc(standing, func(a, b FoundOffer) int {
		return cmp.Or(better(false, &a, &b), cmp.Compare(a.OwnerName, b.OwnerName))
	})
	for _, o := range standing {
		f.Standing = append(f.Standing, AskedPrice{o.Piece, o.OwnerName})
		prices = append(prices, priced{o.Price, o.Batch})
	}
	f.Middle = middlePrice(prices)
}

// middlePrice returns the price in the middle of rising ones, or the mean of the two
// in the middle; nil if there is none.
func middlePrice(rising []priced) *float64 {
	n := len(rising)
	if n == 0 {
		return nil
	}
	middle := rising[n/2].float()
	if n%2 == 0 {
		middle = (rising[n/2-1].float() + middle) / 2
	}
	return &middle
}

// ownersBy returns the accounts with this ref or name, and those merged into them,
// except of hidden holders.
func ownersBy(ctx context.Context, tx pgx.Tx, owner string) ([]int64, error) {
	const query = `
		WITH named AS (
			SELECT id, holder FROM accounts WHERE ref = $1
			UNION
			(SELECT id, holder FROM accounts WHERE lower(name) = lower($1) LIMIT 50))
		SELECT id FROM named WHERE NOT EXISTS (SELECT FROM holders WHERE hidden AND ref = holder)
		UNION
		SELECT account FROM named JOIN merges ON target = id WHERE NOT EXISTS (SELECT FROM holders WHERE hidden AND ref = holder)`
	rows, _ := tx.Query(ctx, query, owner)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("owner: %w", err)
	}
	return ids, nil
}

// findItem sets the item that the text means, or those that it may mean.
func (f *Found) findItem(ctx context.Context, tx pgx.Tx) (id int64, err error) {
	// Of those that begin with the text: the operators compare bytes, as the index
	// does.
	const query = `
		SELECT id, ref, name, 0 AS rank FROM items WHERE ref = @text
		UNION ALL
		(SELECT id, ref, name, 1 FROM items WHERE lower(name) = lower(@text) ORDER BY ref LIMIT @limit)
		UNION ALL
		(SELECT id, ref, name, 2 FROM items WHERE lower(name) ~>=~ lower(@text) AND lower(name) ~<~ (lower(@text) || @last)
		ORDER BY lower(name) USING ~<~, ref LIMIT @limit)
		ORDER BY rank`
	args := pgx.NamedArgs{"text": f.Query.Item, "last": string('\U0010FFFF'), "limit": mostSuggestions}
	rows, _ := tx.Query(ctx, query, args)
	type candidate struct {
		id   int64
		item Named
		rank int
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c candidate, err error) {
		err = row.Scan(&c.id, &c.item.Ref, &c.item.Name, &c.rank)
		return c, err
	})
	if err != nil {
		return 0, fmt.Errorf("item: %w", err)
	}
	for rank := range 3 {
		var of []candidate
		for _, c := range all {
			if c.rank == rank && !slices.Contains(f.Suggestions, c.item) {
				of = append(of, c)
			}
		}
		if len(of) == 1 && len(f.Suggestions) == 0 {
			f.Item = &of[0].item
			return of[0].id, nil
		}
		for _, c := range of {
			f.Suggestions = append(f.Suggestions, c.item)
		}
	}
	f.Suggestions = f.Suggestions[:min(len(f.Suggestions), mostSuggestions)]
	return 0, nil
}
