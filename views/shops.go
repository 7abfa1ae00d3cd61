package views

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// ShopInfo is where a shop's page is. At the addresses of the reserved refs is
// something of the search for shops.
var ShopInfo = PageInfo{
	Path:     "/market/shops/{ref}",
	Reserved: []string{"overview", "overview.csv", "overview.json", "overview.meta.json", "found.csv", "found.json"},
}

// ShopAddress returns the address of a shop's page.
func ShopAddress(ref string) templ.SafeURL { return templ.SafeURL(ShopInfo.at(ref)) }

// findAddress returns the address of the search for an item.
func findAddress(item string, sell bool) templ.SafeURL {
	p := Params{}.With(ShopFilters(), ItemParam, item)
	if sell {
		p = p.With(ShopFilters(), SideParam, "sell")
	}
	return templ.SafeURL("/market/shops" + p.Query())
}

// A MapURL is the address of a map on the web, with {world}, {x}, {y} and {z} where
// these belong; empty if there is none.
type MapURL string

// ParseMapURL returns an error unless the text is an address that may be linked to.
func ParseMapURL(text string) (MapURL, error) {
	plain := MapURL(text).fill("world", "0", "0", "0")
	u, err := url.Parse(plain)
	elsewhere, _ := url.Parse(MapURL(text).fill("other", "1", "1", "1"))
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || strings.ContainsAny(plain, "{} \t\r\n\"'<>"):
		return "", fmt.Errorf("%q: want the address of a map with {x} and {z}, such as https://map.example.org/#{world}:{x}:{y}:{z}", text)
	case elsewhere == nil || elsewhere.Host != u.Host:
		return "", fmt.Errorf("%q: the host of a map does not depend on the place", text)
	case !strings.Contains(text, "{x}") || !strings.Contains(text, "{z}"):
		return "", fmt.Errorf("%q: {x} or {z} is missing", text)
	}
	return MapURL(text), nil
}

func (m MapURL) fill(world, x, y, z string) string {
	return strings.NewReplacer("{world}", world, "{x}", x, "{y}", y, "{z}", z).Replace(string(m))
}

// seaLevel is the height of a shop whose height is not known.
const seaLevel = 64

// at returns the address of a shop on the map, empty if there is none.
func (m MapURL) at(s aggregates.Site) templ.SafeURL {
	if m == "" || s.X == nil {
		return ""
	}
	y := int64(seaLevel)
	if s.Y != nil {
		y = *s.Y
	}
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	world := strings.ReplaceAll(url.QueryEscape(s.World), "+", "%20")
	return templ.SafeURL(m.fill(world, number(*s.X), number(y), number(*s.Z)))
}

// coordinates writes where a shop is: "207, 64, −47".
func coordinates(s aggregates.Site) string {
	if s.X == nil {
		return ""
	}
	text := Count(*s.X)
	if s.Y != nil {
		text += ", " + Count(*s.Y)
	}
	return text + ", " + Count(*s.Z)
}

// whereabouts says where a shop is: "Oak Street, 120 blocks NE of Spawn".
func whereabouts(s aggregates.Site) string {
	place := brief(s.Place, mostName)
	if s.Bearing == nil {
		return place
	}
	near := brief(s.Bearing.Place, mostName)
	switch {
	case s.Bearing.Direction == "":
		near = "at " + near
	default:
		near = Plural(s.Bearing.Blocks, "block", "blocks") + " " + s.Bearing.Direction + " of " + near
	}
	if place == "" || strings.EqualFold(s.Place, s.Bearing.Place) {
		return near
	}
	return place + ", " + near
}

// optional writes a number that may not be known.
func optional(n *int64) string {
	if n == nil {
		return "–"
	}
	return Count(*n)
}

// only returns the mark of an offer that does not have all that is wanted.
func only(o aggregates.FoundOffer, q aggregates.FindQuery) string {
	switch {
	case !o.Stands && q.Sell:
		return "full"
	case !o.Stands:
		return "sold out"
	case o.Total != nil:
		return ""
	case o.Pieces == 0 && q.Sell && q.Amount < o.Batch:
		return "in batches of " + Count(o.Batch)
	case o.Pieces == 0 && q.Sell:
		return "cannot pay"
	}
	return "only " + Count(o.Pieces)
}

