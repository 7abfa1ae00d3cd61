package views

import (
	"bytes"
	"context"
	"strings"
	"testing"

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

func TestAPanelSaysHowOldItIsAndWhy(t *testing.T) {
	fresh := Status{AsOf: noon, Next: noon.Add(30e9)}
	ended := aggregates.Basis{Period: aggregates.Period{Historical: true, End: noon.Truncate(24 * 60 * 60 * 1e9)}}
	for _, c := range []struct {
		name   string
		status Status
		basis  aggregates.Basis
		want   string
	}{
		{"fresh", fresh, aggregates.Basis{}, "As of 12:00:30 · next 12:01:00"},
		{"stale", Status{AsOf: noon, Next: fresh.Next, State: cache.Stale}, aggregates.Basis{}, "As of 12:00:30 · newer numbers are on their way"},
		{"degraded", Status{AsOf: noon.AddDate(0, 0, -1), Next: fresh.Next, State: cache.Degraded, Reason: "the database does not answer"},
			aggregates.Basis{}, "Showing 19 Nov 12:00:30: the database does not answer, trying again 20 Nov 12:01:00"},
		{"without a value", Status{Missing: "It took too long."}, aggregates.Basis{}, "no numbers yet"},
		{"of a ledger that ended", fresh, ended, "As of 12:00:30 · next 12:01:00 The ledger ends on 19 Nov 2026"},
	} {
		d := Draw(Page{}, PanelInfo{Name: "richest"}, c.status, c.basis, func() Content { return Content{Body: templ.NopComponent} })
		if got := strings.Join(strings.Fields(render(t, Panel(d)).Find("footer").Text()), " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestAnErrorPageSaysWhatToDo(t *testing.T) {
	for status, want := range map[int]string{
		404: "Nothing at this address", 405: "Not possible this way", 429: "Too many requests", 500: "Something went wrong on our side",
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
