package views

import (
	"time"

	"github.com/a-h/templ"
)

// BeforeParam is a day, before which the rows of a list begin.
var BeforeParam = &Param{Name: "before", Label: "Before the day", Nearest: func(text string) string {
	if day, err := time.Parse(time.DateOnly, text); err == nil && day.Year() > 0 {
		return text
	}
	return ""
}}

// A List is some rows that were read exactly.
type List struct {
	Page
	PanelInfo
	Filters []*Param
	After   *Param
	Empty   bool            // there are no rows
	Rows    templ.Component // the rows, drawn
	Next    string          // the value of After for the rows that follow; empty if there are none
}

func (l List) declared() []*Param { return append([]*Param{l.After}, l.Filters...) }

// href returns the address of the list's file.
func (l List) href(suffix string) templ.SafeURL {
	return templ.SafeURL(l.Info.at(l.Page.Params.Ref) + "/" + l.Name + suffix + l.Page.Params.Of(l.declared()).Query())
}

// at returns the address of the page whose rows begin at a cursor.
func (l List) at(cursor string) templ.SafeURL {
	return templ.SafeURL(l.Path() + l.Page.Params.With(l.Info.Params, l.After, cursor).Query() + "#" + l.Name)
}
