package town

import (
	"math"
	"time"

	"exchequer/ledger"
)

// An item is a good on the market.
type item struct {
	good
	nr       int // place in the list
	ref      string
	shops    []*shop
	expected float64 // pieces a day that are asked for at the ordinary price
}

// A shop is where a firm sells one item and buys it from players. Its prices follow
// its stock. In the ledger it is an offer of the firm's shop.
type shop struct {
	firm     *firm
	item     *item
	price    float64 // of a batch, minor units
	margin   float64 // what it pays is this part of what it asks
	size     float64 // against other shops of the item
	stock    int64   // pieces
	capacity int64
	round    int // it is tended at hours that are this modulo 6
	active   bool
	seen     time.Time
	changed  bool
}

// asks is what a customer pays for a batch: prices end in 0 or 5.
func (s *shop) asks() int64 { return max(5, int64(math.Round(s.price/5))*5) }

// pays is what a customer gets for a batch.
func (s *shop) pays() int64 { return max(1, int64(s.price*s.margin/5)*5) }

// buying reports whether the shop still wants goods.
func (s *shop) buying() bool { return s.active && s.stock < s.capacity*7/10 }

// fill is how full the shop is, 0 to 1.
func (s *shop) fill() float64 { return float64(s.stock) / float64(s.capacity) }

// record is the shop as an offer.
func (s *shop) record() ledger.Offer {
	asks, stock, capacity := s.asks(), s.stock, s.capacity
	o := ledger.Offer{
		Shop: s.firm.shopRef(), Item: s.item.ref, Ask: &asks, Batch: s.item.batch,
		Stock: &stock, Capacity: &capacity, Active: s.active, Seen: s.seen,
	}
	if s.buying() {
		pays := s.pays()
		o.Bid = &pays
	}
	return o
}

func (t *Town) foundMarket() {
	for nr, g := range goods() {
		ref := "item:" + slug(g.name)
		t.items = append(t.items, item{good: g, nr: nr, ref: ref})
		t.book.batch.Items = append(t.book.batch.Items, ledger.Item{Ref: ref, Name: g.name, Group: groups[g.sort]})
	}
	for i := range t.items {
		t.items[i].expected = t.askedFor(&t.items[i], .43*.72*2400*t.scale)
	}
	t.today = t.conditionsOn(t.start)
}

// askedFor is how many pieces of an item are bought on a day by those present.
func (t *Town) askedFor(it *item, present float64) float64 {
	const batches = 1.75 // that a customer takes, see goShopping
	var all float64
	for i := range t.items {
		all += t.items[i].demand
	}
	return 1.16 * present * it.demand / all * batches * float64(it.batch)
}

// turnMarket lets production follow the number of people, slowly.
func (t *Town) turnMarket() {
	n := float64(len(t.society.present))
	for i := range t.items {
		it := &t.items[i]
		it.expected += .08 * (t.askedFor(it, n) - it.expected)
		var sizes float64
		for _, s := range it.shops {
			sizes += s.size
		}
		for _, s := range it.shops {
			s.capacity = max(s.stock, 4*it.batch, int64(6*it.expected*s.size/sizes))
		}
	}
}

// wanted draws an item by how much it is in demand today, of a sort if that is
// not empty.
func (t *Town) wanted(sort string) *item {
	var sum float64
	weight := func(i int) float64 {
		if sort != "" && t.items[i].sort != sort {
			return 0
		}
		return t.items[i].demand * t.today.demand[i]
	}
	for i := range t.items {
		sum += weight(i)
	}
	at := t.rng.Float64() * sum
	last := 0
	for i := range t.items {
		w := weight(i)
		if w == 0 {
			continue
		}
		last = i
		if at -= w; at < 0 {
			break
		}
	}
	return &t.items[last]
}

// addShop opens a shop, unless the firm has one for the item.
func (t *Town) addShop(f *firm, it *item, at time.Time) {
	for _, s := range f.shops {
		if s.item == it {
			return
		}
	}
	s := &shop{
		firm: f, item: it,
		price: it.price * lognormal(t.rng, .06), margin: .78 + .1*t.rng.Float64(), size: lognormal(t.rng, .5),
		capacity: max(4*it.batch, int64(.7*it.expected)), round: t.rng.IntN(6), active: true, seen: at,
	}
	s.stock = int64(float64(s.capacity) * (.35 + .3*t.rng.Float64()))
	f.shops = append(f.shops, s)
	it.shops = append(it.shops, s)
	t.book.touchShop(s)
}

// tend is what a shopkeeper does every six hours: bring what was made, more of
// it where the price is good and the shelf is empty, and set the price by the
// stock, with an eye on the others.
func (t *Town) tend(s *shop, at time.Time) {
	if !s.active {
		return
	}
	const (
		made    = .80 // of what is sold; the rest is bought from players
		rounds  = 4   // a day
		follows = .07 // how fast a price follows the stock
		heeds   = .05 // how much of a difference to the others is closed
		recalls = .02 // and to what has always been asked
	)
	var sizes, sum, n float64
	for _, other := range s.item.shops {
		if other.active {
			sizes += other.size
			sum += other.price
			n++
		}
	}
	supply := t.today.supply[s.item.nr]
	brought := made / rounds * s.item.expected * s.size / sizes *
		supply * math.Pow(s.price/s.item.price, .8) * (1.7 - 1.4*s.fill()) * lognormal(t.rng, .3)
	s.stock = min(s.capacity, s.stock+int64(brought+t.rng.Float64()))
	s.price *= math.Exp(follows*(.5-s.fill()) + .006*t.rng.NormFloat64())
	s.price += heeds*(sum/n-s.price) + recalls*(s.item.price-s.price)
	s.price = min(max(s.price, .35*s.item.price), 3.5*s.item.price)
	s.touch(t, at)
	if at.Hour() < 6 { // once a day is history enough
		t.book.sight(s)
	}
}

func (s *shop) touch(t *Town, at time.Time) {
	s.seen = at
	t.book.touchShop(s)
}

// offer finds a shop for a customer, who looks at up to four of those that
// suit and mostly takes the one that is best by the price.
func (t *Town) offer(it *item, customer *player, suits func(*shop) bool, better func(a, b *shop) bool) *shop {
	var best *shop
	for range min(4, 2*len(it.shops)) {
		s := pick(t.rng, it.shops)
		if !s.active || s.firm.ownedBy(customer) || !suits(s) {
			continue
		}
		if best == nil || better(s, best) && t.rng.Float64() < .8 {
			best = s
		}
	}
	return best
}

// wholesale moves goods from a full shop to one that runs out, below the price
// of the street; the market office takes its due.
func (t *Town) wholesale(at time.Time) {
	it := t.wanted("")
	if len(it.shops) < 2 {
		return
	}
	from, to := pick(t.rng, it.shops), pick(t.rng, it.shops)
	if !from.active || !to.active || from.firm == to.firm || from.fill() < .5 || to.fill() > .45 {
		return
	}
	pieces := min(to.capacity/5, from.stock/3) / it.batch * it.batch
	total := int64(.8 * from.price * float64(pieces) / float64(it.batch))
	due := total * 2 / 100
	message := "Wholesale of " + pieceCount(pieces, it)
	if pieces > 0 && t.book.pay(at, "wholesale", message, to.firm.account,
		leg{from.firm.account, total - due}, leg{t.public.market, due}) != "" {
		from.stock, to.stock = from.stock-pieces, to.stock+pieces
		from.firm.earn(total - due)
		from.touch(t, at)
		to.touch(t, at)
	}
}
