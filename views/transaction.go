package views

import (
	"strings"

	"github.com/a-h/templ"

	"exchequer/ledger"
)

// TransactionNote returns what stands beside the heading: the transaction's ref.
func TransactionNote(t *ledger.Posted) string {
	const most = 40
	return brief(t.Ref, most)
}

// SayTransaction returns a sentence of what moved.
func SayTransaction(t *ledger.Posted, s ledger.Settings) []Sentence {
	if t.Postings == 0 || t.Volume == 0 || len(t.Between) == 0 {
		return nil
	}
	main := t.Between[0]
	from, to := sideName(main.From), sideName(main.To)
	words := phrase("", Money(t.Volume, s), " moved from "+from+" to "+to+" accounts")
	if len(t.Between) > 1 {
		words = phrase("", Money(t.Volume, s), " moved, of which "+Money(main.Volume, s)+" from "+from+" to "+to+" accounts")
	}
	return []Sentence{{Words: words}}
}

// betweenText writes the sides between which money moved.
func betweenText(b ledger.Between) string {
	return sideName(b.From) + " → " + sideName(b.To)
}

func sideName(s ledger.Side) string {
	if s.Issuer {
		return "issuing " + string(s.Kind)
	}
	return string(s.Kind)
}

// restText writes how many postings follow those that are shown.
func restText(r ledger.Rest) string { return Plural(r.Postings, "further posting", "further postings") }

// restAmounts writes what they received and paid, each if it is anything.
func restAmounts(r ledger.Rest, s ledger.Settings) string {
	var sums []string
	for _, sum := range []ledger.Sum{r.Received, r.Paid.Neg()} {
		if sum.Sign() != 0 {
			sums = append(sums, MoneyChange(sum, s))
		}
	}
	return strings.Join(sums, ", ")
}

// balance writes a balance, and a dash where it is not known.
func balance(v *int64, s ledger.Settings) string {
	if v == nil {
		return "–"
	}
	return Money(*v, s)
}

// aboutSource returns the address of the source's own page.
func aboutSource(source string) templ.SafeURL {
	return templ.SafeURL(PageInfo{Path: SourcePath}.at(source))
}
