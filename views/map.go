package views

import (
	"context"
	"html"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"exchequer/aggregates"
)

// A pin is a shop on a map, with its number in the list.
type pin struct {
	label string // empty: what is sold out
	title string
	x, z  int64
	best  bool
}

// radius is that of its disc: a number needs more room.
func (p pin) radius() float64 {
	if p.label == "" || p.label == "·" {
		return 5
	}
	return 10
}

// A shopMap is a world from above: north is up.
type shopMap struct {
	world  string
	pins   []pin
	places []aggregates.Place
	here   *aggregates.Place
}

// mapOf returns the map of what was found, of the world where the reader is, or else
// of the first row whose place is known.
func mapOf(f Finder) shopMap {
	m := shopMap{here: f.Found.From}
	var sites []aggregates.Site
	numbered := f.Found.Item != nil || f.Found.From != nil
	for _, o := range f.Found.Offers {
		sites = append(sites, o.Site)
	}
	for _, s := range f.Found.Shops {
		sites = append(sites, s.Site)
	}
	known := slices.IndexFunc(sites, func(s aggregates.Site) bool { return s.X != nil })
	switch {
	case m.here != nil:
		m.world = m.here.World
	case known >= 0:
		m.world = sites[known].World
	}
	at := map[string]bool{} // shops that have their pin
	for i, s := range sites {
		if s.X == nil || s.World != m.world || at[s.Shop] {
			continue
		}
		at[s.Shop] = true
		p := pin{title: brief(s.OwnerName, mostName), x: *s.X, z: *s.Z, label: "·"}
		if numbered {
			p.label = strconv.Itoa(f.Found.First + i)
			p.best = i == 0 && f.Found.First == 1
		}
		m.pins = append(m.pins, p)
	}
	for _, o := range f.Found.SoldOut {
		if o.X != nil && o.World == m.world && !at[o.Shop] {
			m.pins = append(m.pins, pin{title: brief(o.OwnerName, mostName), x: *o.X, z: *o.Z})
		}
	}
	for _, p := range f.Places {
		if p.World == m.world {
			m.places = append(m.places, p)
		}
	}
	return m
}

func (m shopMap) empty() bool { return len(m.pins) == 0 }

// about says what the map shows.
func (m shopMap) about() string {
	text := Plural(int64(len(m.pins)), "shop", "shops")
	if m.world != "" {
		text += " in " + brief(m.world, mostName)
	}
	return text + ", north is up"
}

// The map in its own units, which are about pixels of a phone.
const (
	mapSize    = 400.0
	mapMargin  = 26.0
	leastSpan  = 60.0 // blocks
	mostNames  = 14   // of places
	mapLetters = 12.0 // the size of text
)

// A projection puts blocks on a map.
type projection struct{ left, top, scale float64 }

func (p projection) x(x int64) float64 { return mapMargin + (float64(x)-p.left)*p.scale }
func (p projection) y(z int64) float64 { return mapMargin + (float64(z)-p.top)*p.scale }

// fit returns the projection that shows all pins, and where the reader is.
func (m shopMap) fit() projection {
	west, east, north, south := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	include := func(x, z int64) {
		west, east = min(west, float64(x)), max(east, float64(x))
		north, south = min(north, float64(z)), max(south, float64(z))
	}
	for _, p := range m.pins {
		include(p.x, p.z)
	}
	if m.here != nil {
		include(m.here.X, m.here.Z)
	}
	span := max(east-west, south-north, leastSpan)
	return projection{(west+east)/2 - span/2, (north+south)/2 - span/2, (mapSize - 2*mapMargin) / span}
}

// round returns 1, 2, 2.5 or 5 times a power of ten, not below v.
func round(v float64) float64 {
	magnitude := math.Pow(10, math.Floor(math.Log10(v)))
	for _, nice := range []float64{1, 2, 2.5, 5} {
		if nice*magnitude >= v {
			return nice * magnitude
		}
	}
	return 10 * magnitude
}

// step returns the distance of rings, or the length of the scale, in blocks.
func (m shopMap) step() int64 {
	return int64(max(1, round(mapSize/m.fit().scale/6)))
}

// sub says what the map's signs mean.
func (m shopMap) sub() string {
	if m.here != nil {
		return "Numbered as in the list; rings every " + Plural(m.step(), "block", "blocks")
	}
	return "North is up"
}

