package views

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// The colours of the page's ground, --paper of the style sheet.
const (
	paperLight = "#fbfaf6"
	paperDark  = "#141512"
)

// home is the address of the page that "/" shows too.
const home = "/economy"

// A Site is what all pages show.
type Site struct {
	Settings ledger.Settings
	Assets   Assets
	Menu     []MenuGroup
	Search   string       // address of the page that finds things by "q"; none if empty
	Root     Root         // the path below which it is
	BaseURL  string       // of absolute addresses, with the root: "https://economy.example.org"; empty if not known
	Version  string       // of the program, for the foot of the page
	MapURL   MapURL       // of the operator's map; empty if there is none
	Data     bool         // files of the record are published
	Ledgers  []LedgerLink // all that are served beside this one and with it; nil: it is alone
	Index    bool         // it is the index of these, without pages of its own
	Behind   Behind       // how old the data are
	Alerts   bool         // there is a feed of alerts
	SignIn   bool         // people can sign in
	Apart    bool         // this is the operators' own address: the other pages are at BaseURL, or cannot be linked to

	Monitoring Monitoring
}

// reached reports whether a page can link to all pages of the site.
func (s Site) reached() bool { return !s.Apart || s.BaseURL != "" }

// Assets are the addresses of static files, with the hash in the name.
type Assets struct {
	CSS     string // app.css
	Admin   string // admin.css
	Script  string // app.js, a module; none if empty
	Icon    string // icons/mark.svg
	Touch   string // icons/touch.png, for a phone's home screen
	Picture string // icons/picture.png, for previews of links
}

// A MenuGroup is a part of the menu.
type MenuGroup struct {
	Name  string // "Money"
	Pages []MenuEntry
}

// A MenuEntry leads to a page.
type MenuEntry struct {
	Name, Path string
	Dated      bool // see PageInfo
}

// A PageInfo is what a page is, whatever its numbers.
type PageInfo struct {
	Path        string // "/market"; "/items/{ref}" if it has a ref, "/transactions/{origin}/{ref}" if that has two parts
	Name        string // in the menu, and in the title of the window
	Group       string // of the menu; not in the menu if empty
	Heading     string // the name of the economy if empty
	Description string // for search engines and previews
	Params      []*Param
	Panels      []PanelInfo
	Above       []MenuEntry // pages that lead to it, the highest first
	Reserved    []string    // refs whose plain address is that of something else
	Dated       bool        // it can be asked for as of a day that is over
	Wealth      bool        // it is about what is held
	Feed        string      // the address of its feed, without .atom or .json; empty: it has none
}

// at returns the address for a ref, without a query.
func (i PageInfo) at(ref string) string {
	path := i.Path
	if origin, rest, two := strings.Cut(ref, betweenParts); two {
		path, ref = strings.Replace(path, "{origin}", i.segment(origin), 1), rest
	}
	return strings.Replace(path, "{ref}", i.segment(ref), 1)
}

// segment returns a ref as a part of an address.
func (i PageInfo) segment(ref string) string {
	switch {
	case dots(ref):
		return "~" + ref
	case slices.Contains(i.Reserved, ref):
		return fmt.Sprintf("%%%02X", ref[0]) + ref[1:]
	}
	return url.PathEscape(ref)
}

// betweenParts separates the parts of a ref that has two. No ref of the ledger has a
// NUL character.
const betweenParts = "\x00"

// TwoParts returns the ref of a page whose address has an origin and a ref.
func TwoParts(origin, ref string) string { return origin + betweenParts + ref }

// Parts returns what TwoParts was given.
func Parts(ref string) (origin, rest string) {
	origin, rest, _ = strings.Cut(ref, betweenParts)
	return origin, rest
}

// dots reports whether a ref is "." or "..", or one of these after tildes. Browsers
// and many programs resolve the two, however they are escaped, so that in addresses
// each of these refs has one tilde more.
func dots(ref string) bool {
	rest := strings.TrimLeft(ref, "~")
	return rest == "." || rest == ".."
}

