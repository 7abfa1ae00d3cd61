package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"exchequer/internal/sample"
)

func TestTheDocumentOfAPageAsOfADay(t *testing.T) {
	site := sampled(sample.Town(30)).start(t)
	for _, p := range sampled(sample.Town(30)).declared(t) {
		if !p.Dated || len(p.panels) == 0 {
			continue
		}
		plain := *p
		plain.Path = p.address()
		r, body := ask(t, http.MethodGet, site.URL+plain.document()+"?at=2026-10-31")
		if r.StatusCode != http.StatusOK || !strings.Contains(body, `"at":"2026-10-31"`) {
			t.Errorf("%s = %d: %.300s", plain.document(), r.StatusCode, body)
		}
		if r, body := ask(t, http.MethodGet, site.URL+plain.meta()+"?at=2026-10-31"); r.StatusCode != http.StatusOK || !strings.Contains(body, `"meaning"`) {
			t.Errorf("%s = %d: %.300s", plain.meta(), r.StatusCode, body)
		}
	}
}

// The pages that know days that are over show one, keep it in their links, and lead
// back.
func TestPagesAsOfADay(t *testing.T) {
	walk(t, sampled(sample.Town(30)), func(open func(string) *httptest.ResponseRecorder, pages []*page) {
		dated := map[string]bool{}
		for _, p := range pages {
			dated[p.Path] = p.Dated
		}
		for _, p := range pages {
			doc := parse(t, open(p.address()+"?at=2026-10-31").Body.String())
			if !p.Dated {
				if doc.Find(".as-it-was, .day").Length() > 0 {
					t.Errorf("%s knows no days, and asks for one", p.Path)
				}
				continue
			}
			if got := doc.Find("#folio .as-it-was").Text(); !strings.Contains(got, "As it was on 31 October 2026") {
				t.Errorf("%s says %q", p.Path, got)
			}
			if !strings.HasPrefix(doc.Find("title").Text(), "31 October 2026 · ") {
				t.Errorf("%s has the title %q", p.Path, doc.Find("title").Text())
			}
			if text := doc.Find("#live-next").Text(); text != "" || doc.Find("#folio[data-ended]").Length() != 1 {
				t.Errorf("%s counts down: %q", p.Path, text)
			}
			now, _ := doc.Find(".as-it-was a").Attr("href")
			if now != p.address() {
				t.Errorf("%s leads back to %s", p.Path, now)
			}
			day := doc.Find(`.day input[type=date]`)
			for name, want := range map[string]string{"value": "2026-10-31", "min": "2026-09-21", "max": "2026-11-19"} {
				if got := day.AttrOr(name, ""); got != want {
					t.Errorf("%s: the day's %s is %q, want %q", p.Path, name, got, want)
				}
			}
			doc.Find("main a[href], nav.pages a[href]").Each(func(_ int, link *goquery.Selection) {
				href, err := url.Parse(link.AttrOr("href", ""))
				if err != nil || href.Host != "" || href.Path == "" || link.Closest(".as-it-was").Length() > 0 {
					return
				}
				account, isAccount := strings.CutPrefix(href.Path, "/accounts/")
				if (dated[href.Path] || isAccount && !strings.Contains(account, "/")) && href.Query().Get("at") != "2026-10-31" {
					t.Errorf("%s: the link to %s forgets the day", p.Path, href)
				}
			})
			panels := doc.Find("section.panel:not(.list)")
			if panels.Length() == 0 {
				t.Errorf("%s shows no panels", p.Path)
			}
			panels.Each(func(_ int, panel *goquery.Selection) {
				if how := panel.Find(".how").Text(); !strings.Contains(how, "known today") {
					t.Errorf("%s: %s does not say what is known of the day", p.Path, panel.AttrOr("id", ""))
				}
			})
		}
	})
}

func TestTheNearestDayIsShown(t *testing.T) {
	walk(t, sampled(sample.Town(30)), func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		for given, want := range map[string]string{
			"2026-10-31": "31 October 2026", "1999-01-01": "21 September 2026", "2026-11-19": "19 November 2026",
			"2026-11-20": "", "2030-01-01": "", "": "", "2026-10-31&at=1999-01-01": "31 October 2026",
		} {
			w := open("/accounts?sort=name&at=" + given)
			if got := parse(t, w.Body.String()).Find(".as-it-was b").Text(); w.Code != http.StatusOK || got != want {
				t.Errorf("at=%s: status %d, as it was on %q, want %q", given, w.Code, got, want)
			}
		}
	})
}

// A program would not see that it gets another day than the one it asked for.
func TestFilesAsOfADay(t *testing.T) {
	walk(t, sampled(sample.Town(30)), func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		for _, file := range []string{"/accounts/list.csv", "/accounts/list.json", "/accounts/summary.json", "/economy/lorenz.csv", "/economy/richest.csv", "/economy/flow/flows.json"} {
			for _, day := range []string{"2026-11-20", "2030-01-01", "1999-01-01", "yesterday", "2026-02-30", "2026-1-1", "%00"} {
				if w := open(file + "?at=" + day); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "names no day") && !strings.Contains(w.Body.String(), "cannot have") {
					t.Errorf("%s as of %s: status %d, %s", file, day, w.Code, w.Body)
				}
			}
			w := open(file + "?at=2026-10-31")
			if w.Code != http.StatusOK {
				t.Errorf("%s: status %d, %s", file, w.Code, w.Body)
			}
			if kept := w.Header().Get("Cache-Control"); !strings.HasSuffix(file, "list.csv") && kept != "public, max-age=600" {
				t.Errorf("%s may be kept: %q", file, kept)
			}
			if kept := open(file).Header().Get("Cache-Control"); strings.Contains(kept, "max-age") {
				t.Errorf("%s of now may be kept: %q", file, kept)
			}
			if strings.HasSuffix(file, ".json") && !strings.Contains(w.Body.String(), `"at":"2026-10-31"`) && !strings.Contains(w.Body.String(), `"at": "2026-10-31"`) {
				t.Errorf("%s does not say its day: %.300s", file, w.Body)
			}
		}
	})
}