func total(o aggregates.FoundOffer, s ledger.Settings) string {
	if o.Total == nil {
		return "–"
	}
	return Money(*o.Total, s)
}

// dealt returns for how many pieces a total is, in whole batches.
func dealt(o aggregates.FoundOffer, amount int64) int64 {
	if o.Total == nil {
		return amount
	}
	return o.Pieces
}

// A Finder is the part of the page that finds shops.
type Finder struct {
	List
	Found  *aggregates.Found
	Places []aggregates.Place
	Worlds []aggregates.WorldShops
	Usual  *float64 // what a piece of the item usually costs; nil: not known
	Now    time.Time
}

// An echo is a text with one name in it, which may be written from the right. The
// name may be empty.
type echo struct{ before, name, after string }

// echoOf returns an echo whose name is not too long.
func echoOf(before, name, after string) echo { return echo{before, brief(name, mostName), after} }

// title says what was found.
func (f Finder) title() echo {
	q, found := f.Found.Query, f.Found
	within := ""
	if found.From != nil && q.Within > 0 {
		within = " within " + Plural(q.Within, "block", "blocks")
	}
	switch {
	case found.Item != nil && q.Sell:
		return echoOf(Plural(int64(found.Total), "offer", "offers")+" for ", found.Item.Name, within)
	case found.Item != nil:
		return echoOf(Plural(int64(found.Total), "offer", "offers")+" of ", found.Item.Name, within)
	case q.Item != "" && len(found.Suggestions) > 0:
		return echo{before: "Which item?"}
	case q.Item != "":
		return echo{before: "No such item"}
	case found.From != nil && found.From.Name != "":
		return echoOf("Shops near ", found.From.Name, "")
	case found.From != nil:
		return echo{before: "Shops nearby"}
	}
	return echo{before: "All shops"}
}

// notes say what of the question could not be answered.
func (f Finder) notes() []echo {
	var notes []echo
	q, found := f.Found.Query, f.Found
	if found.NoPlace {
		notes = append(notes, echoOf("No place is called “", q.Near, "”. Coordinates are written x, z: 150, −10."))
	}
	if found.NoOwner {
		notes = append(notes, echoOf("No account is called “", q.Owner, "”."))
	}
	if found.Cut && found.Item != nil {
		notes = append(notes, echo{before: "There are more; only the " + Count(aggregates.MostFound) + " best by price were looked at."})
	} else if found.Cut {
		notes = append(notes, echo{before: "There are more; only the " + Count(aggregates.MostNear) + " nearest of this area are listed."})
	}
	if found.Item != nil && found.Total > 0 && found.Lacks > 0 {
		what := "have"
		if q.Sell {
			what = "take"
		}
		notes = append(notes, echo{before: "All together they " + what + " " + Plural(q.Amount-found.Lacks, "piece", "pieces") + " of the " + Count(q.Amount) + "."})
	}
	if q.Sort == aggregates.ByBoth && found.From != nil && found.Item != nil {
		notes = append(notes, echo{before: "100 blocks of way count as " + Money(found.Walk, f.Settings) + "."})
	}
	return notes
}

// nothing says why there are no rows.
func (f Finder) nothing() echo {
	q, found := f.Found.Query, f.Found
	switch {
	case found.Item == nil && q.Item != "" && len(found.Suggestions) == 0:
		return echoOf("No item is called “", q.Item, "”. Its name, the beginning of it, or its id finds it.")
	case found.Item == nil:
		return echo{before: "No shop is here."}
	case q.Sell:
		return echo{before: "Nobody buys it here now."}
	}
	return echo{before: "Nobody sells it here now."}
}

// orders are the links that sort the offers.
func (f Finder) orders() []link {
	links := f.links(SortParam)
	if f.Found.From == nil {
		links = links[:1]
	}
	return links
}

