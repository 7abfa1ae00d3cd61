package town

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// placeNames are the town's quarters. Each has a village account.
func placeNames() []string {
	return []string{"Harbour Row", "Tally Hill", "Saltmere", "Pinnacle Green", "Copperfold", "Lantern Quay", "Oakhythe", "Mill Rising"}
}

var (
	firstNames = strings.Fields(`
		Ada Alder Amity Anselm Aria Arlo Aster Aubrey Basil Beatrix Bertram Blythe Bram Briony Calla Caspian
		Cedric Celia Clover Corin Cressida Dara Delphine Dorian Edda Edmund Elowen Elric Ember Enid Esme Evander
		Fable Faye Felix Fern Finch Flora Gideon Gilda Greta Gwen Hale Hattie Hazel Hester Hugo Ida Imogen Ines
		Iris Isolde Ivo Jasper Jory Juniper Kit Lark Laurel Leopold Linnet Lorna Lowell Lucian Lyra Mabel Maeve
		Magnus Marigold Maris Merle Milo Mina Myrtle Nell Nico Nora Odette Olive Orin Orla Osric Otto Pearl Percy
		Perrin Petra Piers Poppy Quill Quincy Ramsay Reed Rhea Roan Robin Rosalind Rowan Rufus Sable Sage Saskia
		Selwyn Silas Sorrel Sylvie Tamsin Tansy Thea Theo Tobias Una Ursula Vesper Viola Wilfred Willa Winifred
		Wren Yarrow Yvo Zelda Zinnia`)
	surnameHeads = strings.Fields(`
		Apple Ash Barley Birch Black Bram Bright Brook Cald Clay Cold Dun Elder Fair Fen Fox Frost Gold Green Hart
		Haw Heath Holl Honey Horn Kings Lind Long Marsh May Merry Moor Nettle Nor Oak Penny Pike Quick Raven Rye
		Salt Sedge Silver Stan Thorn Under Wain Wax West Whit Wil Win Wolf Yarn`)
	surnameTails = strings.Fields(`
		bank beck bourne bury by combe croft dale den field ford gate ham hurst ley low mere mont more shaw stead
		stone ton wald water well wick wood worth yard`)
	firmHeads = strings.Fields(`
		Amber Anchor Barley Beacon Bellwether Brass Candle Chequer Cinder Clover Copper Crown Dapple Ember Falcon
		Fiddler Flint Garnet Gilded Harrow Heron Hollow Ironbark Ivory Jade Kestrel Lantern Larder Linden Lodestar
		Magpie Marrow Meridian Millstone Mossy Otter Painted Pewter Plumb Quarry Quartermaster Quill Red Ribbon
		Sable Saffron Sextant Sickle Silver Sparrow Spindle Starling Tallow Thimble Thistle Tinder Topaz Umber
		Velvet Wayfarer Wheelwright Whistling Willow Yeoman`)
	firmTails = []string{"& Daughters", "& Sons", "Brothers", "Company", "Cooperative", "Emporium", "Exchange", "Goods",
		"House", "Merchants", "Outfitters", "Partners", "Provisions", "Stores", "Supply", "Trading", "Wares", "Works"}
)

// registry gives every person and firm a name of its own, and the ref that
// follows from it.
type registry struct {
	taken map[string]int
}

func (r *registry) person(rng *rand.Rand) string {
	return r.unique(func() string {
		head, tail := pick(rng, surnameHeads), pick(rng, surnameTails)
		for head[len(head)-1] == tail[0] { // no Goldden
			tail = pick(rng, surnameTails)
		}
		return pick(rng, firstNames) + " " + head + tail
	})
}

func (r *registry) firm(rng *rand.Rand) string {
	return r.unique(func() string { return pick(rng, firmHeads) + " " + pick(rng, firmTails) })
}

// unique draws a name that is not taken. Where such are hard to find, a
// namesake gets a number.
func (r *registry) unique(draw func() string) string {
	name := draw()
	for range 8 {
		if r.taken[name] == 0 {
			break
		}
		name = draw()
	}
	r.taken[name]++
	if n := r.taken[name]; n > 1 {
		return fmt.Sprintf("%s %s", name, roman(n))
	}
	return name
}

// roman writes the small numbers that namesakes get.
func roman(n int) string {
	var s strings.Builder
	for _, d := range []struct {
		value  int
		letter string
	}{{50, "L"}, {40, "XL"}, {10, "X"}, {9, "IX"}, {5, "V"}, {4, "IV"}, {1, "I"}} {
		for ; n >= d.value; n -= d.value {
			s.WriteString(d.letter)
		}
	}
	return s.String()
}

// slug is a name as part of a ref: "Ada Fenwick" is "ada-fenwick".
func slug(name string) string {
	var s strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			s.WriteRune(r)
		case s.Len() > 0 && !strings.HasSuffix(s.String(), "-"):
			s.WriteByte('-')
		}
	}
	return strings.TrimSuffix(s.String(), "-")
}

func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }
