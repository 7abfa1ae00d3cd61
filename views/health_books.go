package views

import (
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// Books shows the five checks of the books.
func Books(p Page, v *aggregates.Soundness) Content {
	c := Content{Body: books(v, p.Settings)}
	switch v.Books.State {
	case aggregates.StateGood:
		c.Sub = "They balance" + asFar(v.Books)
	case aggregates.StateBad:
		c.Alarm = "They are broken: see below what, and where"
	default:
		c.Alarm = "They could not be checked"
	}
	return c
}

// asFar says that not all was read, if it was not.
func asFar(b aggregates.Books) string {
	if b.Whole() {
		return ""
	}
	return " as far as they were read"
}

func bookMark(r aggregates.BookResult) stateMark {
	m := markOf(r.State)
	switch r.State {
	case aggregates.StateBad:
		m.Word = Plural(int64(r.Found), "is wrong", "are wrong")
	case aggregates.StateNone:
		m.Word = "not read"
	case aggregates.StateGood:
		if r.Why != "" {
			m.Word = "good, in part"
		}
	}
	return m
}

// found returns what is wrong, each thing once.
func found(b aggregates.Books) (all []aggregates.Finding) {
	seen := map[aggregates.Finding]bool{}
	for _, c := range b.Checks {
		for _, f := range append(append([]aggregates.Finding{}, c.Now.First...), c.Night.First...) {
			if !seen[f] {
				seen[f] = true
				all = append(all, f)
			}
		}
	}
	return all
}

// bookLines say what was read, and what could not be.
func bookLines(b aggregates.Books, s ledger.Settings) (lines []string) {
	sample := b.Sample
	if sample.Why != "" {
		lines = append(lines, capital(sample.Why)+".")
	} else {
		text := "This minute " + Plural(sample.Accounts, "account", "accounts") + " with " + Plural(sample.Postings, "posting", "postings") +
			" and " + Plural(sample.Transactions, "transaction", "transactions") + " were added up again; all are within " +
			Duration(time.Duration(sample.Round*float64(time.Second))) + "."
		if sample.Large > 0 {
			text += " " + Plural(sample.Large, "account", "accounts") + " with very many postings " + verb(sample.Large, "is", "are") + " left to the night."
		}
		lines = append(lines, text)
	}
	if said := RecordBegins("Transactions", s); said != "" {
		lines = append(lines, "The record begins on "+Date(s.Begins, s)+". "+said+" What follows from them is here, and is compared with checksums.")
	}
	if b.NightBegan == nil {
		return append(lines, "The whole ledger was not read yet; that is some minutes after the start, then once a day, unless it is turned off.")
	}
	lines = append(lines, "The whole ledger was last read on "+Date(*b.NightBegan, s)+" at "+Time(*b.NightBegan, s)+", which took "+
		Duration(time.Duration(b.NightTook*float64(time.Second)))+".")
	for _, c := range b.Checks {
		if c.Night.Why != "" {
			lines = append(lines, "Given up: "+c.Night.Why+".")
		}
	}
	return lines
}

func verb(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
