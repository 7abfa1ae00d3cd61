package views

import (
	"time"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/ledger"
)

// A Site is what every page shows.
type Site struct {
	Settings ledger.Settings
	Assets   Assets
	Path     string // of this page, without query: "/economy"
	Query    string // canonical, without question mark: "days=7", or empty
	Version  string // of the program, for the foot of the page
}

// Assets are the addresses of static files, with the hash in the name.
type Assets struct {
	CSS    string // app.css
	Script string // app.js, a module; none if empty
	Icon   string // icons/mark.svg
}

// A Clock holds the times of a whole page: AsOf of its oldest panel, Next of the
// one that is due first. The new value is there within Lag after Next.
type Clock struct {
	AsOf, Next  time.Time
	Window, Lag time.Duration
}

// A Panel is the result of one memo, or the reason why there is none.
type Panel[T any] struct {
	Result cache.Result[T]
	Err    string // visitor text; Result has no value then
}

// Missing reports whether there is no value to show.
func (p Panel[T]) Missing() bool { return p.Err != "" }

// An EconomyPage is the home page, with the values of all its panels.
type EconomyPage struct {
	Site
	Clock
	Choice
	Overview   Panel[*aggregates.Overview]
	Inequality Panel[*aggregates.Inequality]
	Activity   Panel[*aggregates.Activity]
	Wealth     Panel[*aggregates.WealthByKind]
	Rhythm     Panel[*aggregates.Rhythm]
	Richest    Panel[*aggregates.Richest]
}

// A Choice holds the parameters of a page's address.
type Choice struct {
	Days       aggregates.Days
	Population aggregates.Population
}

// measured returns the choice with the population that was measured, which is the
// private one if the ledger has no personal accounts.
func (c Choice) measured(v *aggregates.Inequality) Choice {
	if v.Population == aggregates.PopulationPrivate {
		c.Population = v.Population
	}
	return c
}

// A PanelPage is a panel by itself, at "/economy/" and its name, with the whole
// table behind it.
type PanelPage struct {
	Site
	Clock
	Choice
	Name  string           // as in PanelNames
	Page  EconomyPage      // only the named panel's value is read
	Table aggregates.Table // without rows if there is no value
}

// PanelNames returns the names of the panels, as in their addresses:
// "/economy/activity", "/economy/activity.csv?days=7". The memo Overview is the
// source of the first, Inequality that of inequality, lorenz and distribution.
func PanelNames() []string {
	return []string{"overview", "inequality", "activity", "lorenz", "distribution", "wealth", "rhythm", "richest"}
}

// areas are the panels in the order of the page.
func areas() []string {
	return []string{"overview", "inequality", "activity", "lorenz", "distribution", "rhythm", "wealth", "richest"}
}

func (p PanelPage) panel() templ.Component {
	switch p.Name {
	case "overview":
		return OverviewPanel(p.Site, p.Choice, p.Page.Overview)
	case "inequality":
		return measuresPanel(p.Site, p.Choice, p.Page.Inequality)
	case "lorenz":
		return lorenzPanel(p.Site, p.Choice, p.Page.Inequality)
	case "distribution":
		return distributionPanel(p.Site, p.Choice, p.Page.Inequality)
	case "activity":
		return ActivityPanel(p.Site, p.Choice, p.Page.Activity)
	case "wealth":
		return WealthPanel(p.Site, p.Choice, p.Page.Wealth)
	case "rhythm":
		return RhythmPanel(p.Site, p.Choice, p.Page.Rhythm)
	case "richest":
		return RichestPanel(p.Site, p.Choice, p.Page.Richest)
	}
	return templ.NopComponent
}
