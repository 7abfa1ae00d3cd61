package views

import (
	"net/url"
	"slices"

	"github.com/a-h/templ"

	"exchequer/aggregates"
)

const home = "/economy"

// defaults are left out of addresses.
const (
	defaultDays       = aggregates.Days(30)
	defaultPopulation = aggregates.PopulationPersonal
)

// query returns the canonical query of a choice, with its question mark.
func (c Choice) query() string {
	q := url.Values{}
	if c.Days != defaultDays {
		q.Set("days", c.Days.Key())
	}
	if c.Population != "" && c.Population != defaultPopulation {
		q.Set("population", c.Population.Key())
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

// of returns the part of the choice on which the named panel depends.
func (c Choice) of(name string) Choice {
	switch name {
	case "overview", "activity", "rhythm":
		return Choice{Days: c.Days, Population: defaultPopulation}
	case "inequality", "lorenz", "distribution":
		return Choice{Days: defaultDays, Population: c.Population}
	}
	return Choice{Days: defaultDays, Population: defaultPopulation}
}

// A link leads to one of several choices.
type link struct {
	Text, Title string
	Href        templ.SafeURL
	Current     bool
}

var daysNames = map[aggregates.Days][2]string{
	7: {"7 d", "the last 7 days"}, 30: {"30 d", "the last 30 days"}, 90: {"90 d", "the last 90 days"},
	365: {"1 y", "the last year"}, 0: {"all", "all time"},
}

func (c Choice) windows(path string) []link {
	var links []link
	for _, d := range aggregates.AllDays() {
		there := Choice{Days: d, Population: c.Population}
		links = append(links, link{
			Text: daysNames[d][0], Title: daysNames[d][1], Href: templ.SafeURL(path + there.query()), Current: d == c.Days,
		})
	}
	return links
}

func (c Choice) populations(path string) []link {
	var links []link
	for _, p := range []aggregates.Population{aggregates.PopulationPersonal, aggregates.PopulationPrivate, aggregates.PopulationAll} {
		there := Choice{Days: c.Days, Population: p}
		links = append(links, link{
			Text: p.Key(), Title: populationNames[p], Href: templ.SafeURL(path + there.query()), Current: p == c.Population,
		})
	}
	return links
}

var populationNames = map[aggregates.Population]string{
	aggregates.PopulationPersonal: "holders of personal accounts",
	aggregates.PopulationPrivate:  "holders of personal and business accounts",
	aggregates.PopulationAll:      "all holders but the system",
}

// dependsOnDays reports whether a panel depends on the period.
func dependsOnDays(name string) bool {
	return slices.Contains([]string{"overview", "activity", "rhythm"}, name)
}

func dependsOnPopulation(name string) bool {
	return slices.Contains([]string{"inequality", "lorenz", "distribution"}, name)
}