// RefIn returns the ref that stands in an address, where it is unescaped.
func RefIn(address string) string {
	if rest, tilde := strings.CutPrefix(address, "~"); tilde && dots(rest) {
		return rest
	}
	return address
}

// A Page is one address: a declared page with its parameters, and what is known
// of its numbers as a whole.
type Page struct {
	Site
	Info         PageInfo
	Params       Params
	Sheet        string     // the address of a style sheet of its own, beside that of all pages; empty: it has none
	Card         string     // the address of the picture by which other sites preview links; empty: it has none
	Subject      string     // the name of the thing that the ref in the path stands for
	Note         string     // beside the heading, what the thing is among others; may be empty
	Only         *PanelInfo // the panel that the page shows by itself, with its table; nil: all
	Theme        string     // of a panel that pages of other sites show: light, dark or system; empty on a page of ours
	Clock        Clock
	Period       aggregates.Period     // that the numbers describe; zero if not known yet
	Lede         []Words               // under the title; see [Lede]
	Known        *aggregates.DaysKnown // of the ledger; nil if not known, or all the same to the page
	BalancesOnly bool                  // the ledger's changes are known from balances alone
	// Events are those that the panel being drawn may show; nil if its declaration
	// names none, or there are none yet.
	Events *aggregates.Events
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

// layout returns the class of the main part.
func (p Page) layout() string {
	class := "wrap"
	if p.Only != nil {
		class = "wrap alone"
	}
	if p.past() != "" {
		class += " then"
	}
	return class
}

func (p Page) title() string {
	if day := p.pastDay(); day != "" {
		return day + " · " + p.titleNow()
	}
	return p.titleNow()
}

func (p Page) titleNow() string {
	if p.Only != nil {
		return strings.TrimSuffix(p.Only.Title+" · "+p.Subject, " · ") + " · " + p.name()
	}
	if p.Params.Ref != "" {
		return p.heading() + " · " + p.name()
	}
	return p.Info.Name + " · " + p.name()
}

// WindowTitle returns the title of the window.
func (p Page) WindowTitle() string { return p.title() }

// oembed returns the address at which programs learn what shows the panel on a page of
// another site, empty where there is none.
func (p Page) oembed() string {
	if p.Only == nil || p.BaseURL == "" {
		return ""
	}
	return p.BaseURL + "/oembed?format=json&url=" + url.QueryEscape(p.BaseURL+p.Address())
}

// FeedTitle returns the title of the page's feed.
func (p Page) FeedTitle() string { return p.title() }

// feed returns the address of the page's feed in a format, empty if it has none.
func (p Page) feed(format string) string {
	if p.Info.Feed == "" || p.Only != nil {
		return ""
	}
	return p.Info.Feed + "." + format + p.Params.Of(p.params()).Query()
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

// Author returns who is responsible for a feed.
func (s Site) Author() string { return s.name() }

// name returns the name of the economy, or a general one if it has none yet.
func (s Site) name() string { return orElse(s.Settings.Name, "Economy") }

// times says what all times of the site are.
func (s Site) times() string {
	if zone := s.Settings.Zone(); zone != time.UTC {
		return "All times are those of " + zone.String()
	}
	return "All times are UTC"
}

// current returns the aria-current of a menu entry: whether it leads to this page,
// or to the one above it.
func (p Page) current(e MenuEntry) string {
	above := p.Info.Above
	switch {
	case len(above) > 0 && e.Path == above[len(above)-1].Path:
		return "true"
	case e.Path != p.Info.Path:
		return ""
	case p.Only == nil:
		return "page"
	}
	return "true"
}

// place returns the name of the menu's entry for this page.
func (p Page) place() string {
	for _, group := range p.Menu {
		for _, e := range group.Pages {
			if p.current(e) != "" {
				return e.Name
			}
		}
	}
	return "Menu"
}

// Description returns what the page is about, for search engines, and for the
// place of a lede that has nothing to say.
func (p Page) Description() string {
	if p.Only != nil {
		return p.Only.Title + " of " + p.name() + ". " + p.Only.How.Meaning
	}
	return strings.ReplaceAll(p.Info.Description, "{economy}", p.name())
}
