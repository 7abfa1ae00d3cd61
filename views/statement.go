package views

import (
	"slices"

	"github.com/a-h/templ"

	"exchequer/ledger"
)

// mostMessage is how many characters of a message a page shows. CSV and JSON have
// all of it.
const mostMessage = 200

// The filters of a statement.
var (
	StatementFromParam   = &Param{Name: "from", Label: "From the day", Field: DayField, Nearest: nearestDay, Is: aDay}
	StatementToParam     = &Param{Name: "to", Label: "to the day", Field: DayField, Nearest: nearestDay, Is: aDay}
	StatementSourceParam = &Param{Name: "source", Label: "Source", Field: SearchField, Nearest: verbatim, Is: aText}
	StatementWithParam   = &Param{Name: "with", Label: "With the account", Field: SearchField, Nearest: verbatim, Is: aText}
	StatementLeastParam  = &Param{Name: "least", Label: "Amount, at least", Field: SearchField, Nearest: nearestDecimal, Is: anAmount}
	StatementTextParam   = SearchParam("text", "Message")
	// StatementBeforeParam is another way to name the last day: the day after it.
	StatementBeforeParam = &Param{Name: "before", Label: "Before the day", Nearest: nearestDay, Is: aDay}
)

// StatementFilters returns them in their order.
func StatementFilters() []*Param {
	return []*Param{
		StatementFromParam, StatementToParam, StatementSourceParam, StatementWithParam, StatementLeastParam, StatementTextParam, StatementBeforeParam,
	}
}

// statementAddress returns the address of an account's statement with a filter, for
// the period and the day of this page.
func (p Page) statementAddress(account string, filter *Param, value string) templ.SafeURL {
	if p.Only != nil {
		return ""
	}
	kept := []*Param{DaysParam, AtParam}
	declared := append(kept, filter)
	return templ.SafeURL(AccountInfo.at(account) + p.Params.Of(kept).With(declared, filter, value).Query() + "#statement")
}

// StatementSub returns the line under the title of a statement: what was looked
// through for its lines.
func StatementSub(q ledger.StatementQuery, s *ledger.Statement, settings ledger.Settings) string {
	switch {
	case s.Unknown:
		return "No account that is shown here has this name or id: " + brief(readable(q.With), mostName)
	case !q.Filtered() || s.Looked == 0:
		return ""
	}
	sub := Count(int64(len(s.Lines))) + " found in " + Plural(int64(s.Looked), "posting", "postings") + ", back to " + Date(s.Back, settings)
	if s.Next == nil {
		return sub + "; there are no older ones"
	}
	return sub + "; older ones are not looked through yet"
}

// sortBy sorts by an amount, the largest first.
func sortBy[E any](list []E, amount func(E) ledger.Sum) {
	slices.SortStableFunc(list, func(a, b E) int { return amount(b).Compare(amount(a)) })
}

// comma returns what follows the name of another account of a line.
func comma(l ledger.Line, i int) string {
	if i < len(l.Others)-1 {
		return ","
	}
	return ""
}