// worlds are the worlds to choose from, if there are several.
func (f Finder) worlds() []string {
	var all []string
	for _, w := range f.Worlds {
		all = append(all, w.World)
	}
	return all
}

// mostOffered is how many places are suggested while one types.
const mostOffered = 40

// with returns the address of the page with another value of a parameter, at the
// first rows.
func (f Finder) with(d *Param, value string) templ.SafeURL {
	declared := f.Info.Params
	return templ.SafeURL(f.Path() + f.Page.Params.With(declared, f.After, "").With(declared, d, value).Query())
}

// ago says how long ago an offer was seen.
func (f Finder) ago(t time.Time) string { return Duration(max(0, f.Now.Sub(t))) }

// sayFound says where an amount costs least, or brings most, and whether several
// shops together are better.
func sayFound(found *aggregates.Found, s ledger.Settings) Sentence {
	if found.Item == nil || found.Best == nil && len(found.Split) == 0 {
		return Sentence{}
	}
	q := found.Query
	name := brief(found.Item.Name, mostName)
	amount, verb, buying := Plural(q.Amount, "piece", "pieces")+" of "+name, " cost least at ", "Buying "
	if q.Amount == 1 {
		amount, verb = "A piece of "+name, " costs least at "
	}
	if q.Sell {
		verb, buying = " bring most at ", "Selling "
		if q.Amount == 1 {
			verb = " brings most at "
		}
	}
	var said Sentence
	if best := found.Best; best != nil {
		way := ""
		if best.Offer.Distance != nil {
			way = ", " + Plural(*best.Offer.Distance, "block", "blocks") + " away"
		}
		if best.Pieces != q.Amount {
			way = " for " + Plural(best.Pieces, "piece", "pieces") + way
		}
		said.Words = phrase(amount+verb+brief(best.Offer.OwnerName, mostName)+": ", Money(best.Total, s), way)
	}
	if len(found.Split) == 0 {
		return said
	}
	var sum ledger.Sum
	var parts []string
	for _, d := range found.Split {
		sum = sum.Plus(d.Total)
		parts = append(parts, Count(d.Pieces)+" at "+brief(d.Offer.OwnerName, mostName))
	}
	together := buying + "at " + Count(len(parts)) + " shops"
	if last := len(parts) - 1; last < 3 {
		together = buying + strings.Join(parts[:last], ", ") + " and " + parts[last]
	}
	verb, than := " costs ", " less"
	if q.Sell {
		verb, than = " brings ", " more"
	}
	if found.Best == nil {
		return Sentence{Words: phrase("No shop alone is enough for "+Plural(q.Amount, "piece", "pieces")+" of "+name+". "+together+verb, Money(sum, s))}
	}
	difference := found.Best.Total.Minus(sum)
	if q.Sell {
		difference = difference.Neg()
	}
	said.More = phrase(". "+together+verb, Money(sum, s), ", ", Money(difference, s), than)
	return said
}

// Says returns what the page may say of what was found.
func (f Finder) Says() []Sentence { return []Sentence{sayFound(f.Found, f.Settings)} }

// ShopsStrip shows how many shops there are.
func ShopsStrip(p Page, s *aggregates.Shops) Content {
	if s.Shops == 0 {
		return Content{Missing: "There is no shop."}
	}
	c := Content{Sub: "Of this moment", Body: tiles([]tile{
		{Key: "shops", Name: "Shops", Value: Count(s.Shops)},
		{Key: "offers", Name: "Offers", Value: Count(s.Offers)},
		{Key: "selling", Name: "Selling, in stock", Value: Count(s.Selling.Stand) + " of " + Count(s.Selling.Offers)},
		{Key: "buying", Name: "Buying, with room", Value: Count(s.Buying.Stand) + " of " + Count(s.Buying.Offers)},
	})}
	if s.Barter > 0 {
		c.Sub += " · " + Plural(s.Barter, "offer", "offers") + " of barter"
	}
	return c
}
