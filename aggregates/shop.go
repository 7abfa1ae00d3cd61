package aggregates

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

// ShopQuery selects a shop and a period. Each is a key, so the caller checks first
// that the shop exists, see [Exists].
type ShopQuery struct {
	Shop string // its ref
	Days Days
}

// Key is "stall%3A7:30". The ref is escaped, so it contains no colon.
func (q ShopQuery) Key() string { return url.QueryEscape(q.Shop) + ":" + q.Days.Key() }

// The limits of what is read of a shop.
const (
	mostSigns   = 30     // offers, the active ones first
	mostChanges = 200    // of an offer, the latest
	mostSales   = 20_000 // of the period
)

// Shop is a shop, what it offers and offered, and what it traded in a period.
type Shop struct {
	ID        string      `json:"id"`
	Place     string      `json:"place"`
	Owner     string      `json:"owner" doc:"The account's id; empty if its holder is hidden."`
	OwnerName string      `json:"ownerName"`
	OwnerKind ledger.Kind `json:"ownerKind" enum:"personal,business,government,system"`
	World     string      `json:"world"`
	X         *int64      `json:"x"`
	Y         *int64      `json:"y"`
	Z         *int64      `json:"z"`
	Bearing   *Bearing    `json:"bearing" doc:"Seen from the nearest named place; null: its world has none."`
	Active    bool        `json:"active"`
	Seen      time.Time   `json:"seen"`
	Basis
	Sold      ShopTrade  `json:"sold" doc:"What customers bought in the period."`
	Bought    ShopTrade  `json:"bought" doc:"What customers sold to it in the period."`
	Uncounted string     `json:"uncounted,omitempty" doc:"If there, why sold and bought are not available."`
	Signs     int64      `json:"signs" doc:"How many offers it has or had."`
	Offers    []ShopSign `json:"offers" nullable:"false" doc:"Active ones first, at most 30."`
}

// ShopTrade is sales of one direction: lines with a quantity and a total above zero.
type ShopTrade struct {
	Sales    int64      `json:"sales"`
	Quantity ledger.Sum `json:"quantity" doc:"Pieces."`
	Volume   ledger.Sum `json:"volume" doc:"Minor units, tax included."`
	Tax      ledger.Sum `json:"tax"`
}

// A ShopSign is one offer of a shop, as it is and as it was.
type ShopSign struct {
	Ref      string      `json:"ref" doc:"Which of the shop's offers."`
	Item     string      `json:"item"`
	ItemName string      `json:"itemName"`
	PricedIn *string     `json:"pricedIn" doc:"The id of the item of which prices are pieces; null: they are money."`
	Batch    int64       `json:"batch" doc:"Pieces."`
	Now      SignState   `json:"now"`
	Stands   bool        `json:"stands" doc:"It has a batch, or its stock is not known."`
	Room     bool        `json:"room" doc:"It has room for a batch, or that is not known."`
	Seen     time.Time   `json:"seen"`
	Out      *time.Time  `json:"outSince" doc:"Since when it has been sold out; null: it is not, or does not sell."`
	OutAgo   bool        `json:"outSinceAtLeast" doc:"It was sold out earlier already, how long is not known."`
	Price    Price       `json:"price" doc:"What a piece of the item costs everywhere."`
	History  []SignState `json:"history" nullable:"false" doc:"What it became in the period, oldest first, and what it was when that began; at most 200."`
}

// A SignState is what an offer became at a time.
type SignState struct {
	At       time.Time `json:"at"`
	Ask      *int64    `json:"ask" doc:"What a customer pays for a batch."`
	Bid      *int64    `json:"bid" doc:"What a customer gets for a batch."`
	Batch    int64     `json:"batch"`
	Stock    *int64    `json:"stock"`
	Capacity *int64    `json:"capacity"`
	Active   bool      `json:"active"`
}

// stands reports whether a customer could buy a batch.
func (s SignState) stands() bool {
	return s.Active && s.Ask != nil && (s.Stock == nil || *s.Stock >= s.Batch)
}

// Site returns where the shop is, and whose it is.
func (s *Shop) Site() Site {
	return Site{Shop: s.ID, Place: s.Place, Owner: s.Owner, OwnerName: s.OwnerName, OwnerKind: s.OwnerKind, World: s.World, X: s.X, Y: s.Y, Z: s.Z, Bearing: s.Bearing}
}

