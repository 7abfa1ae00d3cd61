package town

import (
	"fmt"
	"math"
	"strings"
	"time"

	"exchequer/ledger"
)

// salesTax is the percentage of a shop sale's total that goes to the treasury.
const salesTax = 7

// A line is one item of a purchase.
type line struct {
	shop       *shop
	batches    int64
	total, tax int64
}

// A receipt is a past sale that may come back.
type receipt struct {
	buyer *player
	line  line
}

// goShopping buys from a shop, now and then something else from the same firm,
// and pays for all of it in one transaction.
func (t *Town) goShopping(at time.Time) {
	buyer := t.someone()
	if t.rng.Float64() < .5 {
		buyer = t.richest(2)
	}
	if buyer == nil {
		return
	}
	it := t.wanted("")
	s := t.offer(it, buyer, func(s *shop) bool { return s.stock >= it.batch }, func(a, b *shop) bool { return a.price < b.price })
	// The dearer it is, the fewer want it; and who has little, saves.
	if s == nil || t.rng.Float64() > math.Pow(it.price*1.05/s.price, 1.1)*math.Sqrt(float64(buyer.account.balance)/20_000) {
		return
	}
	budget := buyer.account.balance / 3
	lines := t.choose(nil, s, buyer, budget)
	for len(lines) > 0 && len(lines) < 3 && t.rng.Float64() < .15 {
		before := len(lines)
		if lines = t.choose(lines, pick(t.rng, s.firm.shops), buyer, budget); len(lines) == before {
			break
		}
	}
	t.checkout(buyer, lines, at)
}

// choose adds what a buyer takes of a shop's item: more if they are rich or
// the price is low, nothing if they cannot pay.
func (t *Town) choose(lines []line, s *shop, buyer *player, budget int64) []line {
	for _, l := range lines {
		if l.shop == s {
			return lines
		}
		budget -= l.total
	}
	wealth := min(max(math.Pow(float64(buyer.account.balance)/60_000, .35), .4), 2.5)
	n := 1 + int64(poisson(t.rng, .8*wealth*s.item.price/s.price))
	n = min(n, s.stock/s.item.batch, budget/s.asks())
	if n <= 0 || !s.active {
		return lines
	}
	total := n * s.asks()
	return append(lines, line{s, n, total, total * salesTax / 100})
}

// checkout moves the money and the goods.
func (t *Town) checkout(buyer *player, lines []line, at time.Time) {
	if len(lines) == 0 {
		return
	}
	var total, tax int64
	var what []string
	for _, l := range lines {
		total, tax = total+l.total, tax+l.tax
		what = append(what, pieceCount(l.batches*l.shop.item.batch, l.shop.item))
	}
	f := lines[0].shop.firm
	message := strings.Join(what, ", ") + " in " + t.public.places[f.village]
	ref := t.book.pay(at, "shop", message, buyer.account, leg{f.account, total - tax}, leg{t.public.treasury, tax})
	if ref == "" {
		return
	}
	f.earn(total - tax)
	for i, l := range lines {
		l.shop.stock -= l.batches * l.shop.item.batch
		l.shop.touch(t, at)
		t.book.sell(i+1, ref, l.sale(at, buyer))
	}
	t.remember(receipt{buyer, lines[0]})
}

func (l *line) sale(at time.Time, buyer *player) ledger.Sale {
	return ledger.Sale{
		At: at, Item: l.shop.item.ref, Shop: l.shop.firm.shopRef(), Seller: l.shop.firm.account.Ref, Buyer: buyer.account.Ref,
		Direction: ledger.DirectionSale, Quantity: l.batches * l.shop.item.batch, Total: l.total, Tax: l.tax,
	}
}

// remember keeps the last receipts.
func (t *Town) remember(r receipt) {
	const kept = 200
	if len(t.receipts) < kept {
		t.receipts = append(t.receipts, r)
		return
	}
	t.receipts[t.rng.IntN(kept)] = r
}

// returnGoods brings something back for the price that was paid.
func (t *Town) returnGoods(at time.Time) {
	if len(t.receipts) == 0 {
		return
	}
	i := t.rng.IntN(len(t.receipts))
	r := t.receipts[i]
	t.receipts[i] = t.receipts[len(t.receipts)-1]
	t.receipts = t.receipts[:len(t.receipts)-1]
	l, s := r.line, r.line.shop
	if !s.active || r.buyer.quit {
		return
	}
	pieces := l.batches * s.item.batch
	ref := t.book.pay(at, "return", "Returned: "+pieceCount(pieces, s.item), s.firm.account,
		leg{r.buyer.account, l.total}, leg{t.public.treasury, -l.tax})
	if ref == "" {
		return
	}
	s.stock = min(s.capacity, s.stock+pieces)
	s.touch(t, at)
	back := l.sale(at, r.buyer)
	back.Quantity, back.Total, back.Tax = -back.Quantity, -back.Total, -back.Tax
	t.book.sell(1, ref, back)
}

// sellToShop brings a shop what a player has gathered. Less is gathered when
// there is little, so a shortage is felt here too.
func (t *Town) sellToShop(at time.Time) {
	seller, it := t.someone(), t.wanted("")
	if seller == nil || t.rng.Float64() > t.today.supply[it.nr] {
		return
	}
	s := t.offer(it, seller, (*shop).buying, func(a, b *shop) bool { return a.pays() > b.pays() })
	if s == nil {
		return
	}
	spare := max(0, s.firm.account.balance/8)
	n := min(1+int64(poisson(t.rng, 1.2)), (s.capacity-s.stock)/it.batch, spare/s.pays())
	total, pieces := n*s.pays(), n*it.batch
	if n <= 0 {
		return
	}
	ref := t.book.pay(at, "purchase", fmt.Sprintf("Bought %s from a player", pieceCount(pieces, it)),
		s.firm.account, leg{seller.account, total})
	if ref == "" {
		return
	}
	s.stock += pieces
	s.touch(t, at)
	t.book.sell(1, ref, ledger.Sale{
		At: at, Item: it.ref, Shop: s.firm.shopRef(), Seller: seller.account.Ref, Buyer: s.firm.account.Ref,
		Direction: ledger.DirectionPurchase, Quantity: pieces, Total: total,
	})
}

// auction sells a single precious thing from player to player; part of the
// price is burned.
func (t *Town) auction(at time.Time) {
	seller, buyer := t.someone(), t.richest(3)
	it := t.wanted("")
	for it.price < 2000 {
		it = t.wanted("")
	}
	if seller == buyer {
		return
	}
	price := int64(pick(t.rng, it.shops).price * lognormal(t.rng, .12))
	tax := price * 5 / 100
	if price > buyer.account.balance/2 {
		return
	}
	ref := t.book.pay(at, "auction", "Auction: "+pieceCount(it.batch, it), buyer.account,
		leg{seller.account, price - tax}, leg{t.public.sink, tax})
	if ref != "" {
		t.book.sell(1, ref, ledger.Sale{
			At: at, Item: it.ref, Seller: seller.account.Ref, Buyer: buyer.account.Ref,
			Direction: ledger.DirectionSale, Quantity: it.batch, Total: price, Tax: tax,
		})
	}
}

// pieceCount is a number of pieces in words: "32 Arrow", "Diamond".
func pieceCount(pieces int64, it *item) string {
	if pieces == 1 {
		return it.name
	}
	return fmt.Sprintf("%d %s", pieces, it.name)
}
