package views

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// Words are a part of a sentence. A number that a page leads with is strong.
type Words struct {
	Text   string
	Strong bool
}

// A Sentence is what a panel says of its numbers for the lede of a page: nothing,
// or words that the numbers bear out. It ends without a full stop.
type Sentence struct {
	Words []Words
	More  []Words // said too if the lede has room for its numbers
}

// The limits of a lede.
const (
	ledeSentences = 2
	ledeNumbers   = 3
)

// Lede joins the first sentences of a page's panels, in the order of the panels.
// Without any it returns the fallback.
func Lede(said []Sentence, fallback string) []Words {
	var chosen []Sentence
	left := ledeNumbers
	for _, s := range said {
		if n := strong(s.Words); n <= left && len(s.Words) > 0 && len(chosen) < ledeSentences {
			chosen = append(chosen, s)
			left -= n
		}
	}
	var lede []Words
	for i, s := range chosen {
		if i > 0 {
			lede = append(lede, Words{Text: " "})
		}
		lede = append(lede, s.Words...)
		if n := strong(s.More); n <= left {
			lede = append(lede, s.More...)
			left -= n
		}
		lede = append(lede, Words{Text: "."})
	}
	if lede == nil && fallback != "" {
		return []Words{{Text: fallback}}
	}
	return lede
}

// sentences writes words, without the space that a template would put between
// them.
func sentences(words []Words) templ.Component {
	var b strings.Builder
	for _, w := range words {
		text := templ.EscapeString(w.Text)
		if w.Strong {
			text = "<b>" + text + "</b>"
		}
		b.WriteString(text)
	}
	return templ.Raw(b.String())
}

// strong returns how many numbers the words lead with.
func strong(words []Words) int {
	n := 0
	for _, w := range words {
		if w.Strong {
			n++
		}
	}
	return n
}

// phrase returns words of which every other is strong, from the second on.
func phrase(texts ...string) []Words {
	var words []Words
	for i, text := range texts {
		if text != "" {
			words = append(words, Words{Text: text, Strong: i%2 == 1})
		}
	}
	return words
}

// within returns the words for a period: "in 30 days", "since 3 Mar 2024".
func within(p aggregates.Period, s ledger.Settings) string {
	last := Date(p.End.Add(-time.Nanosecond), s)
	if !p.Since.IsZero() { // the ledger is younger than the period is long
		p.Days, p.Start = aggregates.Days(0).Key(), p.Since
	}
	switch {
	case p.Days == aggregates.Days(0).Key() && p.Historical:
		return "from " + Date(p.Start, s) + " to " + last
	case p.Days == aggregates.Days(0).Key():
		return "since " + Date(p.Start, s)
	case p.Historical:
		return "in the " + span(p) + " to " + last
	}
	return "in " + span(p)
}

// span returns the length of a period: "30 days".
func span(p aggregates.Period) string {
	if p.Days == "365" {
		return "12 months"
	}
	n, _ := strconv.ParseInt(p.Days, 10, 64) // a key of Days
	return Plural(n, "day", "days")
}

// sayMoney says how much money there is or by how much it grew, and how often it
// changed hands.
func sayMoney(o *aggregates.Overview, s ledger.Settings) Sentence {
	now, before := orZero(o.Supply.Now), orZero(o.Supply.Before)
	if now.Sign() <= 0 {
		return sayTransactions(o, s)
	}
	times := turns(o.Velocity.Now)
	if before.Sign() <= 0 { // nothing to compare with
		there := "There is "
		if o.Historical {
			there = "At the end there was "
		}
		said := phrase(there, moneyTile(now, s), " in circulation")
		if times != "" {
			said = append(said, phrase(", and it changed hands ", times, " "+within(o.Period, s))...)
		}
		return Sentence{Words: said}
	}
	said := sayGrowth(now.Float64()/before.Float64(), within(o.Period, s))
	if times != "" {
		said = append(said, phrase(" and changed hands ", times)...)
	}
	more := against(o.Transactions.Now, o.Transactions.Before, transactions, o.Period)
	if more != nil {
		more = append(phrase(", with "), more...)
	}
	return Sentence{said, more}
}

