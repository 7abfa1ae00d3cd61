// Package card draws the pictures by which other sites preview links: what a page says,
// and the course of a number. It reads no file, and knows nothing of pages.
package card

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// The size of a card.
const (
	Width  = 1200
	Height = 630
)

const (
	margin    = 72
	inner     = Width - 2*margin
	chartTop  = 392
	chartFoot = 528
	mostRunes = 400 // of a text
	mostSteps = inner / 2
)

var (
	paper  = color.RGBA{0xfb, 0xfa, 0xf6, 0xff}
	ink    = color.RGBA{0x1c, 0x1b, 0x17, 0xff}
	second = color.RGBA{0x5d, 0x5a, 0x50, 0xff}
	rule   = color.RGBA{0xc9, 0xc4, 0xb5, 0xff}
	accent = color.RGBA{0x0c, 0x6b, 0x52, 0xff}
	soft   = color.RGBA{0xcf, 0xe5, 0xdc, 0xff}
)

// A Card is what the picture of a page says. Any of it may be missing.
type Card struct {
	Economy, Title string
	Words          []Word // a sentence or two
	Age            string
	Series         []float64 // along time; fewer than 3 are not drawn
	SeriesName     string
}

// Word is a part of a sentence.
type Word struct {
	Text   string
	Strong bool
}

// A size is a font that texts are drawn in. It may be used by one at a time.
type size struct{ regular, bold font.Face }

type fonts struct {
	regular                 *opentype.Font
	head, title, body, foot size
}

// loaded is guarded by drawing.
var (
	drawing sync.Mutex
	loaded  = sync.OnceValues(load)
)

