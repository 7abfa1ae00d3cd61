package views

import (
	"net/url"
	"slices"
	"time"

	"github.com/a-h/templ"

	"exchequer/aggregates"
)

// past returns the day that is over as of which the page is; none: it is of now.
func (p Page) past() aggregates.Date {
	if !slices.Contains(p.params(), AtParam) {
		return ""
	}
	return aggregates.Date(p.Params.Get(AtParam))
}

// pastDay returns the day of past in words.
func (p Page) pastDay() string {
	day, err := time.Parse(time.DateOnly, string(p.past()))
	if err != nil {
		return ""
	}
	return day.Format("2 January 2006")
}

// present returns the address of the page as of now.
func (p Page) present() templ.SafeURL {
	params := Params{Ref: p.Params.Ref}
	for _, d := range p.carriedOver() {
		params = params.add(d, p.Params.Get(d))
	}
	return templ.SafeURL(p.Path() + params.Query())
}

// carriedOver returns the parameters that the page keeps as of another day: all but
// the day, and where the rows of a list begin.
func (p Page) carriedOver() []*Param {
	return slices.DeleteFunc(slices.Clone(p.params()), func(d *Param) bool {
		return d == AtParam || d.Name == "after" || p.Params.Get(d) == d.Default
	})
}

// over returns the first and the last day that is over; none if there is no such day,
// or it is not known.
func (p Page) over() (first, last string) {
	if p.Known == nil {
		return "", ""
	}
	from, to := p.Known.Over()
	return string(from), string(to)
}

// dated reports whether the page asks for a day. A ledger of one day has none.
func (p Page) dated() bool {
	_, last := p.over()
	return slices.Contains(p.params(), AtParam) && (p.Known == nil || last != "")
}

// toward returns the address of another page, as of the same day if that page knows it.
func (p Page) toward(e MenuEntry) templ.SafeURL {
	if e.Dated {
		return asOf(e.Path, p.past())
	}
	return templ.SafeURL(e.Path)
}

// asOf returns an address without a query as of a day, or of now.
func asOf(path string, at aggregates.Date) templ.SafeURL {
	if at != "" {
		path += "?" + AtParam.Name + "=" + url.QueryEscape(string(at))
	}
	return templ.SafeURL(path)
}

// howThen returns what a panel says of how it is computed, with what it says of a day that
// is over.
func (p Page) howThen(h How) How {
	if p.past() != "" {
		h.Counted += " As it was at the end of the day: whatever was posted by then. Names, kinds, holders and merged accounts are those that are known today, since what was known then is not kept; accounts without a posting by then are left out."
	}
	return h
}
