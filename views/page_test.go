package views

import (
	"bytes"
	"compress/gzip"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/andybalholm/brotli"
	"github.com/google/go-cmp/cmp"

	"exchequer/aggregates"
	"exchequer/cache"
)

var update = flag.Bool("update", false, "write the pages that tests compare with")

func parse(t testing.TB, html string) *goquery.Document {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(html))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestPagesAreAsApproved(t *testing.T) {
	all := pages()
	for _, name := range []string{"town", "council", "empty", "cold", "404", "panel-activity", "panel-richest"} {
		got := strings.ReplaceAll(render(t, all[name]), "><", ">\n<") + "\n"
		path := filepath.Join("testdata", name+".html")
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-approved +drawn), -update approves it:\n%s", name, diff)
		}
	}
}

func TestEveryPanelHasItsAgeItsHowAndItsFiles(t *testing.T) {
	for _, name := range []string{"town", "council", "empty"} {
		doc := parse(t, render(t, pages()[name]))
		for _, panel := range PanelNames() {
			section := doc.Find("main section#" + panel)
			if section.Length() != 1 {
				t.Errorf("%s: %d sections for %s", name, section.Length(), panel)
				continue
			}
			if age := strings.TrimSpace(section.Find("footer.age").Text()); age == "" {
				t.Errorf("%s: %s has no age", name, panel)
			}
			how := section.Find("details.how")
			if got := how.Find("dd").Length(); got != 3 || strings.TrimSpace(how.Text()) == "" {
				t.Errorf("%s: %s says %d things of how it is computed, want 3", name, panel, got)
			}
			for i, suffix := range []string{"", ".csv", ".json"} {
				href, _ := section.Find(".tools a").Eq(i).Attr("href")
				if path, _, _ := strings.Cut(href, "?"); path != "/economy/"+panel+suffix {
					t.Errorf("%s: %s links to %q", name, panel, href)
				}
			}
			if labelled, _ := section.Attr("aria-labelledby"); section.Find("h2#"+labelled).Text() == "" {
				t.Errorf("%s: %s has no name", name, panel)
			}
		}
	}
}

func TestPagesKeepToThePolicy(t *testing.T) {
	for name, page := range pages() {
		html := render(t, page)
		doc := parse(t, html)
		if doc.Find("[style], style, script:not([src]), [onclick]").Length() > 0 || strings.Contains(html, "javascript:") {
			t.Errorf("%s: inline style or script", name)
		}
		doc.Find("svg").Each(func(_ int, s *goquery.Selection) {
			if hidden, _ := s.Attr("aria-hidden"); hidden != "true" && s.ChildrenFiltered("title").Text() == "" {
				t.Errorf("%s: a drawing without a title", name)
			}
		})
		if n := doc.Find("h1").Length(); n != 1 {
			t.Errorf("%s: %d headings of the first level", name, n)
		}
		if level := doc.Find("h1, h2, h3").First(); !level.Is("h1") {
			t.Errorf("%s: the first heading is not the first level's", name)
		}
		ids := map[string]bool{}
		doc.Find("[id]").Each(func(_ int, s *goquery.Selection) {
			id, _ := s.Attr("id")
			if ids[id] {
				t.Errorf("%s: the id %s twice", name, id)
			}
			ids[id] = true
		})
		if first := doc.Find("a").First(); first.AttrOr("href", "") != "#main" || !ids["main"] {
			t.Errorf("%s: the first link does not skip to the main part", name)
		}
		doc.Find("main [tabindex]").Each(func(_ int, s *goquery.Selection) {
			if s.AttrOr("aria-label", s.ChildrenFiltered("title").Text()) == "" {
				t.Errorf("%s: a tab stop without a name", name)
			}
		})
	}
}

func TestPagesAreLight(t *testing.T) {
	weigh := func(text []byte) (gzipped, brotlied int) {
		var g, b bytes.Buffer
		zw, _ := gzip.NewWriterLevel(&g, 6)
		_, _ = zw.Write(text)
		_ = zw.Close()
		bw := brotli.NewWriterLevel(&b, 5)
		_, _ = bw.Write(text)
		_ = bw.Close()
		return g.Len(), b.Len()
	}
	for _, d := range aggregates.AllDays() {
		g, b := weigh([]byte(render(t, Economy(town(d)))))
		t.Logf("days=%s: gzip %d, brotli %d bytes", d.Key(), g, b)
		if g > 30<<10 {
			t.Errorf("days=%s: %d bytes of gzip, at most 30 KB", d.Key(), g)
		}
	}
	css, err := os.ReadFile("../static/app.css")
	if err != nil {
		t.Fatal(err)
	}
	g, b := weigh(css)
	t.Logf("app.css: gzip %d, brotli %d bytes", g, b)
	if g > 10<<10 {
		t.Errorf("app.css: %d bytes of gzip, at most 10 KB", g)
	}
}