// sayGrowth says by what factor money grew or shrank.
func sayGrowth(factor float64, period string) []Words {
	switch ratio := factor - 1; {
	case math.Abs(ratio) < 0.0005:
		return phrase("Money neither grew nor shrank " + period)
	case factor >= 2:
		return phrase("Money grew to ", digits3(factor)+" times", " as much "+period)
	case ratio > 0:
		return phrase("Money grew by ", Percent(ratio), " "+period)
	case factor < 0.01:
		return phrase("Money shrank to ", Percent(factor), " of its amount "+period)
	default:
		return phrase("Money shrank by ", Percent(-ratio), " "+period)
	}
}

// sayTransactions says how many transactions there were.
func sayTransactions(o *aggregates.Overview, s ledger.Settings) Sentence {
	n := orZero(o.Transactions.Now)
	if n <= 0 {
		return Sentence{}
	}
	there, noun := "There were ", " transactions "
	if n == 1 {
		there, noun = "There was ", " transaction "
	}
	said := phrase(there, Count(n), noun+within(o.Period, s))
	if more := against(o.Transactions.Now, o.Transactions.Before, measured{"many", "fewer", ""}, o.Period); more != nil {
		said = append(append(said, phrase(", ")...), more...)
	}
	return Sentence{Words: said}
}

// turns returns how often money changed hands, and nothing if it hardly did.
func turns(velocity *float64) string {
	switch v := orZero(velocity); {
	case v < 0.005:
		return ""
	case v < 100:
		return Decimal(v, 2) + " times"
	default:
		return Decimal(v, 0) + " times"
	}
}

// A measured thing is what two sums of are compared: "as many sales", "fewer sales".
type measured struct{ as, fewer, noun string }

var transactions = measured{"many", "fewer", " transactions"}

// against compares a sum with that of the period before: "11 % more transactions
// than in the 30 days before". It returns nothing without one.
func against[N int64 | ledger.Sum](now, before *N, of measured, p aggregates.Period) []Words {
	if float(orZero(now)) <= 0 || float(orZero(before)) <= 0 {
		return nil
	}
	as := "as " + of.as + of.noun + " as in the " + span(p) + " before"
	than := of.noun + " than in the " + span(p) + " before"
	switch factor := float(*now) / float(*before); {
	case math.Abs(factor-1) < 0.0005:
		return phrase(as)
	case factor >= 2:
		return phrase("", digits3(factor)+" times", " "+as)
	case factor > 1:
		return phrase("", Percent(factor-1), " more"+than)
	case factor < 0.01:
		return phrase("", Percent(factor), " of those in the "+span(p)+" before")
	default:
		return phrase("", Percent(1-factor), " "+of.fewer+than)
	}
}

// sayWealth says how many of the richest have half of all wealth, and whether it
// became more unequal.
func sayWealth(v *aggregates.Inequality) Sentence {
	k, n := int64(orZero(v.Nakamoto.Value)), v.Holders
	if k <= 0 || n < 2 || k >= n {
		return Sentence{}
	}
	wealth := "wealth"
	switch v.Population {
	case aggregates.PopulationPersonal:
		wealth = "personal wealth"
	case aggregates.PopulationPrivate:
		wealth = "private wealth"
	}
	wealth += ofCounted(v.Counted)
	belongs := " belongs to "
	if v.Historical {
		belongs = " belonged to "
	}
	half := "More than half of all " + wealth + belongs
	var said []Words
	switch {
	case k == 1:
		said = phrase(half, "one", " of "+Plural(n, "holder", "holders"))
	case k < 10 || n < 100:
		said = phrase(half+"the richest ", Count(k), " of "+Plural(n, "holder", "holders"))
	default:
		said = phrase(half+"the richest ", Percent(float64(k)/float64(n)), " of holders")
	}
	return Sentence{Words: append(said, sayTrend(v)...)}
}

