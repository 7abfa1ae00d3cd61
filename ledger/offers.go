package ledger

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// offerLock is the advisory lock of those who write shops or offers: what stands at
// the end of an hour depends on all offers of an item.
const offerLock = 0x6f66666572 // "offer"

// terms are what an offer says.
type terms struct {
	ask, bid, pricedIn pgtype.Int8
	batch              int64
	stock, capacity    pgtype.Int8
	active             bool
}

// asks reports whether a customer can buy a batch for money. Where the stock is not
// known, it is taken to be there.
func (t terms) asks() bool {
	return t.active && t.ask.Valid && !t.pricedIn.Valid && (!t.stock.Valid || t.stock.Int64 >= t.batch)
}

// bids reports whether a customer can sell a batch for money.
func (t terms) bids() bool {
	room := !t.stock.Valid || !t.capacity.Valid || t.capacity.Int64-t.stock.Int64 >= t.batch
	return t.active && t.bid.Valid && !t.pricedIn.Valid && room
}

// A sign is a place for an offer in a shop. It has offers of several items if it
// was written anew, at most one of which is active.
type sign struct {
	shop int64
	ref  string
}

type offerKey struct {
	sign
	item int64
}

func compareOffers(a, b offerKey) int {
	return cmp.Or(cmp.Compare(a.shop, b.shop), cmp.Compare(a.ref, b.ref), cmp.Compare(a.item, b.item))
}

// An offerState is the latest state of an offer.
type offerState struct {
	id   int64 // 0: a new offer
	seen time.Time
	terms
	touched bool
}

// A sighting is an offer as it was seen.
type sighting struct {
	offerKey
	at time.Time
	terms
}

// An offerBook is the offers of the signs and shops that a batch writes.
type offerBook struct {
	offers  map[offerKey]*offerState
	items   map[sign][]int64
	changes []sighting
}

func (b *offerBook) put(key offerKey, state *offerState) {
	b.offers[key] = state
	b.items[key.sign] = append(b.items[key.sign], key.item)
}

// see changes the book by a sighting, unless the offer was seen then or later.
func (b *offerBook) see(s sighting) {
	known := b.offers[s.offerKey]
	switch {
	case known == nil:
		known = &offerState{}
		b.put(s.offerKey, known)
		b.changes = append(b.changes, s)
	case !s.at.After(known.seen):
		return
	case s.terms != known.terms:
		b.changes = append(b.changes, s)
	}
	known.seen, known.terms, known.touched = s.at, s.terms, true
	if s.active {
		for _, item := range b.items[s.sign] {
			if item != s.item {
				b.end(offerKey{s.sign, item}, s.at)
			}
		}
	}
}

// end makes an offer inactive that was not seen since.
func (b *offerBook) end(key offerKey, at time.Time) {
	if known := b.offers[key]; known.active && known.seen.Before(at) {
		ended := known.terms
		ended.active = false
		b.see(sighting{key, at, ended})
	}
}

// endShop makes the offers of a shop inactive that were not seen since.
func (b *offerBook) endShop(shop int64, at time.Time) {
	var keys []offerKey
	for key := range b.offers {
		if key.shop == shop {
			keys = append(keys, key)
		}
	}
	for _, key := range slices.SortedFunc(slices.Values(keys), compareOffers) {
		b.end(key, at)
	}
}

// sightings returns the offers of the batch, in the order of time in each shop.
func (ap *appender) sightings() []sighting {
	out := make([]sighting, 0, len(ap.batch.Offers))
	for _, o := range ap.batch.Offers {
		s := sighting{
			offerKey: offerKey{sign{ap.shops[o.Shop], cmp.Or(o.Ref, o.Item)}, ap.items[o.Item]},
			at:       micro(o.Seen),
			terms: terms{ask: number(o.Ask), bid: number(o.Bid), batch: o.Batch, stock: number(o.Stock),
				capacity: number(o.Capacity), active: o.Active},
		}
		if o.PricedIn != "" {
			s.pricedIn = pgtype.Int8{Int64: ap.items[o.PricedIn], Valid: true}
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b sighting) int {
		return cmp.Or(cmp.Compare(a.shop, b.shop), a.at.Compare(b.at), compareOffers(a.offerKey, b.offerKey))
	})
	return out
}

func number(v *int64) pgtype.Int8 {
	if v == nil {
		return pgtype.Int8{}
	}
	return pgtype.Int8{Int64: *v, Valid: true}
}

// writeOffers writes the offers of the batch, ends those of shops that were closed,
// keeps what changed, and brings the hours of the items up to date. The caller has
// locked out other writers of offers.
func (ap *appender) writeOffers(ctx context.Context, closed map[int64]time.Time) error {
	seen := ap.sightings()
	book, err := ap.readOffers(ctx, seen, closed)
	if err != nil {
		return err
	}
	shops := maps.Clone(closed)
	for _, s := range seen {
		shops[s.shop] = time.Time{}
	}
	for _, shop := range slices.Sorted(maps.Keys(shops)) {
		at, closing := closed[shop]
		for ; len(seen) > 0 && seen[0].shop == shop; seen = seen[1:] {
			if closing && seen[0].at.After(at) {
				book.endShop(shop, at)
				closing = false
			}
			book.see(seen[0])
		}
		if closing {
			book.endShop(shop, at)
		}
	}
	if err := ap.saveOffers(ctx, book); err != nil || len(book.changes) == 0 {
		return err
	}
	if err := ap.saveChanges(ctx, book); err != nil {
		return err
	}
	return ap.offerHours(ctx, book.changes)
}

