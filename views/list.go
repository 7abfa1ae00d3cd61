package views

import (
	"slices"
	"time"

	"github.com/a-h/templ"

	"exchequer/ledger"
)

// A List is some rows that were read exactly.
type List struct {
	Page
	PanelInfo
	Filters []*Param // those with a field are asked for by a form
	After   *Param
	Sub     string          // what the rows are; may be empty
	Empty   bool            // there are no rows
	Rows    templ.Component // the rows, drawn
	Next    string          // the value of After for the rows that follow; empty if there are none
	Begin   string          // the text of the link to the first rows: "newest"
	Further string          // the text of the link to the rows that follow: "older"
	Ends    string          // why the list ends here; may be empty
	Until   time.Time       // up to when the rows have all that was written; zero: all of it
}

// missing returns the line that says which rows may be missing; empty if none are.
func (l List) missing() string {
	if l.Until.IsZero() {
		return ""
	}
	return missingAfter(l.Until, l.Clock.Newest, l.Settings)
}

// missingAfter says that the database which is written to cannot be reached.
func missingAfter(until, other time.Time, s ledger.Settings) string {
	return "What was written after " + moment(until, other, s) + " may be missing: the database that is written to cannot be reached"
}

// RecordBegins says that what was before the beginning of the record is archived. It is
// empty if nothing is, or without a word for what that was.
func RecordBegins(what string, s ledger.Settings) string {
	if what == "" || s.Begins.IsZero() {
		return ""
	}
	return what + " before " + local(s.Begins, s).Format("2 January 2006") + " are archived."
}

func (l List) declared() []*Param { return append([]*Param{l.After}, l.Filters...) }

// asked returns the filters that the form asks for.
func (l List) asked() []*Param {
	return slices.DeleteFunc(slices.Clone(l.Filters), func(d *Param) bool { return d.Field == NoField })
}

// filtered reports whether a reader has asked for some of the rows only.
func (l List) filtered() bool {
	return slices.ContainsFunc(l.asked(), func(d *Param) bool { return l.Page.Params.Get(d) != d.Default })
}

// carried returns the parameters of the page that the form carries as they are,
// except where the rows begin.
func (l List) carried() []*Param {
	asked := l.asked()
	return slices.DeleteFunc(slices.Clone(l.Info.Params), func(d *Param) bool {
		return d == l.After || slices.Contains(asked, d) || l.Page.Params.Get(d) == d.Default
	})
}

// explained returns the panel with how its rows are read.
func (l List) explained() PanelInfo {
	info := l.PanelInfo
	info.How = l.Page.howThen(info.How)
	return info
}

// href returns the address of the list's file.
func (l List) href(suffix string) templ.SafeURL {
	return templ.SafeURL(l.Info.at(l.Page.Params.Ref) + "/" + l.Name + suffix + l.Page.Params.Of(l.declared()).Query())
}

// at returns the address of the page whose rows begin at a cursor.
func (l List) at(cursor string) templ.SafeURL {
	return templ.SafeURL(l.Path() + l.Page.Params.With(l.Info.Params, l.After, cursor).Query() + "#" + l.Name)
}
