package views

import (
	"strings"
	"time"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// AppraisePath is the address of the appraisal of lists, and where its form is sent.
const AppraisePath = "/appraise"

// ListParam is a list of items and amounts, as [aggregates.WriteAddress] writes it.
var ListParam = &Param{
	Name: "i", Label: "Items with their amounts: minecraft:diamond:64~iron:128", Free: true,
	Nearest: func(text string) string {
		list, err := aggregates.ReadAddress(text)
		if err != nil {
			return ""
		}
		return aggregates.WriteAddress(list)
	},
}

// AppraiseAddress returns the address of the appraisal of a list.
func AppraiseAddress(list []aggregates.Wanted) string {
	declared := []*Param{ListParam}
	return AppraisePath + Params{}.With(declared, ListParam, aggregates.WriteAddress(list)).Query()
}

// Appraisal shows what a list is worth, and a form for another one.
func Appraisal(p Page, a *aggregates.Appraisal) Content {
	switch {
	case a.Known == 0:
		return Content{Missing: "There are no items yet."}
	case len(a.Lines) == 0:
		return Content{Sub: "Paste a list, one item a line", Body: appraiseStart(a)}
	}
	c := Content{Sub: "At the best offers that stand, and at the usual price", Says: sayAppraisal(a, p.Settings), Body: appraisal(p, a)}
	if wrong := int64(len(a.Lines) - len(valued(a))); wrong > 0 {
		c.Alarm = Plural(wrong, "line does", "lines do") + " not count"
	}
	return c
}

// sayAppraisal returns the sentence of what the list is worth, empty unless that is
// known of each line.
func sayAppraisal(a *aggregates.Appraisal, s ledger.Settings) Sentence {
	if len(a.Median.LeftOut) > 0 {
		return Sentence{}
	}
	said := Sentence{Words: phrase("This list is worth ", Money(a.Median.Sum, s), " at the usual prices")}
	if len(a.Buy.LeftOut) == 0 {
		said.Words = append(said.Words, phrase("; it costs ", Money(a.Buy.Sum, s), " where each item is cheapest")...)
	}
	return said
}

// valued returns the lines with which nothing is wrong.
func valued(a *aggregates.Appraisal) (lines []aggregates.AppraisedLine) {
	for _, l := range a.Lines {
		if l.Problem == "" {
			lines = append(lines, l)
		}
	}
	return lines
}

// wrongLines returns the lines with which something is wrong.
func wrongLines(a *aggregates.Appraisal) (lines []aggregates.AppraisedLine) {
	for _, l := range a.Lines {
		if l.Problem != "" {
			lines = append(lines, l)
		}
	}
	return lines
}

// leftOutNamed is how many of the lines that are left out of a sum are named.
const leftOutNamed = 3

// sumWithout returns what a sum leaves out.
func sumWithout(sum aggregates.AppraisedSum) string {
	if len(sum.LeftOut) == 0 {
		return "of all lines"
	}
	var names []string
	for _, name := range sum.LeftOut[:min(len(sum.LeftOut), leftOutNamed)] {
		names = append(names, brief(readable(name), mostName))
	}
	text := "without " + strings.Join(names, ", ")
	if more := len(sum.LeftOut) - len(names); more > 0 {
		text += " and " + Count(more) + " more"
	}
	return text
}

// An appraisedTile is one of the sums.
type appraisedTile struct {
	key, name string
	sum       aggregates.AppraisedSum
}

func appraisedTiles(a *aggregates.Appraisal) []appraisedTile {
	return []appraisedTile{{"buy", "To buy", a.Buy}, {"sell", "To sell", a.Sell}, {"median", "At the median", a.Median}}
}

// atValue writes what a line is worth.
func atValue(sum *ledger.Sum, s ledger.Settings) string {
	if sum == nil {
		return "—"
	}
	return Money(*sum, s)
}

// offerNote returns how old an offer is, and how much it has if that is less than is
// wanted.
func offerNote(o *aggregates.BestOffer, amount int64, has string, end time.Time) (age, short string) {
	age = ago(&o.Seen, end)
	if o.Pieces != nil && *o.Pieces < amount {
		short = has + " " + Count(*o.Pieces)
	}
	return age, short
}

// priceNote says what a price is made of, in short: "41 sales in 7 d, 3 h ago".
func priceNote(p aggregates.Price, end time.Time) string {
	text := Plural(p.Sales, "sale", "sales")
	if days := aggregates.ParseDays(p.Basis); days > 0 {
		text += " in " + Count(int64(days)) + nbsp + "d"
	}
	if age := priceAge(p, end); age != "" {
		text += ", " + age
	}
	return text
}

// mostFixes bounds the bytes of the links that put a list right, since each has the
// whole list.
const mostFixes = 64 << 10

// fixes returns what gives the links that put a line right, and empty ones when there
// are enough of them, or the list is in no address.
func fixes(a *aggregates.Appraisal) func(l aggregates.AppraisedLine, ref string) templ.SafeURL {
	left := mostFixes
	return func(l aggregates.AppraisedLine, ref string) templ.SafeURL {
		if a.Unaddressed || left <= 0 {
			return ""
		}
		address := AppraiseAddress(a.Fixed(l.Entry, ref))
		left -= len(address)
		return templ.SafeURL(address)
	}
}

// wrongAmount returns the amount of a line that has one, as it was written.
func wrongAmount(a *aggregates.Appraisal, l aggregates.AppraisedLine) string {
	if amount := a.List[l.Entry].Amount; amount != "" && (l.Problem == aggregates.LineAmount || amount != "1") {
		return amount
	}
	return ""
}

// copied is the appraisal as a text to paste elsewhere.
func copied(p Page, a *aggregates.Appraisal) string {
	var b strings.Builder
	b.WriteString(p.name() + ", " + Date(a.End, p.Settings) + " " + Time(a.End, p.Settings) + " " + Zone(a.End, p.Settings) + "\n")
	sums := func(buy, sell, median *ledger.Sum) string {
		return "buy " + atValue(buy, p.Settings) + ", sell " + atValue(sell, p.Settings) + ", median " + atValue(median, p.Settings)
	}
	for _, l := range a.Lines {
		if l.Problem != "" {
			b.WriteString(readable(l.Name))
			if l.Amount > 0 {
				b.WriteString(" × " + Count(l.Amount))
			}
			b.WriteString(": " + l.Why + "\n")
			continue
		}
		b.WriteString(Count(l.Amount) + " × " + readable(l.Name) + ": " + sums(l.AtBuy, l.AtSell, l.AtMedian) + "\n")
	}
	sum := func(of aggregates.AppraisedSum) *ledger.Sum {
		if of.Lines == 0 {
			return nil
		}
		return &of.Sum
	}
	b.WriteString("Sum: " + sums(sum(a.Buy), sum(a.Sell), sum(a.Median)) + "\n")
	for _, t := range appraisedTiles(a) {
		if len(t.sum.LeftOut) > 0 {
			b.WriteString("(" + t.name + ": " + sumWithout(t.sum) + ")\n")
		}
	}
	return strings.ReplaceAll(b.String(), nbsp, " ")
}

// choiceName names an item that may be meant: by its ref too, where several have its
// name.
func choiceName(l aggregates.AppraisedLine, c aggregates.Named) string {
	if l.Problem == aggregates.LineSeveral {
		return brief(readable(c.Name), mostName) + " (" + brief(readable(c.Ref), mostName) + ")"
	}
	return brief(readable(c.Name), mostName)
}
