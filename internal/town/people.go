package town

import (
	"fmt"
	"math"
	"sort"
	"time"

	"exchequer/ledger"
)

// A player comes on some days, works, shops, and one day stays away.
type player struct {
	account  *account
	activity float64 // the chance of coming on an ordinary day
	verve    float64 // how much they do when they are there
	skill    float64 // what their work is worth
	joined   int     // day number
	seen     int     // the last day on which they came
	bonus    int     // the last day whose bonus they took
	worked   int     // days since the last payday
	quit     bool    // will not come again
	archived bool
	employed bool
	landlord *player
	village  int
	rent     int64
	rentSlot int
}

// society is the players and who of them is about today.
type society struct {
	players []*player
	present []*player
	wheel   []float64 // running sums of the present ones' verve
}

// joining is how many players join a day; leaving, the chance of a player to
// quit on a day; forgotten, after how many days without them the account of
// one who quit is archived.
const (
	joining   = 11.3
	leaving   = .0026
	forgotten = 21
)

// foundSociety makes those who are there at the start. The rest of the number
// joins in the first sixty days.
func (t *Town) foundSociety(players int) {
	for range max(20, int(.72*float64(players))) {
		age := time.Duration(t.rng.Int64N(int64(320 * day / time.Second)))
		t.addPlayer(t.start.Add(-age * time.Second))
	}
	for _, p := range t.society.players {
		if t.rng.Float64() < .55 {
			t.settle(p)
		}
	}
}

func (t *Town) addPlayer(at time.Time) *player {
	name := t.names.person(t.rng)
	p := &player{
		account: t.book.open(ledger.Account{
			Ref: "player:" + slug(name), Kind: ledger.Personal, Name: name, Opened: at,
		}),
		activity: .08 + .84*math.Pow(t.rng.Float64(), 1.4),
		verve:    lognormal(t.rng, .6),
		skill:    lognormal(t.rng, .7),
		joined:   dayNumber(at),
		seen:     max(dayNumber(at), dayNumber(t.start)),
		village:  t.rng.IntN(len(t.public.villages)),
	}
	t.society.players = append(t.society.players, p)
	return p
}

// gather decides who comes today, and forgets those who have long been away.
func (t *Town) gather(at time.Time) {
	s := &t.society
	s.present, s.wheel = s.present[:0], s.wheel[:0]
	today := dayNumber(at)
	for _, p := range s.players {
		switch {
		case p.archived:
		case p.quit && today-p.seen > forgotten:
			t.archive(p, at)
		case p.quit:
		case t.rng.Float64() < leaving:
			p.quit = true
		case t.rng.Float64() < p.activity*weekdayShare[at.Weekday()]:
			t.arrive(p, today)
			if p.landlord == nil && today-p.joined > 5 && t.rng.Float64() < .03 {
				t.settle(p)
			}
		}
	}
}

func (t *Town) arrive(p *player, today int) {
	s := &t.society
	p.seen = today
	p.worked++
	sum := p.verve
	if n := len(s.wheel); n > 0 {
		sum += s.wheel[n-1]
	}
	s.present, s.wheel = append(s.present, p), append(s.wheel, sum)
}

// archive closes an account; the town inherits what is on it.
func (t *Town) archive(p *player, at time.Time) {
	t.book.pay(at, "escheat", "Left behind, fallen to the town", p.account, leg{t.public.treasury, p.account.balance})
	p.archived = true
	p.account.Archived = at
	t.book.touch(p.account)
}

// join is a newcomer's first hour.
func (t *Town) join(at time.Time) {
	p := t.addPlayer(at)
	t.arrive(p, dayNumber(at))
	t.book.pay(at, "grant", "Welcome to Port Exchequer", t.public.treasury, leg{p.account, 4000})
}

// someone is one of those who are about, the lively ones more often; nil when
// nobody is.
func (t *Town) someone() *player {
	s := &t.society
	if len(s.present) == 0 {
		return nil
	}
	at := t.rng.Float64() * s.wheel[len(s.wheel)-1]
	return s.present[min(sort.SearchFloat64s(s.wheel, at), len(s.present)-1)]
}

// richest is the richest of n who are about, poorest the poorest.
func (t *Town) richest(n int) *player {
	best := t.someone()
	for range n - 1 {
		if other := t.someone(); other != nil && other.account.balance > best.account.balance {
			best = other
		}
	}
	return best
}

func (t *Town) poorest(n int) *player {
	best := t.someone()
	for range n - 1 {
		if other := t.someone(); other != nil && other.account.balance < best.account.balance {
			best = other
		}
	}
	return best
}

// settle finds a home for rent.
func (t *Town) settle(p *player) {
	members := t.society.players
	host := pick(t.rng, members)
	for range 3 {
		// Whoever has lived here longest owns the houses.
		if other := pick(t.rng, members[:max(1, len(members)/12)]); other.activity > host.activity {
			host = other
		}
	}
	if host == p || host.quit {
		return
	}
	p.landlord, p.village, p.rentSlot = host, host.village, wakingSlot(t.rng)
	p.rent = int64(900+1400*lognormal(t.rng, .5)) / 50 * 50
}

// payRent pays the week's rent: most to the landlord, the ground rent to the
// village. Who cannot pay moves out.
func (t *Town) payRent(p *player, at time.Time) {
	if p.landlord == nil || p.archived {
		return
	}
	if p.quit || p.landlord.quit {
		p.landlord = nil
		return
	}
	ground := p.rent * 15 / 100
	message := fmt.Sprintf("Rent in %s, ground rent included", t.public.places[p.village])
	if t.book.pay(at, "rent", message, p.account,
		leg{p.landlord.account, p.rent - ground}, leg{t.public.villages[p.village], ground}) == "" {
		p.landlord = nil
	}
}

// planSociety plans what those who are about will do in the hour.
func (t *Town) planSociety(hour time.Time, slot int) {
	share := inHour(hour)
	n := float64(len(t.society.present)) * share
	t.often(.26*n, t.takeBonus)
	t.often(.44*n, t.earnReward)
	t.often(1.16*n, t.goShopping)
	t.often(.24*n, t.sellToShop)
	t.often(.20*n, t.giveMoney)
	t.often(.17*n, t.repair)
	t.often(.09*n, t.travel)
	t.often(.025*n, t.auction)
	t.often(.012*n, t.returnGoods)
	t.often(.02*n, t.commission)
	t.often(joining*t.scale*share*weekdayShare[hour.Weekday()], t.join)
	for _, p := range t.society.players {
		if p.landlord != nil && p.rentSlot == slot {
			t.sometime(func(at time.Time) { t.payRent(p, at) })
		}
	}
}
