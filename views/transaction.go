package views

import (
	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// TransactionNote is what stands beside the heading: the transaction's ref.
func TransactionNote(t *ledger.Posted) string {
	const most = 40
	return brief(t.Ref, most)
}

// SayTransaction says what moved.
func SayTransaction(t *ledger.Posted, s ledger.Settings) []Sentence {
	if t.Postings == 0 || t.Volume == 0 || len(t.Between) == 0 {
		return nil
	}
	main := t.Between[0]
	from, to := partyName(aggregates.Party{Kind: main.From.Kind, Issuer: main.From.Issuer}), partyName(aggregates.Party{Kind: main.To.Kind, Issuer: main.To.Issuer})
	words := phrase("", Money(t.Volume, s), " moved from "+from+" to "+to+" accounts")
	if len(t.Between) > 1 {
		words = phrase("", Money(t.Volume, s), " moved, of which "+Money(main.Volume, s)+" from "+from+" to "+to+" accounts")
	}
	return []Sentence{{Words: words}}
}

// betweenText writes the sides between which money moved.
func betweenText(b ledger.Between) string {
	return partyName(aggregates.Party{Kind: b.From.Kind, Issuer: b.From.Issuer}) + " → " + partyName(aggregates.Party{Kind: b.To.Kind, Issuer: b.To.Issuer})
}

// restText sums the postings that are not shown.
func restText(r ledger.Rest) string { return Plural(r.Postings, "further posting", "further postings") }

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