// Draw draws the map.
func (m shopMap) Draw() templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		_, err := io.WriteString(w, m.svg())
		return err
	})
}

func (m shopMap) svg() string {
	var s strings.Builder
	put := func(parts ...string) {
		for _, part := range parts {
			s.WriteString(part)
		}
	}
	num := func(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10+0, 'f', -1, 64) }
	text := func(class string, x, y float64, label string) {
		put(`<text class="`, class, `" x="`, num(x), `" y="`, num(y), `">`, html.EscapeString(label), `</text>`)
	}
	at := m.fit()
	size := num(mapSize)
	put(`<svg class="map" viewBox="0 0 `, size, ` `, size, `" role="img" aria-label="Map of `, html.EscapeString(m.about()), `">`)
	step := m.step()
	if m.here != nil {
		x, y := at.x(m.here.X), at.y(m.here.Z)
		for i := int64(1); i <= 6; i++ {
			r := float64(i*step) * at.scale
			if r > mapSize {
				break
			}
			put(`<circle class="ring" cx="`, num(x), `" cy="`, num(y), `" r="`, num(r), `"/>`)
			if d := r * math.Sqrt2 / 2; x+d < mapSize-24 && y+d < mapSize {
				text("scale", x+d, y+d, Count(i*step))
			}
		}
	} else {
		length := float64(step) * at.scale
		put(`<path class="ruler" d="M10 `, num(mapSize-12), `v4h`, num(length), `v-4"/>`)
		text("scale", 14+length, mapSize-7, Plural(step, "block", "blocks"))
	}
	m.names(at, put, num, text)
	if m.here != nil {
		x, y := at.x(m.here.X), at.y(m.here.Z)
		put(`<path class="here" d="M`, num(x-6), ` `, num(y-6), `l12 12m0-12l-12 12"/>`)
		text("you", x+9, y+16, "you")
	}
	for _, p := range slices.Backward(m.pins) { // the first lie above the others
		x, y, r := num(at.x(p.x)), at.y(p.z), num(p.radius())
		class := "pin"
		switch {
		case p.label == "":
			class = "pin gone"
		case p.best:
			class = "pin best"
		}
		put(`<g class="`, class, `"><title>`, html.EscapeString(p.title), `</title><circle cx="`, x, `" cy="`, num(y), `" r="`, r, `"/>`)
		if p.label != "" && p.label != "·" {
			put(`<text x="`, x, `" y="`, num(y+4), `">`, p.label, `</text>`)
		}
		put(`</g>`)
	}
	put(`</svg>`)
	return s.String()
}

// A box is the place of a name or of a pin.
type box struct{ left, right, top, bottom float64 }

func (b box) meets(o box) bool {
	return b.left < o.right && o.left < b.right && b.top < o.bottom && o.top < b.bottom
}

// names writes the names of places that the map shows, beside their points: above,
// below, right or left of them, wherever a name covers no pin and no other name. A
// place for whose name there is no room has none.
func (m shopMap) names(at projection, put func(...string), num func(float64) string, text func(class string, x, y float64, label string)) {
	var taken []box
	for _, p := range m.pins {
		x, y, r := at.x(p.x), at.y(p.z), p.radius()+1
		taken = append(taken, box{x - r, x + r, y - r, y + r})
	}
	written := 0
	for _, p := range m.places {
		name := brief(p.Name, 24)
		half := float64(len([]rune(name))) * mapLetters * 0.27
		x, y := at.x(p.X), at.y(p.Z)
		for _, d := range [][2]float64{{0, -10}, {0, 18}, {half + 8, 4}, {-half - 8, 4}, {0, -24}, {0, 32}, {half + 8, -16}, {-half - 8, -16}, {half + 8, 24}, {-half - 8, 24}, {0, -38}, {0, 46}} {
			b := box{x + d[0] - half, x + d[0] + half, y + d[1] - mapLetters + 2, y + d[1] + 3}
			if b.left < 2 || b.right > mapSize-2 || b.top < 2 || b.bottom > mapSize-2 || slices.ContainsFunc(taken, b.meets) {
				continue
			}
			taken = append(taken, b)
			put(`<path class="spot" d="M`, num(x-3), ` `, num(y), `h6m-3-3v6"/>`)
			text("place", x+d[0], y+d[1], name)
			written++
			break
		}
		if written == mostNames {
			return
		}
	}
}
