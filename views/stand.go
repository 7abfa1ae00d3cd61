package views

import (
	"math/big"
	"strings"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// StandPath is where the form of the panel "stand" is sent.
const StandPath = "/economy/stand"

// Stand shows what it takes to be in each tenth of the holders, with a form that
// finds the place of a balance.
func Stand(p Page, l *aggregates.Ladder) Content {
	if l.Holders == 0 {
		return Content{Missing: "Nobody in this group holds an account that was ever used."}
	}
	return standContent(p, l, "", nil)
}

// StandAnswer is Stand with the place of the balance that a visitor wrote.
func StandAnswer(p Page, l *aggregates.Ladder, text string) Content {
	if l.Holders == 0 {
		return Stand(p, l)
	}
	if r := []rune(text); len(r) > mostTyped {
		text = string(r[:mostTyped])
	}
	balance, ok := ParseMoney(text, p.Settings)
	if !ok {
		return standContent(p, l, text, phrase("This is not an amount that can be read. Write it like ", Money(int64(123456), p.Settings), "."))
	}
	return standContent(p, l, text, sayPlace(l, balance, p.Settings))
}

func standContent(p Page, l *aggregates.Ladder, text string, answer []Words) Content {
	return Content{Sub: "Among", Switches: []Switch{{Param: PopulationParam, Chosen: l.Population.Key(), After: "holders (" + Count(l.Holders) + ")"}}, Body: stand(p, l, text, answer)}
}

// sayPlace says where a balance stands, and what the next tenth takes.
func sayPlace(l *aggregates.Ladder, balance int64, s ledger.Settings) []Words {
	place := l.Find(balance)
	about := ""
	if !place.Exact {
		about = "about "
	}
	said := phrase("With "+Money(balance, s)+" one is richer than ", Percent(float64(place.Poorer)/float64(l.Holders)),
		" of "+Plural(l.Holders, "holder", "holders")+" and has rank "+about, Count(place.Richer+1), ".")
	if !place.HasNext {
		return append(said, phrase(" That is the richest tenth.")...)
	}
	if about = ""; l.Within > 0 {
		about = "about "
	}
	return append(said, phrase(" The next tenth begins with "+about+Money(place.Next, s)+": ", Money(ledger.SumOf(place.Next).Minus(ledger.SumOf(balance)), s), " more.")...)
}

// mostTyped is how many characters of an amount are read.
const mostTyped = 40

// ParseMoney reads an amount as people write it: "1,234.50", "₤ 12". It reports
// whether it is one, with no more decimals than the ledger has. Separators stand
// between groups of three digits, all of one kind, so that "1,2" is not 12.
func ParseMoney(text string, s ledger.Settings) (minor int64, ok bool) {
	text = strings.NewReplacer(nbsp, " ", narrowSpace, " ", minus, "-").Replace(strings.Replace(text, s.Symbol, "", 1))
	sign, text := "", strings.TrimSpace(text)
	if rest, negative := strings.CutPrefix(text, "-"); negative {
		sign, text = "-", strings.TrimSpace(rest)
	}
	whole, fraction, _ := strings.Cut(text, ".")
	if whole, ok = ungrouped(whole); !ok {
		return 0, false
	}
	whole = sign + whole
	if len(whole)+len(fraction) > 24 || len(fraction) > s.Decimals || strings.TrimPrefix(whole, "-") == "" && fraction == "" {
		return 0, false
	}
	digits := whole + fraction + strings.Repeat("0", s.Decimals-len(fraction))
	if strings.ContainsFunc(strings.TrimPrefix(digits, "-"), func(r rune) bool { return r < '0' || r > '9' }) {
		return 0, false
	}
	n, ok := new(big.Int).SetString(digits, 10)
	if !ok || !n.IsInt64() {
		return 0, false
	}
	return n.Int64(), true
}

// narrowSpace groups digits in some languages.
const narrowSpace = "\u202f"

// ungrouped returns the digits of a whole number without what separates its
// thousands, and reports whether that stands where it may.
func ungrouped(whole string) (digits string, ok bool) {
	at := strings.IndexAny(whole, ",' _")
	if at < 0 {
		return whole, true
	}
	groups := strings.Split(whole, whole[at:at+1])
	for i, g := range groups {
		if len(g) != 3 && (i > 0 || len(g) == 0 || len(g) > 3) {
			return "", false
		}
	}
	return strings.Join(groups, ""), true
}

// tenthRows are what the tenths begin with, the richest first.
func tenthRows(l *aggregates.Ladder, s ledger.Settings) []barRow {
	var rows []barRow
	top := float64(max(l.Tenths[len(l.Tenths)-1], 1))
	for i := len(l.Tenths) - 1; i >= 0; i-- {
		name := "tenth " + Count(int64(i+1))
		switch i {
		case 0:
			name = "poorest tenth"
		case len(l.Tenths) - 1:
			name = "richest tenth"
		}
		rows = append(rows, barRow{Name: name, Note: "from", Bar: float64(l.Tenths[i]) / top, Amount: moneyTile(l.Tenths[i], s), Exact: Money(l.Tenths[i], s)})
	}
	return rows
}
