package views

import (
	"time"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/cache"
)

// A PanelInfo is what a panel is, whatever its numbers.
type PanelInfo struct {
	Name   string // in addresses: "activity" of "/economy/activity.csv"
	Title  string
	Width  Width
	Strip  bool // figures in a row under one rule, without a head
	How    How
	Params []*Param // on which it depends
	Shows  Level    // of the ledger
}

// class returns the classes of the panel's section.
func (i PanelInfo) class(state string) string {
	class := "panel " + string(i.Width) + " " + i.Name
	if i.Strip {
		class += " strip"
	}
	if state != "" {
		class += " " + state
	}
	return class
}

// A Width is the part of a wide page's width that a panel takes, as a class.
type Width string

// The widths. Below 1280 px a quarter and a third become a half, and all others the
// whole width; on a phone all are the whole width.
const (
	Quarter   Width = "c3"
	Third     Width = "c4"
	Half      Width = "c6"
	Beside    Width = "c6 beside" // the other half of a strip
	TwoThirds Width = "c8"
	Rest      Width = "c4 rest" // beside two thirds; below 1280 px the whole width
	Whole     Width = "c12"
)

// How is what a panel says of how it is computed.
type How struct {
	Meaning string // for everybody
	Formula string
	Counted string
	LeftOut string
	Source  string // of the formula: who defined it, perhaps with an address
	SQL     string // a query of the record alone that gives the number
}

// A Status is when the value of a panel was computed, or why there is none.
type Status struct {
	AsOf, Next time.Time
	State      cache.State
	Reason     string
	Missing    string // for visitors; empty if there is a value
}

// Content is what a panel shows of its value.
type Content struct {
	Retitled string // the title instead of the panel's, if it is not what the title says
	Sub      string // the sub-title, with the unit
	Alarm    string // after it, in the warning colour
	Switches []Switch
	Missing  string // why there is nothing to show; Body is not drawn then
	Body     templ.Component
	Example  string   // how the number follows, with the numbers of this ledger
	Flags    Flags    // of the chart in Body; listed below it
	Says     Sentence // what the page may say of it under its title
}

// A Switch is links to the values of a parameter, in the sub-title, and the words
// around them.
type Switch struct {
	Param  *Param
	Chosen string // the value that was used, if another than chosen
	After  string
	Before string // the words that come first
}

// A Drawing is a panel, ready to be drawn.
type Drawing struct {
	Page
	PanelInfo
	Status
	Content
	until time.Time // see [aggregates.Period]
}

// Draw returns the panel with what draw makes of its value, unless that says why
// there is nothing to show.
func Draw(p Page, info PanelInfo, s Status, basis aggregates.Basis, draw func() Content) Drawing {
	info.How = p.howThen(info.How)
	d := Drawing{Page: p, PanelInfo: info, Status: s, until: basis.Until}
	switch {
	case s.Missing != "":
		d.Content.Missing = s.Missing
	case basis.Why != "":
		d.Content.Missing = basis.Why
	default:
		d.Content = draw()
	}
	if d.Content.Retitled != "" {
		d.PanelInfo.Title = d.Content.Retitled
	}
	if d.Content.Missing != "" {
		d.Content = Content{Missing: d.Content.Missing, Switches: d.waysBack(basis)}
	}
	if len(d.Flags.Events) > 0 {
		d.Body = templ.Join(d.Body, flagList(d, d.Flags))
	}
	return d
}

// waysBack returns the switches of what the reader chose, where a panel has no value for
// that choice: the panel that has them otherwise may not be drawn either.
func (d Drawing) waysBack(basis aggregates.Basis) (all []Switch) {
	if basis.Why == "" {
		return nil
	}
	for _, param := range d.PanelInfo.Params {
		if param != DaysParam && len(param.Options) > 0 && !param.Quiet && d.Page.Params.Get(param) != param.Default {
			all = append(all, Switch{Param: param, Before: param.Label + ":"})
		}
	}
	return all
}

// ForViewers returns the panel that names what a page has for viewers only, and says why.
func ForViewers(p Page, info PanelInfo, titles []string, why string) Drawing {
	return Drawing{Page: p, PanelInfo: info, Content: Content{Body: forViewers(titles, why)}}
}

// href returns the address of the panel by itself, or of one of its files.
func (d Drawing) href(suffix string) templ.SafeURL {
	return templ.SafeURL(d.Info.at(d.Page.Params.Ref) + "/" + d.Name + suffix + d.Page.Params.Of(d.PanelInfo.Params).Query())
}

// choices returns the links of a switch. The page of the panel by itself has them in
// its head.
func (d Drawing) choices(s Switch) []link {
	if d.Only != nil {
		return nil
	}
	p := d.Page
	if s.Chosen != "" {
		p.Params = p.Params.With(p.Info.Params, s.Param, s.Chosen)
	}
	return p.links(s.Param)
}

// chosen returns the words for the value of a switch.
func (d Drawing) chosen(s Switch) string {
	return s.Param.option(orElse(s.Chosen, d.Page.Params.Get(s.Param))).Text
}

// times returns when the value was computed, and when the next one is due.
func (d Drawing) times() string {
	if d.AsOf.IsZero() {
		return ""
	}
	return "As of " + moment(d.AsOf, d.Next, d.Settings) + " · next " + moment(d.Next, d.AsOf, d.Settings)
}

// age returns the panel's line about its time, if that is not the page's, and
// whether it is a warning.
func (d Drawing) age() (text string, warn bool) {
	since := moment(d.AsOf, d.Next, d.Settings)
	switch {
	case d.AsOf.IsZero() && d.Content.Missing == "": // there are none to wait for
		return "", false
	case d.AsOf.IsZero():
		return "no numbers yet", true
	case !d.until.IsZero():
		return missingAfter(d.until, d.AsOf, d.Settings), true
	case d.State == cache.Degraded:
		reason := orElse(d.Reason, "the last computation failed")
		return "Showing " + since + ": " + reason + ", next try " + moment(d.Next, d.AsOf, d.Settings), true
	case d.AsOf.Equal(d.Clock.Newest), d.past() != "":
		return "", false
	case d.State == cache.Stale:
		return "As of " + since + " · updating", false
	}
	return d.times(), false
}