func load() (*fonts, error) {
	regular, err := opentype.Parse(goregular.TTF)
	if err != nil {
		return nil, err
	}
	bold, err := opentype.Parse(gobold.TTF)
	if err != nil {
		return nil, err
	}
	f := &fonts{regular: regular}
	for of, points := range map[*size]float64{&f.head: 32, &f.title: 68, &f.body: 38, &f.foot: 26} {
		options := &opentype.FaceOptions{Size: points, DPI: 72, Hinting: font.HintingNone}
		if of.regular, err = opentype.NewFace(regular, options); err != nil {
			return nil, err
		}
		if of.bold, err = opentype.NewFace(bold, options); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// PNG draws the card. One is drawn at a time.
func (c Card) PNG() ([]byte, error) {
	drawing.Lock()
	defer drawing.Unlock()
	f, err := loaded()
	if err != nil {
		return nil, fmt.Errorf("fonts of cards: %w", err)
	}
	p := &picture{image.NewRGBA(image.Rect(0, 0, Width, Height)), f}
	p.fill(p.Bounds(), paper)
	p.fill(image.Rect(0, 0, Width, 12), accent)
	p.mark(margin, 58)
	p.write(f.head.bold, second, margin+52, 90, p.cut(f.head.bold, c.Economy, inner-52))
	p.write(f.title.bold, ink, margin, 188, p.cut(f.title.bold, c.Title, inner))
	p.sentence(c.Words, 262, 3)
	p.course(c.Series)
	if len(c.Series) >= 3 {
		name := p.cut(f.foot.regular, c.SeriesName, inner/2)
		p.write(f.foot.regular, second, Width-margin-width(f.foot.regular, name), 578, name)
	}
	p.write(f.foot.regular, second, margin, 578, p.cut(f.foot.regular, c.Age, inner/2-20))
	var b bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := encoder.Encode(&b, p.RGBA); err != nil {
		return nil, fmt.Errorf("card: %w", err)
	}
	return b.Bytes(), nil
}

type picture struct {
	*image.RGBA
	fonts *fonts
}

func (p *picture) fill(r image.Rectangle, c color.Color) {
	draw.Draw(p.RGBA, r, image.NewUniform(c), image.Point{}, draw.Src)
}

// mark is the chequered cloth of the site's head.
func (p *picture) mark(x, y int) {
	const square = 9
	p.fill(image.Rect(x, y, x+4*square, y+4*square), soft)
	for i := range 16 {
		if row, column := i/4, i%4; (row+column)%2 == 0 {
			p.fill(image.Rect(x+column*square, y+row*square, x+(column+1)*square, y+(row+1)*square), accent)
		}
	}
}

func (p *picture) write(face font.Face, c color.Color, x, y int, text string) {
	d := font.Drawer{Dst: p.RGBA, Src: image.NewUniform(c), Face: face, Dot: fixed.P(x, y)}
	d.DrawString(text)
}

func width(face font.Face, text string) int { return font.MeasureString(face, text).Ceil() }

// legible returns a text as it can be drawn: what turns the writing of what follows
// around is left out, and what the font lacks is a box.
func (p *picture) legible(text string) string {
	var b strings.Builder
	n := 0
	for _, r := range text {
		switch {
		case n == mostRunes:
			return b.String()
		case unicode.IsSpace(r):
			r = ' '
		case unicode.Is(unicode.C, r), unicode.Is(unicode.Mn, r) && !p.has(r):
			continue
		case !p.has(r):
			r = '□'
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}

func (p *picture) has(r rune) bool {
	glyph, err := p.fonts.regular.GlyphIndex(nil, r)
	return err == nil && glyph != 0
}

// cut returns the beginning of a text that fits.
func (p *picture) cut(face font.Face, text string, most int) string {
	text = p.legible(text)
	if width(face, text) <= most {
		return text
	}
	runes := []rune(text)
	low, high := 0, len(runes)
	for low < high {
		middle := (low + high + 1) / 2
		if width(face, string(runes[:middle])+"…") <= most {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return strings.TrimRight(string(runes[:low]), " ") + "…"
}

// sentence writes words in lines, as many as fit.
func (p *picture) sentence(words []Word, y, lines int) {
	const line = 50
	x := margin
	for _, w := range words {
		face := p.fonts.body.regular
		if w.Strong {
			face = p.fonts.body.bold
		}
		for _, part := range strings.SplitAfter(p.legible(w.Text), " ") {
			if x > margin && x+width(face, strings.TrimRight(part, " ")) > Width-margin {
				if lines--; lines == 0 {
					p.write(face, ink, min(x, Width-margin-20), y, "…")
					return
				}
				x, y = margin, y+line
				part = strings.TrimLeft(part, " ")
			}
			part = p.cut(face, part, inner)
			p.write(face, ink, x, y, part)
			x += width(face, part)
		}
	}
}

// course draws a series as a line over its area.
func (p *picture) course(series []float64) {
	if len(series) < 3 {
		return
	}
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range series {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			low, high = min(low, v), max(high, v)
		}
	}
	p.fill(image.Rect(margin, chartFoot, Width-margin, chartFoot+2), rule)
	if low > high {
		return
	}
	step := 1 + (len(series)-1)/mostSteps
	type point struct{ x, y float32 }
	var points []point
	for i := 0; i < len(series); i += step {
		v := series[i]
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		share := 0.5
		if high > low {
			share = v/(high-low) - low/(high-low)
		}
		x := margin + float64(i)/float64(len(series)-1)*inner
		points = append(points, point{float32(x), float32(chartFoot - 8 - share*(chartFoot-chartTop-16))})
	}
	area, line := vector.NewRasterizer(Width, Height), vector.NewRasterizer(Width, Height)
	const half = 2.5
	for i, b := range points[1:] {
		a := points[i]
		path(area, a.x, a.y, b.x, b.y, b.x, chartFoot, a.x, chartFoot)
		length := float32(math.Hypot(float64(b.x-a.x), float64(b.y-a.y)))
		across, along := -(b.y-a.y)/length*half, (b.x-a.x)/length*half
		path(line, a.x-across, a.y-along, b.x-across, b.y-along, b.x+across, b.y+along, a.x+across, a.y+along)
		path(line, b.x-half/2, b.y-half/2, b.x+half/2, b.y-half/2, b.x+half/2, b.y+half/2, b.x-half/2, b.y+half/2)
	}
	area.Draw(p.RGBA, p.Bounds(), image.NewUniform(soft), image.Point{})
	line.Draw(p.RGBA, p.Bounds(), image.NewUniform(accent), image.Point{})
}

// path adds a shape of four corners.
func path(r *vector.Rasterizer, ax, ay, bx, by, cx, cy, dx, dy float32) {
	r.MoveTo(ax, ay)
	r.LineTo(bx, by)
	r.LineTo(cx, cy)
	r.LineTo(dx, dy)
	r.ClosePath()
}
