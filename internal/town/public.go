package town

import (
	"time"

	"exchequer/ledger"
)

// public is the town's own accounts: the mint and the melting pot outside of
// the supply, the offices within it.
type public struct {
	mint, sink              *account
	treasury, court, market *account
	places                  []string
	villages                []*account // by place
	clerks                  []*player
}

func (t *Town) foundPublic() {
	open := func(ref, name string, kind ledger.Kind) *account {
		return t.book.open(ledger.Account{Ref: ref, Kind: kind, Name: name, Opened: t.start.AddDate(0, 0, -400)})
	}
	t.public = public{
		mint:     open("sys:mint", "Royal Mint", ledger.System),
		sink:     open("sys:sink", "Melting Pot", ledger.System),
		treasury: open("gov:treasury", "Town Treasury", ledger.Government),
		court:    open("gov:court", "Magistrates' Court", ledger.Government),
		market:   open("gov:market", "Market Office", ledger.Government),
		places:   placeNames(),
	}
	t.book.batch.Places = placesOf(t.public.places)
	for _, place := range t.public.places {
		t.public.villages = append(t.public.villages, open("gov:"+slug(place), "Village of "+place, ledger.Government))
	}
}

// world is the name of the world in which the town lies.
const world = "harbour"

// whereIs returns the middle of a quarter. It is made of the name, so that it takes
// nothing from the town's chance.
func whereIs(quarter string) (x, z int64) {
	const apart = 600 // blocks
	return scatter("x of "+quarter, apart), scatter("z of "+quarter, apart)
}

// placesOf returns the places by which people of these quarters find their way.
func placesOf(quarters []string) []ledger.Place {
	var x, z int64
	places := []ledger.Place{{World: world, Name: "Spawn", X: &x, Z: &z, Kind: "spawn"}}
	for _, quarter := range quarters {
		x, z := whereIs(quarter)
		places = append(places, ledger.Place{World: world, Name: quarter, X: &x, Z: &z, Kind: "quarter"})
	}
	return places
}

// The hours of the week at which the offices do their rounds.
const (
	budgetSlot = 1*24 + 6  // Monday
	paySlot    = 5*24 + 15 // Friday
	taxSlot    = 0*24 + 20 // Sunday
)

func (t *Town) planPublic(slot int) {
	n := float64(len(t.society.present)) / 24
	t.often(.012*n, t.fine)
	t.often(.02*n, t.help)
	t.often(.3*t.scale*float64(len(t.public.villages))/24, t.build)
	if t.today.relief != "" {
		t.often(.05*n, t.relieve)
	}
	switch slot {
	case budgetSlot:
		t.plan(5*time.Minute, t.budget)
	case paySlot:
		t.plan(10*time.Minute, t.payClerks)
	case taxSlot:
		t.plan(20*time.Minute, t.collectTax)
	}
}

// budget is Monday's: the mint's grant to the villages, what the court and the
// market took, and the treasury's surplus for the villages.
func (t *Town) budget(at time.Time) {
	p := &t.public
	heads := make([]int64, len(p.villages))
	for _, player := range t.society.players {
		if !player.quit {
			heads[player.village]++
		}
	}
	var grants, surplus []leg
	spare := max(0, p.treasury.balance-int64(5_000_000*t.scale)) / 5
	for i, village := range p.villages {
		grants = append(grants, leg{village, 60 * heads[i]})
		surplus = append(surplus, leg{village, spare / int64(len(p.villages))})
	}
	grants = append(grants, leg{p.treasury, int64(120_000 * t.scale)})
	t.book.pay(at, "grant", "The mint's weekly grant", p.mint, grants...)
	t.book.pay(at, "remittance", "Fines of the week", p.court, leg{p.treasury, p.court.balance})
	t.book.pay(at, "remittance", "Market dues of the week", p.market, leg{p.treasury, p.market.balance})
	t.book.pay(at, "grant", "Surplus for the villages", p.treasury, surplus...)
	t.shareSurplus(at)
}

