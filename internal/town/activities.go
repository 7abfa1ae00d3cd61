package town

import (
	"fmt"
	"time"
)

var (
	quests = []string{
		"Quest: the miller's missing cat", "Quest: nine lanterns for the quay", "Quest: a letter to Tally Hill",
		"Quest: the sunken bell", "Quest: wolves at the sheepfold", "Quest: the ferryman's oar",
		"Bounty: a cave of spiders", "Bounty: night watch on the wall", "Bounty: the marsh slimes",
		"Bounty: skeletons in the quarry", "Fishing derby", "Archery round",
	}
	courtesies = []string{
		"For the help with the roof", "Half of the catch", "Lost our bet", "Happy birthday", "For the lovely hat",
		"As agreed", "Lunch yesterday", "Your share of the treasure", "Thank you", "For carrying the stones",
		"Towards the new bridge", "Loan, no hurry",
	}
	journeys = []string{"Ferry", "Mail coach", "Portal", "Balloon", "Rowing boat"}
	tools    = []string{"pickaxe", "sword", "armour", "shield", "bow", "fishing rod", "hoe", "boat"}
)

// takeBonus pays the daily bonus, once a day.
func (t *Town) takeBonus(at time.Time) {
	p := t.someone()
	if p == nil || p.bonus == dayNumber(at) {
		return
	}
	p.bonus = dayNumber(at)
	t.book.pay(at, "bonus", "Daily bonus", t.public.mint, leg{p.account, 250})
}

// earnReward pays for a quest or for monsters: the town's main faucet.
func (t *Town) earnReward(at time.Time) {
	if p := t.someone(); p != nil {
		t.book.pay(at, "reward", pick(t.rng, quests), t.public.mint, leg{p.account, int64(600 * p.skill * lognormal(t.rng, .5))})
	}
}

// repair burns money for worn tools. Who has more owns more that breaks.
func (t *Town) repair(at time.Time) {
	if p := t.richest(2); p != nil {
		cost := int64(700*lognormal(t.rng, .6)) + p.account.balance/400
		t.book.pay(at, "repair", "Repair of a "+pick(t.rng, tools), p.account, leg{t.public.sink, min(cost, p.account.balance)})
	}
}

// travel burns a small fee.
func (t *Town) travel(at time.Time) {
	if p := t.someone(); p != nil {
		message := fmt.Sprintf("%s to %s", pick(t.rng, journeys), pick(t.rng, t.public.places))
		t.book.pay(at, "fee", message, p.account, leg{t.public.sink, 100 + 25*t.rng.Int64N(8)})
	}
}

// commission is how large fortunes come back into circulation.
func (t *Town) commission(at time.Time) {
	wishes := []string{"A tower", "A garden", "A portrait", "A winter garden", "A library", "A boathouse", "Stables"}
	p, f := t.richest(8), pick(t.rng, t.firms)
	if p == nil || f.closed || f.ownedBy(p) || p.account.balance < 200_000 {
		return
	}
	price := int64(float64(p.account.balance) * .012 * lognormal(t.rng, .6))
	if t.book.pay(at, "commission", pick(t.rng, wishes)+" for "+p.account.Name, p.account, leg{f.account, price}) != "" {
		f.earn(price)
	}
}

// giveMoney moves some between friends; now and then several put together.
func (t *Town) giveMoney(at time.Time) {
	from, to := t.someone(), t.someone()
	if from == to {
		return
	}
	if t.rng.Float64() < .06 {
		t.collect(to, at)
		return
	}
	amount := min(int64(1500*lognormal(t.rng, 1)), from.account.balance/4)
	t.book.pay(at, "transfer", pick(t.rng, courtesies), from.account, leg{to.account, amount})
}

// collect is a present from several to one.
func (t *Town) collect(to *player, at time.Time) {
	var gifts []leg
	given := map[*player]bool{to: true}
	for range 3 + t.rng.IntN(5) {
		if p := t.someone(); !given[p] && p.account.balance > 2000 {
			given[p] = true
			gifts = append(gifts, leg{p.account, -int64(200 + 100*t.rng.IntN(8))})
		}
	}
	t.book.pay(at, "transfer", "A present for "+to.account.Name, to.account, gifts...)
}