// ofCounted says whose wealth is meant, if not everybody's.
func ofCounted(c aggregates.Counted) string {
	switch c {
	case aggregates.CountedMoved:
		return " of those who moved money"
	case aggregates.Counted90:
		return " of those active in 90 days"
	case aggregates.Counted30:
		return " of those active in 30 days"
	default:
		return ""
	}
}

// sayTrend says whether wealth became more unequal, if the Gini and the share of
// the richest tenth agree on it.
func sayTrend(v *aggregates.Inequality) []Words {
	if v.Gini.Value == nil || v.Top10.Value == nil {
		return nil
	}
	is, ago := "is", " ago"
	if v.Historical {
		is, ago = "was", " before"
	}
	for _, d := range v.Trend {
		if d.Gini == nil || d.Top10 == nil {
			continue
		}
		days := int64(v.Trend[len(v.Trend)-1].Day.Sub(d.Day).Hours()+12) / 24
		then := " " + Plural(days, "day", "days") + ago
		gini, top := *v.Gini.Value-*d.Gini, *v.Top10.Value-*d.Top10
		how := "more"
		switch {
		case days < 2 || gini*top < 0 && math.Abs(gini) >= 0.0005: // the curves cross
			return nil
		case math.Abs(gini) < 0.0005:
			return phrase("; it " + is + " as unequal as" + then)
		case gini < 0:
			how = "less"
		}
		if math.Abs(gini) < 0.01 {
			how = "a little " + how
		}
		return phrase("; it " + is + " " + how + " unequal than" + then)
	}
	return nil
}

// sayTurnover says what was sold, and whether that is more than before.
func sayTurnover(m *aggregates.Market, s ledger.Settings) Sentence {
	if m.Volume.Now.Sign() <= 0 {
		return Sentence{}
	}
	said := phrase("Goods worth ", moneyTile(m.Volume.Now, s), " were sold "+within(m.Period, s))
	if more := against(&m.Volume.Now, m.Volume.Before, measured{"much", "less", ""}, m.Period); more != nil {
		said = append(append(said, phrase(", ")...), more...)
	}
	return Sentence{Words: said}
}

// sayPrices says how prices moved, if most of the turnover can be compared.
func sayPrices(x *aggregates.PriceIndex, s ledger.Settings) Sentence {
	if x.Change == nil || x.Items < leastCompared || *x.Coverage < leastCoverage {
		return Sentence{}
	}
	return Sentence{Words: sayPriceChange(*x.Change, within(x.Period, s))}
}

// What sentences on prices need: so many items that are compared, and so much of the
// turnover.
const (
	leastCompared = 5
	leastCoverage = 0.5
)

func sayPriceChange(ratio float64, when string) []Words {
	switch {
	case math.Abs(ratio) < 0.0005:
		return phrase("Prices neither rose nor fell " + when)
	case ratio > 0:
		return phrase("Prices rose by ", Percent(ratio), " "+when)
	default:
		return phrase("Prices fell by ", Percent(-ratio), " "+when)
	}
}

// sayLeader says which item had the largest value of sales, if one had.
func sayLeader(m *aggregates.Market) Sentence {
	switch {
	case len(m.Top) == 0, len(m.Top) > 1 && m.Top[0].Volume == m.Top[1].Volume:
		return Sentence{}
	case m.Items == 1:
		return Sentence{Words: phrase("All of it was " + brief(m.Top[0].Name, mostName))}
	}
	leads := " leads with "
	if m.Historical {
		leads = " led with "
	}
	return Sentence{Words: phrase(brief(m.Top[0].Name, mostName)+leads, Percent(m.Top[0].Share), " of the value")}
}

// mostName is how many characters of a name a sentence has.
const mostName = 60

// brief cuts a text that is longer than most characters. It leaves out those that
// turn the writing of what follows around.
func brief(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, text)
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}
