package town

import (
	"fmt"
	"hash/fnv"
	"time"

	"exchequer/ledger"
)

// A firm makes goods of one sort, sells them in shops at one place, pays wages and
// shares its profit among its owners.
type firm struct {
	account *account
	place   string
	seen    time.Time // when it opened or closed
	sort    string
	village int
	owners  []*player
	staff   []*player
	shops   []*shop
	takings int64 // since the last payday
	untaxed int64 // since the last tax
	paySlot int   // hour of the week
	profit  int   // hour of the week at which the profit is shared
	lean    int   // paydays in a row without money
	closed  bool
	payout  int // per cent of the profit that is shared
}

func (f *firm) earn(amount int64) {
	f.takings += amount
	f.untaxed += amount
}

func (f *firm) shopRef() string { return "shop:" + slug(f.account.Name) }

// shop is where the firm sells, somewhere in its village. The place is made of the
// names, so that it takes nothing from the town's chance.
func (f *firm) shop() ledger.Shop {
	const around = 60 // blocks
	x, z := whereIs(f.place)
	x, z = x+scatter("x of "+f.account.Name, around), z+scatter("z of "+f.account.Name, around)
	y := 64 + scatter(f.account.Name+" y", 8)
	return ledger.Shop{
		Ref: f.shopRef(), Place: f.place, Owner: f.account.Ref, World: world, X: &x, Y: &y, Z: &z,
		Active: !f.closed, Seen: f.seen,
	}
}

// barter is what some firms offer beside their shops: goods of theirs for those of
// others.
func (f *firm) barter(items []item) (ledger.Offer, bool) {
	wanted := &items[(scatter(f.account.Name+" wants", 1<<20)+1<<20)%int64(len(items))]
	if len(f.shops) == 0 || wanted == f.shops[0].item || scatter(f.account.Name+" barters", 2) != 0 {
		return ledger.Offer{}, false
	}
	first := f.shops[0]
	pieces := max(1, int64(first.item.price/wanted.price*float64(wanted.batch)))
	return ledger.Offer{
		Shop: f.shopRef(), Ref: "barter", Item: first.item.ref, Ask: &pieces, PricedIn: wanted.ref, Batch: first.item.batch,
		Active: !f.closed, Seen: f.seen,
	}, true
}

// scatter returns a number from -most to most that depends only on the text.
func scatter(text string, most int64) int64 {
	h := fnv.New32a()
	h.Write([]byte(text))
	return int64(h.Sum32())%(2*most+1) - most
}

// ownedBy reports whether a player would be trading with themselves.
func (f *firm) ownedBy(p *player) bool {
	for _, owner := range f.owners {
		if owner == p {
			return true
		}
	}
	return false
}

// foundFirms makes the firms of the start, so that every good has at least two
// shops.
func (t *Town) foundFirms() {
	var sorts []string
	for i := range t.items {
		if g := &t.items[i]; len(sorts) == 0 || sorts[len(sorts)-1] != g.sort {
			sorts = append(sorts, g.sort)
		}
	}
	members := t.society.players
	for i := range max(2*len(sorts), int(180*t.scale)) {
		// The founders are among those who have lived here longest.
		f := t.addFirm(sorts[i%len(sorts)], t.start.AddDate(0, 0, -1-t.rng.IntN(300)), members[t.rng.IntN(len(members)/3)])
		f.takings = int64(40_000 * lognormal(t.rng, .5))
		for range t.rng.IntN(3) * t.rng.IntN(2) {
			if partner := pick(t.rng, members); !f.ownedBy(partner) {
				f.owners = append(f.owners, partner)
			}
		}
	}
	for i := range t.items {
		for n := 0; len(t.items[i].shops) < 2 && n < 200; n++ {
			if f := pick(t.rng, t.firms); f.sort == t.items[i].sort || n > 100 {
				t.addShop(f, &t.items[i], t.start)
			}
		}
	}
}

// addFirm opens a firm with its shops. A firm of one owner is theirs as a
// holder; one of several is a holder of its own.
func (t *Town) addFirm(sort string, at time.Time, founder *player) *firm {
	name := t.names.firm(t.rng)
	a := ledger.Account{Ref: "firm:" + slug(name), Kind: ledger.Business, Name: name, Opened: at}
	if t.rng.Float64() < .45 {
		a.Holder = founder.account.Ref
	}
	f := &firm{
		account: t.book.open(a), place: t.public.places[founder.village], seen: at, sort: sort, village: founder.village, owners: []*player{founder},
		paySlot: workSlot(t.rng), profit: workSlot(t.rng), payout: 15 + t.rng.IntN(25),
	}
	t.firms = append(t.firms, f)
	t.book.touchFirm(f)
	for range 3 + t.rng.IntN(3) {
		t.addShop(f, t.wanted(sort), at)
	}
	for range 2 + t.rng.IntN(5) {
		t.hire(f)
	}
	return f
}

// hire gives work to someone who has none.
func (t *Town) hire(f *firm) {
	if p := t.jobless(); p != nil {
		f.staff = append(f.staff, p)
	}
}