// ComputeShop reads a shop at w's start, and what it traded in the period that ends
// there. It returns nil if there is no such shop.
func ComputeShop(ctx context.Context, db *pgxpool.Pool, w cache.Window, q ShopQuery) (*Shop, error) {
	s := &Shop{Offers: []ShopSign{}}
	var id int64
	const query = `SELECT s.id, s.active, s.seen, ` + siteColumns + ` FROM shops s ` + siteJoins + ` WHERE s.ref = $1`
	var site Site
	err := db.QueryRow(ctx, query, q.Shop).Scan(append([]any{&id, &s.Active, &s.Seen}, site.columns()...)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("shop: find it: %w", err)
	}
	s.ID, s.Place, s.Owner, s.OwnerName, s.OwnerKind = site.Shop, site.Place, site.Owner, site.OwnerName, site.OwnerKind
	s.World, s.X, s.Y, s.Z = site.World, site.X, site.Y, site.Z
	err = s.read(ctx, db, w, q.Days, func(ctx context.Context, tx pgx.Tx, period span) error {
		if err := s.fillBearing(ctx, tx); err != nil {
			return err
		}
		if err := s.fillOffers(ctx, tx, period, id); err != nil {
			return err
		}
		return s.fillTrade(ctx, tx, period, id)
	})
	if err != nil {
		return nil, fmt.Errorf("shop: %w", err)
	}
	return s, nil
}

func (s *Shop) fillBearing(ctx context.Context, tx pgx.Tx) error {
	if s.X == nil {
		return nil
	}
	rows, _ := tx.Query(ctx, `SELECT world, name, x, z, kind FROM places WHERE world = $1 ORDER BY name LIMIT $2`, s.World, mostPlaces)
	places, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Place])
	if err != nil {
		return fmt.Errorf("places: %w", err)
	}
	s.Bearing = bearing(places, s.World, *s.X, *s.Z)
	return nil
}

func (s *Shop) fillOffers(ctx context.Context, tx pgx.Tx, period span, shop int64) error {
	const query = `
		SELECT o.id, o.item, o.ref, i.ref, i.name, p.ref, o.batch, o.ask, o.bid, o.stock, o.capacity, o.active, o.seen,
			` + askStands + `, ` + bidStands + `, count(*) OVER ()
		FROM offers o JOIN items i ON i.id = o.item LEFT JOIN items p ON p.id = o.priced_in
		WHERE o.shop = $1 ORDER BY o.active DESC, i.name, i.ref, o.ref LIMIT $2`
	var ids, items []int64
	rows, _ := tx.Query(ctx, query, shop, mostSigns)
	var id, item int64
	var o ShopSign
	_, err := pgx.ForEachRow(rows, []any{&id, &item, &o.Ref, &o.Item, &o.ItemName, &o.PricedIn, &o.Batch, &o.Now.Ask, &o.Now.Bid, &o.Now.Stock,
		&o.Now.Capacity, &o.Now.Active, &o.Seen, &o.Stands, &o.Room, &s.Signs}, func() error {
		ids, items = append(ids, id), append(items, item)
		o.History = []SignState{}
		o.Now.At, o.Now.Batch = o.Seen, o.Batch
		s.Offers = append(s.Offers, o)
		return nil
	})
	if err != nil {
		return fmt.Errorf("offers: %w", err)
	}
	unique := slices.Compact(slices.Sorted(slices.Values(items)))
	prices, err := readPrices(ctx, tx, period, unique)
	if err != nil {
		return err
	}
	for i := range s.Offers {
		s.Offers[i].Price = prices[items[i]]
	}
	return s.fillHistory(ctx, tx, period, ids, items)
}

// fillHistory sets what became of each offer.
func (s *Shop) fillHistory(ctx context.Context, tx pgx.Tx, period span, ids, items []int64) error {
	const query = `
		SELECT k.nr, c.at, c.ask, c.bid, c.batch, c.stock, c.capacity, c.active
		FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS k (offer, item, nr) CROSS JOIN LATERAL (
			SELECT * FROM offer_changes WHERE item = k.item AND offer = k.offer AND at < $3 ORDER BY at DESC LIMIT $4) AS c
		ORDER BY k.nr, c.at DESC`
	rows, _ := tx.Query(ctx, query, ids, items, period.End, mostChanges+1)
	var nr int
	var c SignState
	latestFirst := make([][]SignState, len(ids))
	_, err := pgx.ForEachRow(rows, []any{&nr, &c.At, &c.Ask, &c.Bid, &c.Batch, &c.Stock, &c.Capacity, &c.Active}, func() error {
		latestFirst[nr-1] = append(latestFirst[nr-1], c)
		return nil
	})
	if err != nil {
		return fmt.Errorf("history of offers: %w", err)
	}
	for i, changes := range latestFirst {
		o := &s.Offers[i]
		more := len(changes) > mostChanges
		changes = changes[:min(len(changes), mostChanges)]
		if o.Now.Active && o.Now.Ask != nil && !o.Stands {
			stood := slices.IndexFunc(changes, SignState.stands)
			o.OutAgo = stood < 0 && more
			if stood < 0 {
				stood = len(changes)
			}
			if stood > 0 {
				o.Out = &changes[stood-1].At
			}
		}
		for _, c := range changes {
			o.History = append(o.History, c)
			if c.At.Before(period.Start) {
				break // what it was when the period began
			}
		}
		slices.Reverse(o.History)
	}
	return nil
}

