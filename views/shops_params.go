package views

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The parameters of the search for a shop.
var (
	SideParam   = ChoiceParam("side", "Buy or sell", Option{"buy", "buy", "where to buy"}, Option{"sell", "sell", "where to sell"})
	AmountParam = &Param{Name: "n", Label: "How many pieces", Default: "1", Nearest: nearestAmount, Number: true, Is: "a number, as 64"}
	ItemParam   = &Param{Name: "item", Label: "Item", Nearest: verbatim, Is: aText}
	NearParam   = &Param{Name: "near", Label: "Near a place, or x and z", Nearest: verbatim, Is: aText}
	WorldParam  = &Param{Name: "world", Label: "World", Nearest: verbatim, Is: aText}
	WithinParam = &Param{Name: "within", Label: "Within", Nearest: nearestWithin, Number: true, Options: distances}
	OwnerParam  = &Param{Name: "owner", Label: "Owner", Nearest: verbatim, Is: aText}
	StockParam  = ChoiceParam("stock", "Stock", Option{"some", "in stock", ""}, Option{"enough", "enough for all", ""}, Option{"any", "sold out too", ""})
	SortParam   = ChoiceParam("sort", "Order", Option{"price", "best price", "by the price of a piece"},
		Option{"distance", "nearest", "by the distance"}, Option{"both", "price and way", "by the price with what the way is worth"})
	WalkParam  = &Param{Name: "walk", Label: "What 100 blocks are worth", Nearest: nearestDecimal, Is: anAmount}
	AfterParam = &Param{Name: "after", Label: "Where the rows begin: next of the rows before", Nearest: verbatim, Is: aText}
)

var distances = []Option{
	{"", "any distance", ""}, {"100", "100 blocks", ""}, {"250", "250 blocks", ""}, {"500", "500 blocks", ""},
	{"1000", "1,000 blocks", ""}, {"2500", "2,500 blocks", ""}, {"5000", "5,000 blocks", ""},
}

// ShopFilters are the parameters by which shops are searched for.
func ShopFilters() []*Param {
	return []*Param{SideParam, AmountParam, ItemParam, NearParam, WorldParam, WithinParam, OwnerParam, StockParam, SortParam, WalkParam}
}

// mostVerbatim is how many bytes a ref of the ledger has at most.
const mostVerbatim = 512

// verbatim returns a text as it is, and none if the ledger cannot have it: a ref
// may have any character.
func verbatim(text string) string {
	if len(text) > mostVerbatim || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return ""
	}
	return text
}

// mostAmount is how many pieces are searched for at most.
const mostAmount = 1_000_000

func nearestAmount(text string) string {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil && n == 0 {
		return "1"
	}
	return strconv.FormatInt(min(max(n, 1), mostAmount), 10)
}

// nearestWithin returns the option nearest to a number of blocks.
func nearestWithin(text string) string {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil && n == 0 || n <= 0 {
		return ""
	}
	away := func(o Option) int64 {
		blocks, err := strconv.ParseInt(o.Value, 10, 64)
		if err != nil {
			return 1 << 62
		}
		return max(blocks-min(n, 1e9), min(n, 1e9)-blocks)
	}
	return slices.MinFunc(distances, func(a, b Option) int { return cmp.Compare(away(a), away(b)) }).Value
}

// nearestDecimal returns a number without a sign, such as "2.50", and nothing for
// any other text.
func nearestDecimal(text string) string {
	text = plainNumber(text)
	whole, fraction, point := strings.Cut(text, ".")
	digits := func(s string) bool { return len(s) > 0 && len(s) <= 9 && strings.Trim(s, "0123456789") == "" }
	if !digits(whole) || point && !digits(fraction) {
		return ""
	}
	return text
}

// Minor returns an amount of money that nearestDecimal has passed, in minor units.
func Minor(text string, decimals int) int64 {
	whole, fraction, _ := strings.Cut(text, ".")
	fraction = (fraction + strings.Repeat("0", decimals))[:decimals]
	n, err := strconv.ParseInt(whole+fraction, 10, 64) // 18 digits at most
	if err != nil {
		return 0
	}
	return n
}