// shareSurplus gives what a village has beyond its needs to those who were
// there in the last week, to each the same.
func (t *Town) shareSurplus(at time.Time) {
	here := make([][]*player, len(t.public.villages))
	for _, p := range t.society.players {
		if !p.quit && dayNumber(at)-p.seen < 7 {
			here[p.village] = append(here[p.village], p)
		}
	}
	for i, village := range t.public.villages {
		spare := max(0, village.balance-int64(1_300_000*t.scale)) / 3
		var shares []leg
		for _, p := range here[i] {
			shares = append(shares, leg{p.account, spare / int64(len(here[i]))})
		}
		t.book.pay(at, "grant", "Commoners' share of "+t.public.places[i], village, shares...)
	}
}

// payClerks pays the town's servants in one transaction, and finds new ones
// for those who left.
func (t *Town) payClerks(at time.Time) {
	p := &t.public
	staying := p.clerks[:0]
	var wages []leg
	for _, clerk := range p.clerks {
		if clerk.quit {
			continue
		}
		staying = append(staying, clerk)
		if clerk.worked > 0 {
			wages = append(wages, leg{clerk.account, int64(6000 + 1000*min(clerk.worked, 5))})
			clerk.worked = 0
		}
	}
	p.clerks = staying
	for len(p.clerks) < int(48*t.scale)+2 {
		clerk := t.jobless()
		if clerk == nil {
			break
		}
		p.clerks = append(p.clerks, clerk)
	}
	t.book.pay(at, "salary", "Salaries of the town's servants", p.treasury, wages...)
}

// collectTax is Sunday's: each village takes the business tax of its firms in
// one transaction, the treasury a tax on large fortunes.
func (t *Town) collectTax(at time.Time) {
	p := &t.public
	for i, village := range p.villages {
		var dues []leg
		for _, f := range t.firms {
			due := f.untaxed * t.businessTax(at) / 100
			if f.village == i && !f.closed && due > 0 && due <= f.account.balance {
				dues = append(dues, leg{f.account, -due})
				f.untaxed = 0
			}
		}
		t.book.pay(at, "tax", "Business tax of "+p.places[i], village, dues...)
	}
	if t.age(at) < fortuneTaxDay {
		return
	}
	const free = 800_000
	for _, player := range t.society.players {
		if rest := player.account.balance - free; rest > 0 && !player.quit {
			t.book.pay(at, "tax", "Tax on large fortunes",
				player.account, leg{p.treasury, rest / 100})
		}
	}
}

// fine is split between the court and the melting pot.
func (t *Town) fine(at time.Time) {
	offences := []string{"Fishing without a licence", "Noise after dark", "Unlit boat", "Trampled crops", "Griefing", "Short weight"}
	p := t.someone()
	if p == nil {
		return
	}
	amount := min(int64(1200*lognormal(t.rng, .7)), p.account.balance)
	t.book.pay(at, "fine", pick(t.rng, offences), p.account,
		leg{t.public.court, amount - amount/3}, leg{t.public.sink, amount / 3})
}

// help is a grant to someone who has little.
func (t *Town) help(at time.Time) {
	if p := t.poorest(4); p != nil {
		t.book.pay(at, "grant", "Winter coat fund", t.public.treasury, leg{p.account, 800 + 100*t.rng.Int64N(10)})
	}
}

// relieve helps those who are hit by a misfortune.
func (t *Town) relieve(at time.Time) {
	if p := t.poorest(3); p != nil {
		t.book.pay(at, "grant", "Relief after "+t.today.relief, t.public.villages[p.village], leg{p.account, 600 + 100*t.rng.Int64N(10)})
	}
}

// build is a village's order to a firm.
func (t *Town) build(at time.Time) {
	projects := []string{"Bridge", "Lamp posts", "Harbour wall", "Paving", "Granary", "Well", "School roof"}
	village := pick(t.rng, t.public.villages)
	f := pick(t.rng, t.firms)
	if amount := min(int64(22_000*lognormal(t.rng, .5))+village.balance/40, village.balance/6); !f.closed {
		if t.book.pay(at, "works", pick(t.rng, projects), village, leg{f.account, amount}) != "" {
			f.earn(amount)
		}
	}
}
