package town

import (
	"math/rand/v2"
	"time"
)

// A fortune is something that befalls the market for some days.
type fortune struct {
	name           string
	from, until    int // day numbers, until not included
	sort           string
	only           []string // goods of that sort; nil: all
	supply, demand float64  // factors
	relief         bool     // the town helps those who are hit
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
		{name: "a forest fire", sort: "forest", supply: .2, demand: 1.1, relief: true},
		{name: "a failed harvest", sort: "field", supply: .15, demand: 1, relief: true},
		{name: "a collapsed shaft", sort: "mine", only: []string{"Iron ingot", "Coal", "Diamond", "Copper ingot"}, supply: .2, demand: 1},
		{name: "a storm that broke roofs", sort: "workshop", only: []string{"Glass", "Brick"}, supply: .7, demand: 2.4, relief: true},
	}
}

func gluts() []fortune {
	return []fortune{
		{name: "a bumper crop", sort: "field", supply: 2.2, demand: 1},
		{name: "a new mine", sort: "mine", only: []string{"Iron ingot", "Gold ingot", "Diamond", "Redstone dust"}, supply: 2.6, demand: 1},
		{name: "a better kiln", sort: "workshop", only: []string{"Glass", "Brick"}, supply: 2.2, demand: 1},
		{name: "a merchant fleet", sort: "arcane", supply: 2.4, demand: 1},
	}
}

func festivals() []fortune {
	return []fortune{
		{name: "the Lantern Festival", sort: "workshop", only: []string{"Lantern", "Painting", "Carpet"}, supply: 1, demand: 3},
		{name: "the Harbour Feast", sort: "kitchen", supply: 1, demand: 1.7},
		{name: "the Night of Rockets", sort: "arcane", only: []string{"Firework rocket"}, supply: 1, demand: 4},
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

// conditions are what season and fortune do to each good today.
type conditions struct {
	supply, demand []float64
	relief         string // the reason for helping today, if there is one
}

func (t *Town) conditionsOn(at time.Time) conditions {
	c := conditions{supply: make([]float64, len(t.items)), demand: make([]float64, len(t.items))}
	today := dayNumber(at)
	nr := (today - dayNumber(t.start)) / cycle
	told := fortunes(t.seed, t.start, nr)
	if nr > 0 {
		told = append(told, fortunes(t.seed, t.start, nr-1)...) // may reach into this cycle
	}
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
