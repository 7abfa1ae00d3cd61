package views

import (
	"html"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// ShopName returns the name of a shop's page.
func ShopName(s *aggregates.Shop) string {
	name := s.OwnerName
	if s.Place != "" && s.Place != name {
		name += ", " + s.Place
	}
	return name
}

// ShopTrade shows what a shop sold and bought in a period.
func ShopTrade(p Page, s *aggregates.Shop) Content {
	standing, selling := 0, 0
	for _, o := range s.Offers {
		if o.Now.Active && o.Now.Ask != nil {
			selling++
			standing += boolToInt(o.Stands)
		}
	}
	inStock := tile{Key: "stock", Name: "Offers in stock", Value: Count(standing) + " of " + Count(selling)}
	if s.Uncounted != "" {
		return Content{Sub: "Sold and bought: " + s.Uncounted, Body: tiles([]tile{inStock})}
	}
	c := Content{Says: sayShop(s, p.Settings), Body: tiles([]tile{
		{Key: "sold", Name: "Sold", Value: moneyTile(s.Sold.Volume, p.Settings), Exact: Money(s.Sold.Volume, p.Settings)},
		{Key: "sales", Name: "Sales", Value: Count(s.Sold.Sales)},
		{Key: "bought", Name: "Paid to customers", Value: moneyTile(s.Bought.Volume, p.Settings), Exact: Money(s.Bought.Volume, p.Settings)},
		inStock,
	})}
	c.Sub = Count(s.Sold.Quantity) + " pieces sold; tax is included"
	if !s.Active {
		c.Alarm = " · closed"
	}
	return c
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// sayShop says what a shop sold, and what it lacks.
func sayShop(s *aggregates.Shop, settings ledger.Settings) Sentence {
	out := int64(0)
	for _, o := range s.Offers {
		if o.Out != nil {
			out++
		}
	}
	var said Sentence
	if s.Sold.Volume.Sign() > 0 {
		said.Words = phrase("Goods worth ", moneyTile(s.Sold.Volume, settings), " were sold here "+within(s.Period, settings))
	}
	if out > 0 && said.Words != nil {
		said.More = phrase("; ", Plural(out, "offer", "offers"), " sold out now")
	}
	return said
}

// ShopOffers shows what a shop offers now.
func ShopOffers(p Page, s *aggregates.Shop) Content {
	c := Content{Sub: "For a piece, in small for a batch; as last seen", Body: shopOffers(p, s)}
	if int64(len(s.Offers)) < s.Signs {
		c.Sub += " · " + Count(len(s.Offers)) + " of " + Plural(s.Signs, "offer", "offers")
	}
	if len(s.Offers) == 0 {
		c.Body = whose(p, s)
		c.Sub = "It has no offers"
	}
	return c
}

// ShopHistory shows how prices and stocks of a shop changed.
func ShopHistory(p Page, s *aggregates.Shop) Content {
	var tracks []track
	for _, o := range s.Offers {
		if t, ok := newTrack(o, s.Period, p.Settings); ok {
			tracks = append(tracks, t)
		}
	}
	if len(tracks) == 0 {
		return Content{Missing: "Nothing changed in this period."}
	}
	return Content{Sub: "Above: the price of a batch; below: the stock. Each begins and ends with the period", Body: shopTracks(tracks)}
}

// offerPrice writes the price of a batch, in money or in pieces of an item.
func offerPrice(v *int64, o aggregates.ShopSign, s ledger.Settings) string {
	switch {
	case v == nil:
		return "–"
	case o.PricedIn != nil:
		return Count(*v) + " " + brief(*o.PricedIn, mostName)
	}
	return Money(*v, s)
}

// signToMedian compares the price of a piece with the usual one.
func signToMedian(v *int64, o aggregates.ShopSign) string {
	if v == nil || o.PricedIn != nil || o.Price.Value == nil || *o.Price.Value <= 0 {
		return "–"
	}
	return Change(float64(*v)/float64(o.Batch), *o.Price.Value)
}

// usually says what the usual price is made of.
func usually(o aggregates.ShopSign, s ledger.Settings) string {
	if o.Price.Value == nil {
		return "It was never sold."
	}
	return "Usually " + UnitPrice(*o.Price.Value, s) + " a piece: median of " + Plural(o.Price.Sales, "sale", "sales") + ", " + string(o.Price.Confidence)
}

// signState says whether an offer can be used.
func signState(o aggregates.ShopSign, s ledger.Settings, asOf time.Time) string {
	switch {
	case !o.Now.Active:
		return "ended"
	case o.Out != nil && o.Now.Stock != nil && *o.Now.Stock > 0:
		return "less than a batch since " + DayMonth(*o.Out, s)
	case o.Out != nil && o.OutAgo:
		return "sold out for more than " + Duration(max(0, asOf.Sub(*o.Out)))
	case o.Out != nil:
		return "sold out since " + DayMonth(*o.Out, s) + ", " + local(*o.Out, s).Format("15:04")
	case o.Now.Bid != nil && !o.Room:
		return "full"
	}
	return ""
}

// A track is the course of one offer.
type track struct {
	Item, Price, Stock string
	ask, stock         string // paths
	label              string
}

// The drawing of a track, in units that are stretched to its width.
const (
	trackWidth  = 1000
	trackHeight = 40.0
	trackParts  = 120 // of the period; the last change in each is drawn
)

func newTrack(o aggregates.ShopSign, period aggregates.Period, s ledger.Settings) (track, bool) {
	if len(o.History) == 0 {
		return track{}, false
	}
	price := func(c aggregates.SignState) *int64 {
		if c.Ask != nil {
			return c.Ask
		}
		return c.Bid
	}
	ask := newSteps(o.History, period, price)
	stock := newSteps(o.History, period, func(c aggregates.SignState) *int64 { return c.Stock })
	if ask.empty() && stock.empty() {
		return track{}, false
	}
	t := track{Item: brief(o.ItemName, mostName), ask: ask.path(), stock: stock.path()}
	t.Price = ask.span(func(n int64) string { return offerPrice(&n, o, s) })
	t.Stock = stock.span(func(n int64) string { return Count(n) })
	t.label = t.Item + ": price " + orElse(t.Price, "not known") + ", stock " + orElse(t.Stock, "not known")
	return t, true
}

// steps are values that stay until the next one.
type steps struct {
	x         []float64
	values    []*int64
	low, high int64
}

func newSteps(history []aggregates.SignState, period aggregates.Period, of func(aggregates.SignState) *int64) steps {
	s := steps{low: math.MaxInt64, high: math.MinInt64}
	length := period.End.Sub(period.Start).Seconds()
	for _, c := range history {
		x := 0.0
		if length > 0 {
			x = min(max(c.At.Sub(period.Start).Seconds()/length, 0), 1)
		}
		x = math.Floor(x*trackParts) * trackWidth / trackParts
		v := of(c)
		if !c.Active {
			v = nil
		}
		if v != nil {
			s.low, s.high = min(s.low, *v), max(s.high, *v)
		}
		if n := len(s.x); n > 0 && s.x[n-1] == x {
			s.values[n-1] = v
			continue
		}
		s.x, s.values = append(s.x, x), append(s.values, v)
	}
	return s
}

func (s steps) empty() bool { return s.low > s.high }

// span writes the lowest and the highest value.
func (s steps) span(write func(int64) string) string {
	switch {
	case s.empty():
		return ""
	case s.low == s.high:
		return write(s.low)
	}
	return write(s.low) + " to " + write(s.high)
}

// path returns the line from the lowest value at the bottom to the highest at the
// top, in the middle if all are equal. It has gaps where there is no value.
func (s steps) path() string {
	var b strings.Builder
	num := func(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }
	drawing := false
	for i, v := range s.values {
		end := float64(trackWidth)
		if i+1 < len(s.x) {
			end = s.x[i+1]
		}
		if v == nil {
			drawing = false
			continue
		}
		y := trackHeight / 2
		if s.high > s.low {
			y = 2 + (trackHeight-4)*(1-(float64(*v)-float64(s.low))/(float64(s.high)-float64(s.low)))
		}
		if drawing {
			b.WriteString("V" + num(y))
		} else {
			b.WriteString("M" + num(s.x[i]) + " " + num(y))
		}
		b.WriteString("H" + num(end))
		drawing = true
	}
	return b.String()
}

// Draw draws the two lines of a track.
func (t track) Draw() templ.Component {
	view := `" preserveAspectRatio="none" viewBox="0 0 ` + strconv.Itoa(trackWidth) + ` ` + strconv.Itoa(int(trackHeight)) + `"`
	svg := `<svg class="steps` + view + ` role="img" aria-label="` + html.EscapeString(t.label) + `"><path class="line" d="` + t.ask + `"/></svg>`
	return templ.Raw(svg + `<svg class="steps stock` + view + ` aria-hidden="true"><path class="line" d="` + t.stock + `"/></svg>`)
}
