package views

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/sample"
	"exchequer/ledger"
)

var noon = sample.Noon

func render(t testing.TB, c templ.Component) *goquery.Document {
	t.Helper()
	var b bytes.Buffer
	if err := c.Render(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	doc, err := goquery.NewDocumentFromReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestAPanelSaysHowOldItIsIfThePageIsNot(t *testing.T) {
	fresh := Status{AsOf: noon, Next: noon.Add(30e9)}
	for _, c := range []struct {
		name   string
		status Status
		page   time.Time
		want   string
	}{
		{"as old as the page", fresh, noon, ""},
		{"older than the page", fresh, noon.Add(time.Minute), "As of 12:00:30 · next 12:01:00"},
		{"stale with the whole page", Status{AsOf: noon, Next: fresh.Next, State: cache.Stale}, noon, ""},
		{"stale alone", Status{AsOf: noon, Next: fresh.Next, State: cache.Stale}, noon.Add(time.Minute), "As of 12:00:30 · updating"},
		{"degraded", Status{AsOf: noon.AddDate(0, 0, -1), Next: fresh.Next, State: cache.Degraded, Reason: "the database does not answer"}, noon,
			"Showing 19 Nov 12:00:30: the database does not answer, next try 20 Nov 12:01:00"},
		{"degraded with the whole page", Status{AsOf: noon, Next: fresh.Next, State: cache.Degraded}, noon,
			"Showing 12:00:30: the last computation failed, next try 12:01:00"},
		{"without a value", Status{Missing: "It took too long."}, noon, "no numbers yet"},
	} {
		page := Page{Clock: Clock{AsOf: c.page, Newest: c.page}}
		d := Draw(page, PanelInfo{Name: "richest"}, c.status, aggregates.Basis{}, func() Content { return Content{Body: templ.NopComponent} })
		doc := render(t, Panel(d))
		if got := strings.Join(strings.Fields(doc.Find("footer").Text()), " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if got, want := doc.Find(".sub").AttrOr("title", ""), d.times(); got != want {
			t.Errorf("%s: the title is %q, want %q", c.name, got, want)
		}
	}
}

func TestTheFolioSaysWhichTimeThePageIsAbout(t *testing.T) {
	days := func(from, to string) aggregates.Period {
		first, _ := time.Parse(time.DateOnly, from)
		last, _ := time.Parse(time.DateOnly, to)
		return aggregates.Period{Days: "30", Start: first, End: last.Add(12 * time.Hour)}
	}
	ended := days("2019-11-28", "2019-12-27")
	ended.Historical, ended.End = true, ended.End.Add(12*time.Hour)
	clock := Clock{AsOf: noon, Newest: noon, Next: noon.Add(30e9)}
	for _, c := range []struct {
		name       string
		clock      Clock
		period     aggregates.Period
		live, span string
	}{
		{"running", clock, days("2026-10-22", "2026-11-20"), "12:00:30 UTC, Friday 20 November 2026 · next 12:01:00", "22 Oct – 20 Nov"},
		{"over the new year", clock, days("2025-11-21", "2026-11-20"), "12:00:30 UTC, Friday 20 November 2026 · next 12:01:00", "21 Nov 2025 – 20 Nov 2026"},
		{"of one day", clock, days("2026-11-20", "2026-11-20"), "12:00:30 UTC, Friday 20 November 2026 · next 12:01:00", "20 Nov"},
		{"ended", clock, ended, "Ends 27 Dec 2019; checked 12:00:30", "28 Nov – 27 Dec 2019"},
		{"not known yet", Clock{Window: 30e9}, aggregates.Period{}, "Being computed", ""},
		{"of what does not change", Clock{}, days("2026-10-22", "2026-11-20"), "", "22 Oct – 20 Nov 2026"},
	} {
		doc := render(t, folio(Page{Info: PageInfo{Path: "/economy", Params: []*Param{DaysParam}}, Clock: c.clock, Period: c.period}))
		doc.Find("#live button, noscript").Remove()
		if got := strings.Join(strings.Fields(doc.Find("#live").Text()), " "); got != c.live {
			t.Errorf("%s: %q, want %q", c.name, got, c.live)
		}
		if got := doc.Find(".dates").Text(); got != c.span {
			t.Errorf("%s: the dates are %q, want %q", c.name, got, c.span)
		}
		if got := doc.Find(".windows a[aria-current]").Text(); got != "30 d" {
			t.Errorf("%s: the period is %q, want 30 d", c.name, got)
		}
	}
	if got := render(t, folio(Page{Info: PageInfo{Path: "/wealth"}, Clock: clock, Period: ended})).Find(".dates, .windows").Length(); got != 0 {
		t.Errorf("a page without a period has %d dates or periods", got)
	}
}

func TestTheMenuHasAllPagesTwiceAndNamesTheCurrentOne(t *testing.T) {
	p := Page{Site: Site{Settings: ledger.Settings{Name: "Port"}, Menu: twelve()}, Info: PageInfo{Path: "/firms", Name: "Firms"}}
	doc := render(t, header(p))
	for _, menu := range []string{".pages", ".sheet nav"} {
		if got := doc.Find(menu + " a").Length(); got != 12 {
			t.Errorf("%s has %d pages, want 12", menu, got)
		}
		if got := doc.Find(menu + " a[aria-current=page]").Text(); got != "Firms" {
			t.Errorf("the current page of %s is %q", menu, got)
		}
	}
	if got := doc.Find("summary b").Text(); got != "Firms" {
		t.Errorf("the menu opens under %q, want the name of the page", got)
	}
	if got := doc.Find(".mark").Text(); !strings.Contains(got, "Port") {
		t.Errorf("the head names %q, want the economy", got)
	}
	if doc.Find("form.find").Length() != 0 {
		t.Error("a search without a page that searches")
	}
	p.Search = "/search"
	if form := render(t, header(p)).Find(`form.find[action="/search"]:not([method])`); form.Length() != 2 || form.Find("input[name=q]").Length() != 2 {
		t.Errorf("%d forms to search, want one in the head and one in the menu", form.Length())
	}
}

// twelve is a menu of twelve pages in three groups.
func twelve() []MenuGroup {
	var groups []MenuGroup
	for _, g := range [][]string{
		{"Money", "Economy", "Health", "Money flow", "Government"}, {"Trade", "Market", "Shops", "Firms", "Appraise"},
		{"Record", "Accounts", "Transactions", "Reports", "Data"},
	} {
		group := MenuGroup{Name: g[0]}
		for _, name := range g[1:] {
			group.Pages = append(group.Pages, MenuEntry{Name: name, Path: "/" + strings.ReplaceAll(strings.ToLower(name), " ", "-")})
		}
		groups = append(groups, group)
	}
	return groups
}

func TestAnErrorPageSaysWhatToDo(t *testing.T) {
	for status, want := range map[int]string{
		404: "Page not found", 405: "Not possible this way", 429: "Too many requests", 500: "This page could not be made",
		503: "Not available right now", 504: "Not available right now", 400: "This request cannot be answered",
	} {
		doc := render(t, ErrorPage(Site{Settings: ledger.Settings{Name: "Port"}}, status, "Try later."))
		if got := doc.Find("h1").Text(); got != want {
			t.Errorf("%d: %q, want %q", status, got, want)
		}
		if !strings.Contains(doc.Find("main").Text(), "Try later.") {
			t.Errorf("%d does not say what to do", status)
		}
	}
	site := Site{Menu: twelve()}
	if got := render(t, ErrorPage(site, 404, "Nothing.")).Find("main nav a").Length(); got != 12 {
		t.Errorf("where there is nothing, %d pages are offered, want 12", got)
	}
}

func TestParametersAreCanonical(t *testing.T) {
	both := []*Param{DaysParam, PopulationParam}
	for query, want := range map[string]string{
		"": "", "days=30": "", "days=31": "", "days=8": "?days=7", "population=all&days=7": "?days=7&population=all",
		"days=abc": "", "population=x": "", "days=%zz&population=all": "?population=all", "days=99999999999999999999": "?days=365",
		"days=7&days=90": "?days=7", "other=1": "",
	} {
		p := ParseParams(both, "", query)
		if p.Query() != want {
			t.Errorf("%q is canonical as %q, want %q", query, p.Query(), want)
		}
		if again := ParseParams(both, "", strings.TrimPrefix(want, "?")); again != p {
			t.Errorf("%q: %v is not what its own query gives, %v", query, p, again)
		}
	}
	p := ParseParams(both, "a b/c", "days=7&population=all")
	if got := p.Of(both[:1]).Query(); got != "?days=7" {
		t.Errorf("of the days alone: %q", got)
	}
	if got := p.With(both, PopulationParam, "personal").Query(); got != "?days=7" {
		t.Errorf("with the default population: %q", got)
	}
}
