package town

import (
	"math/rand/v2"
	"time"
)

// A fortune is something that befalls the market for some days.
type fortune struct {
	name, text     string
	from, until    int // day numbers, until not included
	sort           string
	only           []string // goods of that sort; nil: all
	supply, demand float64  // factors
	relief         bool     // the town helps those who are hit
	feast          bool     // everybody remembers it, whatever it concerns
}

func (f *fortune) concerns(g *good) bool {
	if f.sort != g.sort {
		return false
	}
	for _, name := range f.only {
		if name == g.name {
			return true
		}
	}
	return f.only == nil
}

// cycle is how often fortune turns: in each cycle there is one shortage, one
// glut and one festival.
const cycle = 28

func shortages() []fortune {
	return []fortune{
		{name: "a forest fire", text: "Timber is scarce, and the villages help those who are hit.", sort: "forest", supply: .2, demand: 1.1, relief: true},
		{name: "a failed harvest", text: "The fields yield a seventh of what they did, and the villages help.", sort: "field", supply: .15, demand: 1, relief: true},
		{name: "a collapsed shaft", text: "Little comes out of the mine until it is dug out again.", sort: "mine", only: []string{"Iron ingot", "Coal", "Diamond", "Copper ingot"}, supply: .2, demand: 1},
		{name: "a storm that broke roofs", text: "Glass and bricks are wanted everywhere.", sort: "workshop", only: []string{"Glass", "Brick"}, supply: .7, demand: 2.4, relief: true},
	}
}

func gluts() []fortune {
	return []fortune{
		{name: "a bumper crop", text: "More than the shops can hold.", sort: "field", supply: 2.2, demand: 1},
		{name: "a new mine", text: "It yields more than twice as much.", sort: "mine", only: []string{"Iron ingot", "Gold ingot", "Diamond", "Redstone dust"}, supply: 2.6, demand: 1},
		{name: "a better kiln", text: "It burns twice as many bricks and panes.", sort: "workshop", only: []string{"Glass", "Brick"}, supply: 2.2, demand: 1},
		{name: "a merchant fleet", text: "Rare goods from beyond the sea.", sort: "arcane", supply: 2.4, demand: 1},
	}
}

func festivals() []fortune {
	return []fortune{
		{name: "the Lantern Festival", text: "Every window wants a lantern.", sort: "workshop", only: []string{"Lantern", "Painting", "Carpet"}, supply: 1, demand: 3, feast: true},
		{name: "the Harbour Feast", text: "Food from every stall.", sort: "kitchen", supply: 1, demand: 1.7, feast: true},
		{name: "the Night of Rockets", text: "Rockets over the harbour.", sort: "arcane", only: []string{"Firework rocket"}, supply: 1, demand: 4, feast: true},
	}
}

// fortunes are those of the cycle'th four weeks after the start, a function of
// the seed alone, so that a town that is played again meets the same ones.
// They follow the order of the lists, so that the last four weeks of a history
// of sixty days have the harvest failure and the new mine.
func fortunes(seed uint64, start time.Time, nr int) []fortune {
	rng := rand.New(rand.NewPCG(seed, uint64(nr)<<16|0xf0))
	first := dayNumber(start) + nr*cycle
	choose := func(from []fortune, earliest, spread, length int) fortune {
		f := from[nr%len(from)]
		f.from = first + earliest + rng.IntN(spread)
		f.until = f.from + length + rng.IntN(4)
		return f
	}
	return []fortune{
		choose(shortages(), 3, 5, 8),
		choose(gluts(), 15, 5, 7),
		choose(festivals(), 11, 12, 3),
	}
}

// fortunes are those that may befall the town on a day.
func (t *Town) fortunes(at time.Time) []fortune {
	nr := t.age(at) / cycle
	all := fortunes(t.seed, t.start, nr)
	if nr > 0 {
		all = append(all, fortunes(t.seed, t.start, nr-1)...) // may reach into this cycle
	}
	return all
}

// conditions are what season and fortune do to each good today.
type conditions struct {
	supply, demand []float64
	relief         string // the reason for helping today, if there is one
}

func (t *Town) conditionsOn(at time.Time) conditions {
	c := conditions{supply: make([]float64, len(t.items)), demand: make([]float64, len(t.items))}
	today := dayNumber(at)
	told := t.fortunes(at)
	for i := range t.items {
		g := &t.items[i].good
		c.supply[i], c.demand[i] = g.season.plenty(at), 1
		for _, f := range told {
			if today < f.from || today >= f.until {
				continue
			}
			if f.relief {
				c.relief = f.name
			}
			if f.concerns(g) {
				c.supply[i] *= f.supply
				c.demand[i] *= f.demand
			}
		}
	}
	return c
}
