package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"flag"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/sample"
	"exchequer/ledger"
)

var update = flag.Bool("update", false, "write the pages that tests compare with")

// walk calls f for every page of the site at noon of the samples' day: open
// answers an address.
func walk(t *testing.T, tn *town, f func(open func(address string) *httptest.ResponseRecorder, pages []*page)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(sample.Noon.Add(time.Millisecond)))
		tn.window = 30 * time.Second
		tn.store = cache.NewMemory() // of this bubble
		handler, leave := tn.handler(t)
		defer leave()
		open := func(address string) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
			r.Header.Set("Accept", "text/html")
			handler.ServeHTTP(w, r)
			synctest.Wait()
			return w
		}
		f(open, tn.declared(t))
	})
}

// declared returns the declarations of the pages.
func (tn *town) declared(t testing.TB) []*page {
	t.Helper()
	c := cache.New(cache.Deps{Store: cache.NewMemory(), Space: "declared:1"})
	defer func() { _ = c.Close(t.Context()) }()
	s := &server{Deps: tn.deps(t, c)}
	return s.declarePages()
}

// address returns the address of a page, of some thing if it has a ref.
func (p *page) address() string {
	return strings.NewReplacer("{ref}", "ada", "{origin}", "town").Replace(p.Path)
}

func samples() map[string]*town {
	return map[string]*town{"town": sampled(sample.Town(30)), "council": sampled(sample.Council()), "empty": sampled(sample.Empty())}
}

func TestPagesAreAsApproved(t *testing.T) {
	hashed := regexp.MustCompile(`(/static/[a-z/]+)[.-][0-9a-f]{6,}(\.[a-z]+)`)
	for name, tn := range samples() {
		walk(t, tn, func(open func(string) *httptest.ResponseRecorder, pages []*page) {
			addresses := map[string]string{}
			for _, p := range pages {
				open(p.address()) // the page about the numbers shows those that are in memory
			}
			if name == "town" {
				addresses = map[string]string{"404": "/nothing", "about": "/about/numbers", "town-appraise-list": "/appraise?i=ada:64~item0:1200~dimond:3~item+7:2~item4:0"}
			}
			for _, p := range pages {
				stem := strings.ReplaceAll(strings.Trim(p.address(), "/"), "/", "-")
				addresses[name+"-"+stem] = p.address()
				if name == "town" && p.Dated {
					addresses["past-"+stem] = p.address() + "?at=2026-10-31"
				}
				if name == "town" {
					for _, panel := range p.panels {
						addresses["panel-"+stem+"-"+panel.Name] = p.address() + "/" + panel.Name
					}
				}
			}
			for file, address := range addresses {
				w := open(address)
				got := hashed.ReplaceAllString(w.Body.String(), "$1$2")
				got = strings.ReplaceAll(got, "><", ">\n<") + "\n"
				path := filepath.Join("testdata", file+".html")
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
					t.Errorf("%s (-approved +drawn), -update approves it:\n%.3000s", file, diff)
				}
			}
		})
	}
}

func TestEveryPanelHasItsHowAndItsFiles(t *testing.T) {
	all := samples()
	delete(all, "empty")
	for name, tn := range all {
		walk(t, tn, func(open func(string) *httptest.ResponseRecorder, pages []*page) {
			for _, p := range pages {
				doc := parse(t, open(p.address()).Body.String())
				for _, panel := range p.panels {
					section := doc.Find("main section#" + panel.Name)
					if section.Length() != 1 {
						t.Errorf("%s %s: %d sections for %s", name, p.Path, section.Length(), panel.Name)
						continue
					}
					if got := section.Find("details.how dd").Length(); got < 4 {
						t.Errorf("%s %s: %s says %d things of how it is computed, want 4 or more", name, p.Path, panel.Name, got)
					}
					for i, suffix := range []string{"", ".csv", ".json"} {
						href, _ := section.Find(".tools a").Eq(i).Attr("href")
						if path, _, _ := strings.Cut(href, "?"); path != p.address()+"/"+panel.Name+suffix {
							t.Errorf("%s: %s links to %q", name, panel.Name, href)
						}
					}
					if labelled, _ := section.Attr("aria-labelledby"); section.Find("h2#"+labelled).Text() == "" {
						t.Errorf("%s: %s has no name", name, panel.Name)
					}
				}
			}
		})
	}
}

