package chart

import (
	"math"
	"slices"
	"strings"

	"github.com/a-h/templ"
)

// A Sankey draws what flows from the nodes at the left through those in the middle
// to those at the right. Heights are in proportion to what flows.
type Sankey struct {
	About
	Nodes [3][]Node // from the top
	Links []Link
	Empty string // why there are no flows
}

// A Node is a place that flows leave or reach.
type Node struct {
	Name  string // and its value, written beside it
	Class string // its colour
}

// A Link leads from a node to one of the next column.
type Link struct {
	Column   int // 0: from the left to the middle; 1: from the middle to the right
	From, To int
	Value    float64 // above zero
	Class    string
	Tip      string
}

const (
	nodeGap   = 17.0 // between nodes, so that their names do not touch
	nodeWidth = 1.0  // in percent
)

// nodeAt are the left ends of the columns' nodes, in percent.
var nodeAt = [3]float64{0, 50 - nodeWidth/2, 100 - nodeWidth}

// Draw draws the flows.
func (k Sankey) Draw() templ.Component {
	return drawn(len(k.Links) == 0, k.Empty, k.draw)
}

func (k Sankey) draw(s *svg) {
	f := frame{height: k.height(), top: 8, bottom: 8}
	scale := k.scale(f)
	tops, heights := k.layout(f, scale)
	s.open(f, k.About, "flows")
	s.put(`<svg width="100%" height="`, num(f.height), `" viewBox="0 0 1000 `, num(f.height), `" preserveAspectRatio="none">`)
	k.ribbons(s, scale, tops)
	s.put(`</svg>`)
	for c, nodes := range k.Nodes {
		for i, n := range nodes {
			s.rect("bar "+n.Class, nodeAt[c], tops[c][i], nodeWidth, max(heights[c][i], 1), "")
		}
	}
	for c, nodes := range k.Nodes {
		for i, n := range nodes {
			y := tops[c][i] + heights[c][i]/2 + 4
			if c == 2 {
				s.text(nodeAt[c], y, -6, "e halo", n.Name)
			} else {
				s.text(nodeAt[c]+nodeWidth, y, 6, "halo", n.Name)
			}
		}
	}
	s.close()
}

// height is that of the drawing, which grows with the nodes of the longest column.
func (k Sankey) height() float64 {
	longest := 0
	for _, nodes := range k.Nodes {
		longest = max(longest, len(nodes))
	}
	return max(260, 150+26*float64(longest))
}

// flow returns what flows through each node: the larger of what reaches it and what
// leaves it.
func (k Sankey) flow() (through [3][]float64) {
	var in, out [3][]float64
	for c, nodes := range k.Nodes {
		in[c], out[c], through[c] = make([]float64, len(nodes)), make([]float64, len(nodes)), make([]float64, len(nodes))
	}
	for _, l := range k.Links {
		out[l.Column][l.From] += finite(l.Value)
		in[l.Column+1][l.To] += finite(l.Value)
	}
	for c := range through {
		for i := range through[c] {
			through[c][i] = max(in[c][i], out[c][i])
		}
	}
	return through
}

// scale returns pixels for one of the value, so that each column fits.
func (k Sankey) scale(f frame) float64 {
	scale := math.Inf(1)
	for c, column := range k.flow() {
		sum := 0.0
		for _, v := range column {
			sum += v
		}
		if sum > 0 {
			scale = min(scale, (f.plotHeight()-nodeGap*float64(len(k.Nodes[c])-1))/sum)
		}
	}
	return finite(scale)
}

// layout returns the top and the height of each node. A column is in the middle of
// the height.
func (k Sankey) layout(f frame, scale float64) (tops, heights [3][]float64) {
	for c, column := range k.flow() {
		used := nodeGap * float64(max(len(column)-1, 0))
		for _, v := range column {
			used += v * scale
		}
		y := f.top + (f.plotHeight()-used)/2
		for _, v := range column {
			tops[c], heights[c] = append(tops[c], y), append(heights[c], v*scale)
			y += v*scale + nodeGap
		}
	}
	return tops, heights
}

// ribbons draws the links. At each node they are in the order of their other ends.
func (k Sankey) ribbons(s *svg, scale float64, tops [3][]float64) {
	starts, ends := make([]float64, len(k.Links)), make([]float64, len(k.Links))
	place := func(at []float64, node, other func(Link) (column, index int)) {
		order := make([]int, len(k.Links))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int {
			_, x := other(k.Links[a])
			_, y := other(k.Links[b])
			return x - y
		})
		used := map[[2]int]float64{}
		for _, i := range order {
			c, n := node(k.Links[i])
			key := [2]int{c, n}
			at[i] = tops[c][n] + used[key]
			used[key] += finite(k.Links[i].Value) * scale
		}
	}
	from := func(l Link) (int, int) { return l.Column, l.From }
	to := func(l Link) (int, int) { return l.Column + 1, l.To }
	place(starts, from, to)
	place(ends, to, from)
	for i, l := range k.Links {
		x1, x2 := (nodeAt[l.Column]+nodeWidth)*10, nodeAt[l.Column+1]*10
		half, h := (x1+x2)/2, max(finite(l.Value)*scale, 0.5)
		var d strings.Builder
		d.WriteString("M" + point(x1, starts[i]) + "C" + point(half, starts[i]) + " " + point(half, ends[i]) + " " + point(x2, ends[i]))
		d.WriteString("v" + num(h) + "C" + point(half, ends[i]+h) + " " + point(half, starts[i]+h) + " " + point(x1, starts[i]+h) + "z")
		s.put(`<path class="ribbon `, escape(l.Class), `" d="`, d.String(), `" data-tip="`, escape(l.Tip), `"/>`)
	}
}