// jobless finds someone without work, who has it from now on; nil if none is
// found.
func (t *Town) jobless() *player {
	for range 20 {
		p := t.someone()
		if p == nil {
			p = pick(t.rng, t.society.players)
		}
		if !p.employed && !p.quit {
			p.employed, p.worked = true, 0
			return p
		}
	}
	return nil
}

func (t *Town) planFirms(hour time.Time, slot int) {
	share := inHour(hour)
	n := float64(len(t.firms)) * share
	t.often(.3*n, t.payListing)
	t.often(.5*n, t.wholesale)
	for _, f := range t.firms {
		if f.closed {
			continue
		}
		if f.paySlot == slot {
			t.sometime(func(at time.Time) { t.payday(f, at) })
		}
		if f.profit == slot {
			t.sometime(func(at time.Time) { t.shareProfit(f, at) })
		}
		for _, s := range f.shops {
			if hour.Hour()%6 == s.round {
				t.sometime(func(at time.Time) { t.tend(s, at) })
			}
		}
	}
}

// payListing burns what a place on the notice board costs.
func (t *Town) payListing(at time.Time) {
	if f := pick(t.rng, t.firms); !f.closed {
		t.book.pay(at, "listing", "Notice board, one week", f.account, leg{t.public.sink, 200 + 50*t.rng.Int64N(7)})
	}
}

// payday pays the week's wages in one transaction: over half of what came in,
// by skill and attendance, a tenth of it as tax. A firm that cannot pay lets
// people go, and closes after four lean weeks.
func (t *Town) payday(f *firm, at time.Time) {
	const perHead, most = 3500, 16
	week := f.takings
	f.takings = 0
	fund := min(week*58/100, f.account.balance)
	var weight float64
	working := f.staff[:0]
	for _, p := range f.staff {
		if p.quit {
			continue
		}
		working = append(working, p)
		if p.worked > 0 {
			weight += p.skill * float64(min(p.worked, 5))
		}
	}
	f.staff = working
	if week < 6000 && f.account.balance < 8000 {
		f.lean++
	} else {
		f.lean = 0
	}
	if f.lean >= 4 {
		t.close(f, at)
		return
	}
	var wages []leg
	var tax int64
	for _, p := range f.staff {
		if p.worked == 0 || fund <= 0 {
			continue
		}
		wage := int64(float64(fund) * p.skill * float64(min(p.worked, 5)) / weight)
		p.worked = 0
		wages = append(wages, leg{p.account, wage - wage/10})
		tax += wage / 10
	}
	wages = append(wages, leg{t.public.treasury, tax})
	t.book.pay(at, "salary", fmt.Sprintf("Wages at %s, tax withheld", f.account.Name), f.account, wages...)
	switch n := int64(len(f.staff)); {
	case n > 1 && fund < perHead*n:
		f.staff[n-1].employed = false
		f.staff = f.staff[:n-1]
	case n < most && fund > 2*perHead*(n+1):
		t.hire(f)
	}
}

// shareProfit pays out part of what a firm has beyond its reserve.
func (t *Town) shareProfit(f *firm, at time.Time) {
	const reserve = 120_000
	if f.closed {
		return
	}
	owners := f.owners[:0]
	for _, p := range f.owners {
		if !p.quit {
			owners = append(owners, p)
		}
	}
	if f.owners = owners; len(owners) == 0 {
		t.close(f, at)
		return
	}
	each := (f.account.balance - reserve) * int64(f.payout) / 100 / int64(len(owners))
	if each < 100 {
		return
	}
	var shares []leg
	for _, p := range owners {
		shares = append(shares, leg{p.account, each})
	}
	t.book.pay(at, "dividend", "Profit of "+f.account.Name, f.account, shares...)
}

// close ends a firm. What is left goes to its first owner, or to the town.
func (t *Town) close(f *firm, at time.Time) {
	heir := t.public.treasury
	if len(f.owners) > 0 && !f.owners[0].quit {
		heir = f.owners[0].account
	}
	t.book.pay(at, "closing", "Closing of "+f.account.Name, f.account, leg{heir, f.account.balance})
	f.closed, f.seen = true, at
	t.book.touchFirm(f)
	f.account.Archived = at
	t.book.touch(f.account)
	for _, p := range f.staff {
		p.employed = false
	}
	f.staff = nil
	for _, s := range f.shops {
		s.active, s.stock, s.seen = false, 0, at
		t.book.touchShop(s)
	}
}

// newFirms lets someone with money found a firm, now and then.
func (t *Town) newFirms(at time.Time) {
	for range poisson(t.rng, .45*t.scale) {
		founder := t.richest(12)
		if founder == nil || founder.account.balance < 250_000 {
			continue
		}
		f := t.addFirm(pick(t.rng, t.items).sort, at, founder)
		t.book.pay(at, "capital", "Capital of "+f.account.Name, founder.account, leg{f.account, founder.account.balance / 4})
	}
}