// readOffers reads the offers of the signs that were seen and of the closed shops.
func (ap *appender) readOffers(ctx context.Context, seen []sighting, closed map[int64]time.Time) (*offerBook, error) {
	book := &offerBook{offers: map[offerKey]*offerState{}, items: map[sign][]int64{}}
	signs := map[sign]bool{}
	for _, s := range seen {
		signs[s.sign] = true
	}
	var shops []int64
	var refs []string
	for s := range signs {
		shops, refs = append(shops, s.shop), append(refs, s.ref)
	}
	const query = `
		SELECT o.shop, o.ref, item, id, ask, bid, priced_in, batch, stock, capacity, active, seen
		FROM unnest($1::bigint[], $2::text[]) AS sign (shop, ref) JOIN offers o ON o.shop = sign.shop AND o.ref = sign.ref
		UNION
		SELECT shop, ref, item, id, ask, bid, priced_in, batch, stock, capacity, active, seen
		FROM offers WHERE shop = ANY($3)
		ORDER BY id`
	rows, _ := ap.tx.Query(ctx, query, shops, refs, slices.Collect(maps.Keys(closed)))
	var key offerKey
	var o offerState
	_, err := pgx.ForEachRow(rows, []any{&key.shop, &key.ref, &key.item, &o.id,
		&o.ask, &o.bid, &o.pricedIn, &o.batch, &o.stock, &o.capacity, &o.active, &o.seen}, func() error {
		known := o
		book.put(key, &known)
		return nil
	})
	return book, err
}

// saveOffers writes the offers that were seen, and sets the ids of those that are
// new.
func (ap *appender) saveOffers(ctx context.Context, book *offerBook) error {
	var keys []offerKey
	for key, o := range book.offers {
		if o.touched {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, compareOffers)
	n := len(keys)
	if n == 0 {
		return nil
	}
	shops, refs, items, seen := make([]int64, n), make([]string, n), make([]int64, n), make([]time.Time, n)
	said := newTermColumns(n)
	for i, key := range keys {
		o := book.offers[key]
		shops[i], refs[i], items[i], seen[i] = key.shop, key.ref, key.item, o.seen
		said.add(o.terms)
	}
	const query = `
		INSERT INTO offers AS known (id, shop, ref, item, seen, ask, bid, priced_in, batch, stock, capacity, active)
		SELECT nextval('offer_ids'), shop, ref, item, seen, ask, bid, priced_in, batch, stock, capacity, active
		FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::timestamptz[], $5::bigint[], $6::bigint[], $7::bigint[],
			$8::bigint[], $9::bigint[], $10::bigint[], $11::boolean[])
			WITH ORDINALITY AS new (shop, ref, item, seen, ask, bid, priced_in, batch, stock, capacity, active, nr)
		ORDER BY nr
		ON CONFLICT (shop, ref, item) DO UPDATE SET
			seen = excluded.seen, ask = excluded.ask, bid = excluded.bid, priced_in = excluded.priced_in,
			batch = excluded.batch, stock = excluded.stock, capacity = excluded.capacity, active = excluded.active
		RETURNING id, shop, ref, item`
	rows, _ := ap.tx.Query(ctx, query, append([]any{shops, refs, items, seen}, said.args()...)...)
	var id int64
	var key offerKey
	_, err := pgx.ForEachRow(rows, []any{&id, &key.shop, &key.ref, &key.item}, func() error {
		book.offers[key].id = id
		return nil
	})
	ap.changed[tagShops] = true
	return err
}

// saveChanges keeps what changed.
func (ap *appender) saveChanges(ctx context.Context, book *offerBook) error {
	n := len(book.changes)
	items, offers, at := make([]int64, n), make([]int64, n), make([]time.Time, n)
	said := newTermColumns(n)
	for i, c := range book.changes {
		items[i], offers[i], at[i] = c.item, book.offers[c.offerKey].id, c.at
		said.add(c.terms)
	}
	const query = `
		INSERT INTO offer_changes (item, offer, at, ask, bid, priced_in, batch, stock, capacity, active)
		SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::bigint[], $5::bigint[], $6::bigint[],
			$7::bigint[], $8::bigint[], $9::bigint[], $10::boolean[])
			AS new (item, offer, at, ask, bid, priced_in, batch, stock, capacity, active)
		ORDER BY item, offer, at`
	_, err := ap.tx.Exec(ctx, query, append([]any{items, offers, at}, said.args()...)...)
	return err
}

// termColumns are terms as arrays for a query.
type termColumns struct {
	asks, bids, pricedIn []pgtype.Int8
	batches              []int64
	stocks, capacities   []pgtype.Int8
	active               []bool
}

func newTermColumns(n int) *termColumns {
	return &termColumns{
		make([]pgtype.Int8, 0, n), make([]pgtype.Int8, 0, n), make([]pgtype.Int8, 0, n), make([]int64, 0, n),
		make([]pgtype.Int8, 0, n), make([]pgtype.Int8, 0, n), make([]bool, 0, n),
	}
}

func (c *termColumns) add(t terms) {
	c.asks, c.bids, c.pricedIn = append(c.asks, t.ask), append(c.bids, t.bid), append(c.pricedIn, t.pricedIn)
	c.batches, c.stocks = append(c.batches, t.batch), append(c.stocks, t.stock)
	c.capacities, c.active = append(c.capacities, t.capacity), append(c.active, t.active)
}

func (c *termColumns) args() []any {
	return []any{c.asks, c.bids, c.pricedIn, c.batches, c.stocks, c.capacities, c.active}
}
