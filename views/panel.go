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
	How    How
	Params []*Param // on which it depends
}

// A Width is the part of a wide page's width that a panel takes, as a class.
type Width string

// The widths. From 700 px on, a quarter becomes a half, and all others the whole
// width; on a phone all are the whole width.
const (
	Quarter Width = "c3"
	Half    Width = "c6"
	Whole   Width = "c12"
)

// How is what a panel says of how it is computed.
type How struct {
	Meaning string // for everybody
	Formula string
	Counted string
	LeftOut string
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
	Sub      string // the sub-title, with the unit
	Alarm    string // after it, in the warning colour
	Switch   *Param // whose links stand between Sub and SubAfter
	Chosen   string // the value of Switch that was used, if another than chosen
	SubAfter string
	Missing  string // why there is nothing to show; Body is not drawn then
	Body     templ.Component
}

// A Drawing is a panel, ready to be drawn.
type Drawing struct {
	Page
	PanelInfo
	Status
	Content
	Ends time.Time // the last day of a ledger that ended, else zero
}

// Draw returns the panel with what draw makes of its value, unless that says why
// there is nothing to show.
func Draw(p Page, info PanelInfo, s Status, basis aggregates.Basis, draw func() Content) Drawing {
	d := Drawing{Page: p, PanelInfo: info, Status: s}
	switch {
	case s.Missing != "":
		d.Content.Missing = s.Missing
	case basis.Why != "":
		d.Content.Missing = basis.Why
	default:
		d.Content = draw()
	}
	if d.Content.Missing != "" {
		d.Content = Content{Missing: d.Content.Missing}
	}
	if basis.Historical {
		d.Ends = basis.End.Add(-time.Second)
	}
	return d
}

// href returns the address of the panel by itself, or of one of its files.
func (d Drawing) href(suffix string) templ.SafeURL {
	return templ.SafeURL(d.Info.at(d.Page.Params.Ref) + "/" + d.Name + suffix + d.Page.Params.Of(d.PanelInfo.Params).Query())
}

// choices returns the links of the panel's switch. The page of the panel alone
// has them in its head.
func (d Drawing) choices() []link {
	if d.Content.Switch == nil || d.Only != nil {
		return nil
	}
	p := d.Page
	if d.Chosen != "" {
		p.Params = p.Params.With(p.Info.Params, d.Content.Switch, d.Chosen)
	}
	return p.links(d.Content.Switch)
}

// chosen returns the words for the value of the panel's switch.
func (d Drawing) chosen() string {
	return d.Content.Switch.title(orElse(d.Chosen, d.Page.Params.Get(d.Content.Switch)))
}

// age returns the panel's line about its time: as of, and when the next value is
// due, or why there is none yet.
func (d Drawing) age() (asOf, then string) {
	since, next := moment(d.AsOf, d.Next, d.Settings), moment(d.Next, d.AsOf, d.Settings)
	switch {
	case d.AsOf.IsZero():
		return "", ""
	case d.State == cache.Degraded:
		reason := orElse(d.Reason, "the last computation failed")
		return "Showing " + since, ": " + reason + ", trying again " + next
	case d.State == cache.Stale:
		return "As of " + since, " · newer numbers are on their way"
	}
	return "As of " + since, " · next " + next
}