func TestPagesKeepToThePolicy(t *testing.T) {
	for name, tn := range samples() {
		walk(t, tn, func(open func(string) *httptest.ResponseRecorder, pages []*page) {
			addresses := []string{"/", "/nothing", "/about/numbers"}
			for _, p := range pages {
				addresses = append(addresses, p.address())
				for _, panel := range p.panels {
					addresses = append(addresses, p.Path+"/"+panel.Name)
				}
			}
			for _, address := range addresses {
				keepsToThePolicy(t, name+" "+address, open(address).Body.String())
			}
		})
	}
}

func keepsToThePolicy(t *testing.T, name, html string) {
	t.Helper()
	doc := parse(t, html)
	if doc.Find("[style], style, script:not([src]), [onclick]").Length() > 0 || strings.Contains(html, "javascript:") {
		t.Errorf("%s: inline style or script", name)
	}
	doc.Find("svg").Each(func(_ int, s *goquery.Selection) {
		if s.ParentsFiltered("svg").Length() > 0 {
			return
		}
		if hidden, _ := s.Attr("aria-hidden"); hidden != "true" && s.AttrOr("aria-label", "") == "" {
			t.Errorf("%s: a drawing without a name", name)
		}
	})
	if n := doc.Find("h1").Length(); n != 1 {
		t.Errorf("%s: %d headings of the first level", name, n)
	}
	if level := doc.Find("main").Find("h1, h2, h3").First(); !level.Is("h1") {
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
	doc.Find("[aria-describedby]").Each(func(_ int, s *goquery.Selection) {
		for _, id := range strings.Fields(s.AttrOr("aria-describedby", "")) {
			if !ids[id] {
				t.Errorf("%s: %s is described by %s, which is not there", name, s.AttrOr("aria-label", "a drawing"), id)
			}
		}
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

func TestPagesAreLight(t *testing.T) {
	walk(t, samples()["town"], func(open func(string) *httptest.ResponseRecorder, pages []*page) {
		for _, p := range pages {
			if n := zipped(t, open(p.address()).Body.Bytes()); n > 30<<10 {
				t.Errorf("%s: %d bytes of gzip, at most 30 KB", p.Path, n)
			}
		}
	})
}

func zipped(t *testing.T, text []byte) int {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Len()
}

func TestAColdPageEndsAsTheWarmOne(t *testing.T) {
	tn := samples()["town"]
	overview := tn.overview
	tn.overview = func(ctx context.Context, w cache.Window, d aggregates.Days) (*aggregates.Overview, error) {
		time.Sleep(2 * streamAfter)
		return overview(ctx, w, d)
	}
	walk(t, tn, func(open func(string) *httptest.ResponseRecorder, pages []*page) {
		cold, warm := open("/economy").Body.String(), open("/economy").Body.String()
		if diff := cmp.Diff(parts(t, warm), parts(t, cold)); diff != "" {
			t.Errorf("parts (-warm +cold):\n%s", diff)
		}
		inner, err := parse(t, cold).Find("main > template[shadowrootmode=open]").Html()
		if err != nil {
			t.Fatal(err)
		}
		slots := []string{"folio", "lede"}
		for _, panel := range pages[0].panels {
			slots = append(slots, panel.Name)
		}
		from := 0
		for _, name := range slots {
			at := strings.Index(inner[from:], `<slot name="`+name+`">`)
			if at < 0 {
				t.Errorf("no slot waits for %s, or in another order", name)
				continue
			}
			from += at
		}
	})
}

// parts returns the parts of a page that a cold one has slots for.
func parts(t *testing.T, html string) []string {
	t.Helper()
	var all []string
	parse(t, html).Find("main > [slot], .panels > [slot]").Each(func(_ int, s *goquery.Selection) {
		outer, err := goquery.OuterHtml(s)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, outer)
	})
	slices.Sort(all)
	return all
}

func TestNamesCannotBecomeMarkup(t *testing.T) {
	e := sample.Town(30)
	e.Richest.Accounts[0].Name = `<script>alert(1)</script>"'`
	e.Settings = ledger.Settings{Name: `<b onclick="x">`, Symbol: `"><i>`}
	walk(t, sampled(e), func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		doc := parse(t, open("/economy").Body.String())
		if n := doc.Find("script:not([src]), [onclick], main i").Length(); n > 0 {
			t.Errorf("%d elements came from names", n)
		}
		if got := doc.Find("#richest .name").First().Text(); got != e.Richest.Accounts[0].Name {
			t.Errorf("the name is shown as %q", got)
		}
	})
}

func TestLinksKeepWhatWasChosen(t *testing.T) {
	walk(t, samples()["town"], func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		doc := parse(t, open("/economy?days=7&population=all").Body.String())
		for selector, want := range map[string]string{
			".windows a[aria-current]":                   "/economy?days=7&population=all",
			".windows a:nth-of-type(2)":                  "/economy?population=all",
			".group a:first-of-type":                     "/economy?days=7",
			"#activity .tools a:nth-child(2)":            "/economy/activity.csv?days=7",
			"#lorenz .tools a:nth-child(3)":              "/economy/lorenz.json?population=all",
			"#richest .tools a:nth-child(1)":             "/economy/richest",
			"header.site nav a[aria-current]":            "/economy",
			"#inequality .group a[aria-current]":         "/economy?days=7&population=all",
			"form.themes input[name=back]:first-of-type": "",
			`link[rel=canonical]`:                        "https://economy.test/economy?days=7&population=all",
		} {
			if found := doc.Find(selector).First(); found.Length() != 1 || found.AttrOr("href", "") != want {
				t.Errorf("%s: %d found, to %q, want %q", selector, found.Length(), found.AttrOr("href", ""), want)
			}
		}
	})
}

func TestAHomeScreenAndAPreviewHaveTheirPictures(t *testing.T) {
	walk(t, samples()["town"], func(open func(string) *httptest.ResponseRecorder, pages []*page) {
		for _, p := range pages {
			doc := parse(t, open(p.address()).Body.String())
			picture := doc.Find(`meta[property="og:image"]`).AttrOr("content", "")
			path, absolute := strings.CutPrefix(picture, "https://economy.test")
			if w := open(path); !absolute || w.Code != http.StatusOK || w.Header().Get("Content-Type") != "image/png" {
				t.Errorf("%s: the picture %q is answered %d, %s", p.Path, picture, w.Code, w.Header().Get("Content-Type"))
			}
			var manifest struct {
				Name  string
				Icons []struct{ Src, Type string }
			}
			w := open(doc.Find("link[rel=manifest]").AttrOr("href", ""))
			if err := json.Unmarshal(w.Body.Bytes(), &manifest); err != nil || manifest.Name != "Port Exchequer" || len(manifest.Icons) != 2 {
				t.Fatalf("%s: the manifest is %s, %v", p.Path, w.Body, err)
			}
			for _, icon := range manifest.Icons {
				if w := open(icon.Src); w.Code != http.StatusOK || w.Header().Get("Content-Type") != icon.Type {
					t.Errorf("the icon %s is answered %d, %s", icon.Src, w.Code, w.Header().Get("Content-Type"))
				}
			}
		}
	})
}

func TestAnEmptyLedgerGreetsUntilThereIsSomethingToShow(t *testing.T) {
	tn := sampled(sample.Town(30))
	var full atomic.Bool
	tn.profile = func(context.Context, cache.Window, aggregates.NoParams) (aggregates.Profile, error) {
		return aggregates.Profile{Transactions: full.Load()}, nil
	}
	walk(t, tn, func(open func(string) *httptest.ResponseRecorder, pages []*page) {
		for _, p := range pages {
			doc := parse(t, open(p.address()).Body.String())
			if p.exists == nil && (doc.Find("#begin").Length() != 1 || doc.Find(".panels > section").Length() != 1) || len(p.readings) > 0 && doc.Find("#folio").AttrOr("data-next", "") == "" {
				t.Errorf("%s of an empty ledger does not greet, or not alone, or does not ask again", p.Path)
			}
		}
		full.Store(true)
		time.Sleep(time.Minute)
		open("/economy")
		time.Sleep(time.Second)
		doc := parse(t, open("/economy").Body.String())
		if doc.Find("#begin").Length() > 0 || doc.Find("#activity").Length() != 1 {
			t.Error("the page still greets although there are transactions")
		}
		if menu := doc.Find("header.site nav").Text(); strings.Contains(menu, "Market") {
			t.Errorf("the menu of a ledger without sales is %q", menu)
		}
		if w := open("/market"); w.Code != http.StatusOK {
			t.Errorf("the market without sales: status %d", w.Code)
		}
	})
}

func TestEveryPanelIsDescribed(t *testing.T) {
	walk(t, samples()["town"], func(open func(string) *httptest.ResponseRecorder, pages []*page) {
		var api struct {
			Paths map[string]struct {
				Get struct {
					Responses map[string]struct {
						Content map[string]struct {
							Schema struct {
								Ref string `json:"$ref"`
							}
						}
					}
				}
			}
			Components struct {
				Schemas map[string]struct{ Properties map[string]any }
			}
		}
		if err := json.Unmarshal(open("/api/v1/openapi.json").Body.Bytes(), &api); err != nil {
			t.Fatal(err)
		}
		for _, p := range pages {
			open(p.address()) // so that there are numbers to give as examples
		}
		about, siteMap := open("/about/numbers").Body.String(), open("/sitemap/pages.xml").Body.String()
		contains(t, about, "= 3.41.") // an example
		for _, p := range pages {
			for _, panel := range p.panels {
				path := p.address() + "/" + panel.Name
				if p.exists == nil {
					contains(t, siteMap, "<loc>https://economy.test"+path+"</loc>")
				}
				contains(t, about, panel.Title)
				if panel.How.SQL != "" && strings.Contains(about, html.EscapeString(panel.How.SQL)) && strings.Contains(panel.How.SQL, "@end") {
					t.Errorf("%s: its query cannot be run as it stands", panel.Name)
				}
				ref := api.Paths[p.Path+"/"+panel.Name+".json"].Get.Responses["200"].Content["application/json"].Schema.Ref
				schema := api.Components.Schemas[strings.TrimPrefix(ref, "#/components/schemas/")]
				var got map[string]any
				if err := json.Unmarshal(open(path+".json").Body.Bytes(), &got); err != nil {
					t.Fatalf("%s.json: %v", path, err)
				}
				for name := range got {
					if schema.Properties[name] == nil {
						t.Errorf("%s.json has %q, which %s does not describe", path, name, ref)
					}
				}
				var meta metaDocument
				if err := json.Unmarshal(open(path+".meta.json").Body.Bytes(), &meta); err != nil {
					t.Fatalf("%s.meta.json: %v", path, err)
				}
				if meta.Title != panel.Title || meta.Definition == "" || meta.Citation == "" || len(meta.Columns) == 0 || meta.AsOf.IsZero() {
					t.Errorf("%s.meta.json = %+v", path, meta)
				}
			}
		}
	})
}

// Menu and foot lead to each page that has an address of its own.
func TestEachPageIsAClickFromHome(t *testing.T) {
	walk(t, sampled(sample.Town(30)), func(open func(string) *httptest.ResponseRecorder, pages []*page) {
		linked := map[string]bool{}
		parse(t, open("/").Body.String()).Find("a[href]").Each(func(_ int, a *goquery.Selection) {
			address, _, _ := strings.Cut(a.AttrOr("href", ""), "?")
			linked[address] = true
		})
		wanted := []string{"/about/numbers", apiPagePath}
		for _, p := range pages {
			if p.exists == nil {
				wanted = append(wanted, p.Path)
			}
		}
		for _, address := range wanted {
			if !linked[address] && address != "/economy" {
				t.Errorf("nothing leads from the home page to %s", address)
			}
		}
		if linked[dataPath] {
			t.Error("a link leads to files that are not published")
		}
	})
}
