package web

import (
	"net/http"
	"strings"
	"testing"

	"exchequer/internal/sample"
)

func TestEveryPanelCanBeShownOnAPageOfAnotherSite(t *testing.T) {
	site := sampled(sample.Town(30)).start(t)
	for _, p := range sampled(sample.Town(30)).declared(t) {
		for _, panel := range p.panels {
			address := p.address() + "/" + panel.Name
			r, body := ask(t, http.MethodGet, site.URL+"/embed"+address+"?theme=dark")
			if r.StatusCode != http.StatusOK {
				t.Errorf("%s: status %d", address, r.StatusCode)
				continue
			}
			policy := r.Header.Get("Content-Security-Policy")
			if !strings.Contains(policy, "default-src 'self'") || !strings.Contains(policy, "frame-ancestors *;") || r.Header.Get("X-Frame-Options") != "" {
				t.Errorf("%s: the policy is %q", address, policy)
			}
			doc := parse(t, body)
			if doc.Find("[style], style, script:not([src]), header.site, form.themes").Length() > 0 {
				t.Errorf("%s: inline style or script, or the head of a page", address)
			}
			if doc.Find("main section#"+panel.Name).Length() != 1 || doc.Find("h1").Text() == "" || doc.Find("html").AttrOr("data-theme", "") != "dark" {
				t.Errorf("%s: the panel, its title or the theme is missing", address)
			}
			if href := doc.Find("h1 a").AttrOr("href", ""); href != address {
				t.Errorf("%s: links to %q", address, href)
			}
			if doc.Find("#live").Length() != 1 || doc.Find("#folio").AttrOr("data-as-of", "") == "" && panel.Name != "find" {
				t.Errorf("%s: does not say how old it is", address)
			}
		}
	}
}

func TestAnEmbeddedPanelHonoursItsParametersAndThemes(t *testing.T) {
	tn := sampled(sample.Town(30))
	tn.change = func(d *Deps) { d.EmbedAncestors = "https://forum.example.org" }
	site := tn.start(t)
	tags := map[string]bool{}
	for query, want := range map[string]struct{ theme, link string }{
		"":                           {"", "/economy/activity"},
		"?days=7":                    {"", "/economy/activity?days=7"},
		"?days=7&theme=light":        {"light", "/economy/activity?days=7"},
		"?theme=%22%3E%3Cscript%3Ex": {"", "/economy/activity"},
	} {
		r, body := ask(t, http.MethodGet, site.URL+"/embed/economy/activity"+query)
		doc := parse(t, body)
		if got := doc.Find("html").AttrOr("data-theme", ""); got != want.theme {
			t.Errorf("%q: the theme is %q, want %q", query, got, want.theme)
		}
		if got := doc.Find("h1 a").AttrOr("href", ""); got != want.link {
			t.Errorf("%q: links to %q, want %q", query, got, want.link)
		}
		if !strings.Contains(r.Header.Get("Content-Security-Policy"), "frame-ancestors https://forum.example.org;") {
			t.Errorf("the policy is %q", r.Header.Get("Content-Security-Policy"))
		}
		tags[r.Header.Get("Etag")] = true
		if again, _ := ask(t, http.MethodGet, site.URL+"/embed/economy/activity"+query, "If-None-Match", r.Header.Get("Etag")); again.StatusCode != http.StatusNotModified {
			t.Errorf("%q: the second time the status is %d", query, again.StatusCode)
		}
	}
	if len(tags) != 3 {
		t.Errorf("%d different panels, want 3: an unknown theme is none", len(tags))
	}
}

func TestThePageOfAPanelHasWhatShowsItElsewhere(t *testing.T) {
	tn := sampled(sample.Town(30))
	site := tn.start(t)
	_, body := ask(t, http.MethodGet, site.URL+"/economy/activity?days=7")
	code := parse(t, body).Find("details.how textarea").Text()
	frame := parse(t, code).Find("iframe")
	if got := frame.AttrOr("src", ""); got != "https://economy.test/embed/economy/activity?days=7" || frame.AttrOr("title", "") == "" {
		t.Errorf("the code to copy is %q", code)
	}
	if _, body := ask(t, http.MethodGet, site.URL+"/economy"); parse(t, body).Find("details.how textarea").Length() != 0 {
		t.Error("a page of several panels offers the code of one")
	}
	tn = sampled(sample.Town(30))
	tn.change = func(d *Deps) { d.BaseURL = "" }
	if _, body := ask(t, http.MethodGet, tn.start(t).URL+"/economy/activity"); parse(t, body).Find("details.how textarea").Length() != 0 {
		t.Error("a site whose host is not known offers code without it")
	}
}

func TestWhatIsNotThereIsAnsweredInAFrameToo(t *testing.T) {
	site := sampled(sample.Town(30)).start(t)
	r, body := ask(t, http.MethodGet, site.URL+"/embed/accounts/nobody/balance", "Accept", "text/html")
	if r.StatusCode != http.StatusNotFound || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain") || !strings.Contains(body, "account") {
		t.Errorf("status %d, %s: %s", r.StatusCode, r.Header.Get("Content-Type"), body)
	}
	if !strings.Contains(r.Header.Get("Content-Security-Policy"), "frame-ancestors *;") {
		t.Error("the browser does not show why there is nothing")
	}
}
