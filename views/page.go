package views

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"exchequer/ledger"
)

// home is the address of the page that "/" shows too.
const home = "/economy"

// A Site is what all pages show.
type Site struct {
	Settings ledger.Settings
	Assets   Assets
	Menu     []MenuGroup
	BaseURL  string // of absolute addresses: "https://economy.example.org"; empty if not known
	Version  string // of the program, for the foot of the page
}

// Assets are the addresses of static files, with the hash in the name.
type Assets struct {
	CSS    string // app.css
	Script string // app.js, a module; none if empty
	Icon   string // icons/mark.svg
}

// A MenuGroup is a part of the menu.
type MenuGroup struct {
	Name  string // "Money"
	Pages []MenuEntry
}

// A MenuEntry leads to a page.
type MenuEntry struct{ Name, Path string }

// A PageInfo is what a page is, whatever its numbers.
type PageInfo struct {
	Path        string // "/market"; "/items/{ref}" if it has a ref
	Name        string // in the menu, and in the title of the window
	Group       string // of the menu; not in the menu if empty
	Heading     string // the name of the economy if empty
	Description string // for search engines and previews
	Params      []*Param
	Panels      []PanelInfo
}

// at returns the address for a ref, without a query.
func (i PageInfo) at(ref string) string {
	return strings.Replace(i.Path, "{ref}", url.PathEscape(ref), 1)
}

// A Page is one address: a declared page with its parameters.
type Page struct {
	Site
	Info    PageInfo
	Params  Params
	Subject string     // the name of the thing that the ref in the path stands for
	Only    *PanelInfo // the panel that the page shows by itself, with its table; nil: all
}

// params returns the parameters on which the page depends.
func (p Page) params() []*Param {
	if p.Only != nil {
		return p.Only.Params
	}
	return p.Info.Params
}

// Path returns the page's address without its query.
func (p Page) Path() string {
	if p.Only != nil {
		return p.Info.at(p.Params.Ref) + "/" + p.Only.Name
	}
	return p.Info.at(p.Params.Ref)
}

// Address returns the page's canonical address, with its query.
func (p Page) Address() string { return p.Path() + p.Params.Of(p.params()).Query() }

// links returns the links by which this page's value of a parameter is changed.
func (p Page) links(d *Param) []link { return p.Params.links(p.Path(), p.params(), d) }

// class returns the class of the main part.
func (p Page) class() string {
	if p.Only != nil {
		return "wrap alone"
	}
	return "wrap"
}

func (p Page) title() string {
	if p.Only != nil {
		return p.Only.Title + " · " + p.name()
	}
	if p.Params.Ref != "" {
		return p.heading() + " · " + p.name()
	}
	return p.Info.Name + " · " + p.name()
}

func (p Page) heading() string {
	if p.Only != nil {
		return p.Only.Title
	}
	if strings.Contains(p.Info.Path, "{ref}") {
		return orElse(p.Subject, p.Params.Ref)
	}
	return orElse(p.Info.Heading, p.name())
}

// switches returns the parameters that are chosen in the page's head: of a page
// of several panels those with options, except the ones that only some of its
// panels depend on.
func (p Page) switches() []*Param {
	if p.Only != nil {
		return p.Only.Params
	}
	return slices.DeleteFunc(slices.Clone(p.Info.Params), func(d *Param) bool { return d != DaysParam })
}

// name returns the name of the economy, or a general one if it has none yet.
func (s Site) name() string { return orElse(s.Settings.Name, "Economy") }

// current returns the aria-current of a menu entry: whether it leads to this page,
// or to the one above it.
func (p Page) current(e MenuEntry) string {
	switch {
	case e.Path != p.Info.Path:
		return ""
	case p.Only == nil:
		return "page"
	}
	return "true"
}

// A Clock holds the times of a whole page: AsOf of its oldest panel, Next of the
// one that is due first. The new value is there within Lag after Next.
type Clock struct {
	AsOf, Next  time.Time
	Window, Lag time.Duration
}

func (c Clock) text(s ledger.Settings) string {
	switch {
	case c.Window == 0:
		return "" // nothing that changes
	case c.AsOf.IsZero():
		return "being computed"
	}
	return "As of " + moment(c.AsOf, c.Next, s) + " " + c.zone(s) + " · next " + moment(c.Next, c.AsOf, s)
}

// zone returns the abbreviation of the time zone at the time of the clock.
func (c Clock) zone(s ledger.Settings) string {
	switch {
	case !c.AsOf.IsZero():
		return Zone(c.AsOf, s)
	case !c.Next.IsZero():
		return Zone(c.Next, s)
	}
	return ""
}

// times says what all times of the site are.
func (s Site) times() string {
	if zone := s.Settings.Zone(); zone != time.UTC {
		return "All times are those of " + zone.String()
	}
	return "All times are UTC"
}

// Milliseconds for data attributes; empty if unknown.

func unixMilli(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.UnixMilli(), 10)
}

func milliseconds(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return strconv.FormatInt(d.Milliseconds(), 10)
}

// description returns the page's description for search engines.
func (p Page) description() string {
	if p.Only != nil {
		return p.Only.Title + " of " + p.name() + ". " + p.Only.How.Meaning
	}
	return strings.ReplaceAll(p.Info.Description, "{economy}", p.name())
}