func TestAColdPageEndsAsTheWarmOne(t *testing.T) {
	panels := func(html string) []string {
		var all []string
		parse(t, html).Find(".panels > section").Each(func(_ int, s *goquery.Selection) {
			outer, err := goquery.OuterHtml(s)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, outer)
		})
		slices.Sort(all)
		return all
	}
	late := render(t, pages()["late"])
	if diff := cmp.Diff(panels(render(t, pages()["town"])), panels(late)); diff != "" {
		t.Errorf("panels (-warm +cold):\n%s", diff)
	}
	template := parse(t, late).Find(".panels > template[shadowrootmode=open]")
	inner, err := template.Html()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range PanelNames() {
		if !strings.Contains(inner, `<slot name="`+name+`">`) {
			t.Errorf("no slot waits for %s", name)
		}
	}
}

func TestAPanelSaysHowOldItIsAndWhy(t *testing.T) {
	p := town(30)
	say := func(change func(*Panel[*aggregates.Richest])) string {
		panel := p.Richest
		change(&panel)
		return strings.Join(strings.Fields(parse(t, render(t, RichestPanel(p.Site, p.Choice, panel))).Find("footer").Text()), " ")
	}
	for _, c := range []struct {
		name   string
		change func(*Panel[*aggregates.Richest])
		want   string
	}{
		{"fresh", func(*Panel[*aggregates.Richest]) {}, "As of 12:00:30 · next 12:01:00"},
		{"stale", func(p *Panel[*aggregates.Richest]) { p.Result.State = cache.Stale }, "As of 12:00:30 · newer numbers are on their way"},
		{"degraded", func(p *Panel[*aggregates.Richest]) {
			p.Result.State, p.Result.Reason = cache.Degraded, "the database does not answer"
			p.Result.AsOf = noon.AddDate(0, 0, -1)
		}, "Showing 19 Nov 12:00:30: the database does not answer, trying again 20 Nov 12:01:00"},
		{"without a value", func(p *Panel[*aggregates.Richest]) { *p = missing[*aggregates.Richest]("It took too long.") }, "no numbers yet"},
		{"of a ledger that ended", func(p *Panel[*aggregates.Richest]) {
			v := *p.Result.Value
			v.Historical, v.End = true, noon.Truncate(24*60*60*1e9)
			p.Result.Value = &v
		}, "As of 12:00:30 · next 12:01:00 The ledger ends on 19 Nov 2026"},
	} {
		if got := say(c.change); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestNamesCannotBecomeMarkup(t *testing.T) {
	p := town(30)
	v := *p.Richest.Result.Value
	v.Accounts = slices.Clone(v.Accounts)
	v.Accounts[0].Name = `<script>alert(1)</script>"'`
	p.Richest = ready(&v)
	p.Site.Settings.Name, p.Site.Settings.Symbol = `<b onclick="x">`, `"><i>`
	doc := parse(t, render(t, Economy(p)))
	if n := doc.Find("script, [onclick], main i").Length(); n > 0 {
		t.Errorf("%d elements came from names", n)
	}
	if got := doc.Find("#richest .name").First().Text(); got != v.Accounts[0].Name {
		t.Errorf("the name is shown as %q", got)
	}
}

func TestLinksKeepWhatWasChosen(t *testing.T) {
	p := town(7)
	p.Choice.Population = aggregates.PopulationAll
	doc := parse(t, render(t, Economy(p)))
	for selector, want := range map[string]string{
		".windows a[aria-current]":           "/economy?days=7&population=all",
		".windows a:nth-child(2)":            "/economy?population=all",
		".group a:first-child":               "/economy?days=7",
		"#activity .tools a:nth-child(2)":    "/economy/activity.csv?days=7",
		"#lorenz .tools a:nth-child(3)":      "/economy/lorenz.json?population=all",
		"#richest .tools a:nth-child(1)":     "/economy/richest",
		"header.site nav a[aria-current]":    "/economy",
		"form.themes[method=post]":           "",
		"#inequality .group a[aria-current]": "/economy?days=7&population=all",
	} {
		found := doc.Find(selector)
		if found.Length() != 1 || found.AttrOr("href", "") != want {
			t.Errorf("%s: %d found, to %q, want %q", selector, found.Length(), found.AttrOr("href", ""), want)
		}
	}
}

func TestAnErrorPageSaysWhatToDo(t *testing.T) {
	for status, want := range map[int]string{
		404: "Nothing at this address", 405: "Not possible this way", 429: "Too many requests", 500: "Something went wrong on our side",
		503: "Not available right now", 504: "Not available right now", 400: "This request cannot be answered",
	} {
		doc := parse(t, render(t, ErrorPage(site("Port", "", 0), status, "Try later.")))
		if got := doc.Find("h1").Text(); got != want {
			t.Errorf("%d: %q, want %q", status, got, want)
		}
		if !strings.Contains(doc.Find("main").Text(), "Try later.") {
			t.Errorf("%d does not say what to do", status)
		}
	}
}