// fillTrade sums the sales of the period, if there are not too many.
func (s *Shop) fillTrade(ctx context.Context, tx pgx.Tx, period span, shop int64) error {
	if period.archived() {
		s.Uncounted = "not available, because sales before " + period.Begins.Format(time.DateOnly) + " are archived; a shorter period can be added up"
		return nil
	}
	const query = `
		SELECT direction, count(*) FILTER (WHERE real), coalesce(sum(quantity) FILTER (WHERE real), 0), coalesce(sum(total) FILTER (WHERE real), 0),
			coalesce(sum(tax) FILTER (WHERE real), 0), sum(count(*)) OVER ()::bigint
		FROM (
			SELECT direction, quantity, total, tax, quantity > 0 AND total > 0 AS real FROM sales
			WHERE shop = $1 AND at >= $2 AND at < $3 ORDER BY at DESC LIMIT $4) AS latest
		GROUP BY direction`
	rows, _ := tx.Query(ctx, query, shop, period.Start, period.End, mostSales+1)
	var direction ledger.Direction
	var t ShopTrade
	var lines int64
	_, err := pgx.ForEachRow(rows, []any{&direction, &t.Sales, &t.Quantity, &t.Volume, &t.Tax, &lines}, func() error {
		if direction == ledger.DirectionSale {
			s.Sold = t
		} else {
			s.Bought = t
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("sales: %w", err)
	}
	if lines > mostSales {
		s.Sold, s.Bought = ShopTrade{}, ShopTrade{}
		s.Uncounted = fmt.Sprintf("not available, because the period has more than %d sales; a shorter one can be added up", mostSales)
	}
	return nil
}

// Table has one row a direction.
func (s *Shop) Table() Table {
	t := Table{Columns: []Column{{"what", "What", Text}, {"sales", "Sales", Count}, {"quantity", "Pieces", Count}, {"volume", "Value", Money}, {"tax", "Tax in it", Money}}}
	if s.Uncounted == "" {
		for _, d := range []struct {
			name string
			of   ShopTrade
		}{{"Sold", s.Sold}, {"Bought", s.Bought}} {
			t.Rows = append(t.Rows, []any{d.name, d.of.Sales, d.of.Quantity, d.of.Volume, d.of.Tax})
		}
	}
	return t
}

// OffersTable has one row an offer.
func (s *Shop) OffersTable() Table {
	t := Table{Columns: []Column{
		{"item", "Item", Text}, {"id", "Id", Text}, {"ref", "Offer", Text}, {"ask", "Customers pay", Count}, {"bid", "Customers get", Count}, {"priced_in", "In pieces of", Text},
		{"batch", "Pieces in a batch", Count}, {"stock", "Stock", Count}, {"capacity", "Capacity", Count}, {"active", "Active", Text},
		{"stands", "In stock", Text}, {"out", "Sold out since", Instant}, {"median", "Usual price of a piece, minor units", Ratio}, {"seen", "Seen", Instant},
	}}
	for _, o := range s.Offers {
		var out any
		if o.Out != nil {
			out = o.Out.UTC()
		}
		pricedIn := ""
		if o.PricedIn != nil {
			pricedIn = *o.PricedIn
		}
		t.Rows = append(t.Rows, []any{o.ItemName, o.Item, o.Ref, orNil(o.Now.Ask), orNil(o.Now.Bid), pricedIn, o.Batch, orNil(o.Now.Stock),
			orNil(o.Now.Capacity), yesNo(o.Now.Active), yesNo(o.Stands), out, orNil(o.Price.Value), o.Seen.UTC()})
	}
	return t.First(len(s.Offers), s.Signs)
}

// HistoryTable has one row a change, latest first.
func (s *Shop) HistoryTable() Table {
	t := Table{Columns: []Column{
		{"at", "Time", Instant}, {"item", "Item", Text}, {"ref", "Offer", Text}, {"ask", "Customers pay", Count}, {"bid", "Customers get", Count},
		{"batch", "Pieces in a batch", Count}, {"stock", "Stock", Count}, {"capacity", "Capacity", Count}, {"active", "Active", Text},
	}}
	cut := int64(len(s.Offers)) < s.Signs
	for _, o := range s.Offers {
		cut = cut || len(o.History) >= mostChanges
		for _, c := range o.History {
			t.Rows = append(t.Rows, []any{c.At.UTC(), o.ItemName, o.Ref, orNil(c.Ask), orNil(c.Bid), c.Batch, orNil(c.Stock), orNil(c.Capacity), yesNo(c.Active)})
		}
	}
	slices.SortStableFunc(t.Rows, func(a, b []any) int { return b[0].(time.Time).Compare(a[0].(time.Time)) })
	return t.others(len(t.Rows), cut)
}
