package views

import (
	"strings"
	"time"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// ItemInfo is where an item's page is. At the addresses of the reserved refs is
// something of the list of items.
var ItemInfo = PageInfo{
	Path:     "/market/items/{ref}",
	Reserved: []string{"summary", "summary.csv", "summary.json", "summary.meta.json", "list.csv", "list.json"},
}

// itemAddress returns the address of an item's page.
func itemAddress(ref string) templ.SafeURL { return itemAddressIn(Params{}, ref) }

// itemAddressIn returns the address of an item's page for the period of another page,
// and its choice of offsetting trade.
func itemAddressIn(in Params, ref string) templ.SafeURL {
	return templ.SafeURL(ItemInfo.at(ref) + in.Of([]*Param{DaysParam, CircularParam}).Query())
}

// The filters of the list of items.
var (
	ItemTextParam   = SearchParam("q", "Name")
	ItemSortParam   = ChoiceParam("sort", "Sort by", options("value", "value sold", "name", "name", "dear", "price, dearest first", "cheap", "price, cheapest first", "rise", "rise of the price", "fall", "fall of the price", "last", "last sale")...)
	ItemStockParam  = CheckParam("stock", "in stock")
	ItemSoldParam   = CheckParam("sold", "sold in the period")
	ItemPricedParam = ChoiceParam("price", "Price", options("all", "any or none", "priced", "any", "thin", "firm or thin", "firm", "firm")...)
)

// options returns options of pairs of a value and a text.
func options(pairs ...string) []Option {
	var all []Option
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, Option{pairs[i], pairs[i+1], pairs[i+1]})
	}
	return all
}

// ItemsSummary shows how many items there are.
func ItemsSummary(p Page, v *aggregates.Items) Content {
	if v.Count == 0 {
		return Content{Missing: "There are no items yet."}
	}
	return Content{Sub: "All items of the record; sold in the period", Says: sayItems(p, v), Body: tiles([]tile{
		{Key: "items", Name: "Items", Value: Count(v.Count)},
		{Key: "sold", Name: "Sold in the period", Value: Count(v.Sold)},
		{Key: "stocked", Name: "In stock now", Value: Count(v.Stocked)},
		{Key: "firm", Name: "With a firm price", Value: Count(v.Firm)},
	})}
}

func sayItems(p Page, v *aggregates.Items) Sentence {
	if v.Sold == 0 || v.Historical {
		return Sentence{}
	}
	said := phrase("", Count(v.Sold), " of "+Plural(v.Count, "item", "items")+" were sold "+within(v.Period, p.Settings))
	if v.Sold == 1 {
		said = phrase("", "One", " of "+Plural(v.Count, "item", "items")+" was sold "+within(v.Period, p.Settings))
	}
	if v.Stocked > 0 {
		said = append(said, phrase("; ", Count(v.Stocked), " can be bought now")...)
	}
	return Sentence{Words: said}
}

// ItemRows returns the rows of the list of items. Ages are those at a time.
func ItemRows(items []aggregates.ListedItem, at time.Time, s ledger.Settings) templ.Component {
	return itemRows(items, at, s)
}

// ItemsSub says how many items pass the filters.
func ItemsSub(matching int, v *aggregates.Items) string {
	sub := Plural(int64(matching), "item", "items")
	if int64(matching) != v.Count {
		sub = Count(int64(matching)) + " of " + Plural(v.Count, "item", "items")
	}
	if left := v.Count - int64(len(v.Items)); left > 0 {
		sub += "; " + Count(left) + " with the least value are not listed"
	}
	return sub
}

// barePrice is UnitPrice without the symbol, for columns whose head has it.
func barePrice(minor float64, s ledger.Settings) string {
	s.Symbol = ""
	return strings.TrimSpace(UnitPrice(minor, s))
}

// optionalPrice writes a price that may be missing.
func optionalPrice(minor *float64, s ledger.Settings) string {
	if minor == nil {
		return "—"
	}
	return UnitPrice(*minor, s)
}

// ago writes how old a time is at another one: "3 h ago".
func ago(at *time.Time, now time.Time) string {
	if at == nil {
		return "never"
	}
	if d := now.Sub(*at); d >= time.Minute {
		return Duration(d) + " ago"
	}
	return "just now"
}

// changeOf writes the change of a price with its class.
func changeOf(i aggregates.ListedItem) (text, class string) { return changeFrom(i, i.Before) }

// changeFrom writes how the price of an item changed from another one, with its class.
func changeFrom(i aggregates.ListedItem, before *float64) (text, class string) {
	if i.ChangeFrom(before) == nil {
		return "", ""
	}
	text = Change(*i.Price.Value, *before)
	return text, direction(*i.Price.Value-*before, text)
}

// stocked writes how many pieces of an item the asks have, as far as it is known.
func stocked(i aggregates.ListedItem) string {
	switch {
	case i.Asks == 0:
		return "none"
	case i.Stock.Sign() == 0:
		return "yes"
	}
	return Count(i.Stock)
}

// readable returns a name for a heading: on one line, at most 120 characters.
func readable(name string) string {
	return brief(strings.Join(strings.Fields(strings.Map(printable, name)), " "), 120)
}

func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return ' '
	}
	return r
}
