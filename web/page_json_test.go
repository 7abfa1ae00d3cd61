package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/sample"
)

func TestEveryPageHasItsValuesAsOneDocument(t *testing.T) {
	site := sampled(sample.Town(30)).start(t)
	for _, p := range sampled(sample.Town(30)).declared(t) {
		if len(p.panels) == 0 {
			continue
		}
		plain := *p
		plain.Path = p.address()
		r, body := ask(t, http.MethodGet, site.URL+plain.document())
		var d pageDocument
		if err := json.Unmarshal([]byte(body), &d); err != nil || r.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d, %v", plain.document(), r.StatusCode, err)
			continue
		}
		if d.Page != p.address() || len(d.Panels) != len(p.panels) || d.Title == "" || d.AsOf.IsZero() {
			t.Errorf("%s: page %q, %d panels, as of %s", plain.document(), d.Page, len(d.Panels), d.AsOf)
		}
		for i, panel := range d.Panels {
			if panel.Panel != p.panels[i].Name || panel.State != "fresh" || panel.AsOf == nil || (panel.Value == nil) == (panel.ValueOf == "") {
				t.Errorf("%s: panel %d is %s, %s", plain.document(), i, panel.Panel, panel.State)
			}
		}
	}
}

func TestADocumentOfAPageSaysWhatItLacks(t *testing.T) {
	tn := sampled(sample.Town(30))
	tn.activity = func(context.Context, cache.Window, aggregates.Days) (*aggregates.Activity, error) {
		return nil, errors.New("down")
	}
	site := tn.start(t)
	_, body := ask(t, http.MethodGet, site.URL+"/economy.json?days=7")
	var d pageDocument
	if err := json.Unmarshal([]byte(body), &d); err != nil {
		t.Fatal(err)
	}
	if d.Parameters["days"] != "7" {
		t.Errorf("the parameters are %v", d.Parameters)
	}
	for _, panel := range d.Panels {
		if (panel.State == "missing") != (panel.Panel == "activity") || panel.State == "missing" && (panel.Reason == "" || panel.AsOf != nil) {
			t.Errorf("%s is %s: %q", panel.Panel, panel.State, panel.Reason)
		}
	}
	for address, want := range map[string]int{"/accounts/nobody/page.json": 404, "/market/items/nobody/page.json": 404, "/economy.json?at=1850-01-01": 400, "/economy.json?at=2026-10-31": 200, "/reports.json": 404} {
		if r, body := ask(t, http.MethodGet, site.URL+address); r.StatusCode != want && address != "/economy.json?at=2026-10-31" {
			t.Errorf("%s: status %d, want %d: %.200s", address, r.StatusCode, want, body)
		}
	}
}

func TestAPageSaysWhatItsNumbersMean(t *testing.T) {
	tn := sampled(sample.Town(30))
	site := tn.start(t)
	for _, p := range tn.declared(t) {
		if len(p.panels) == 0 {
			continue
		}
		address := strings.TrimSuffix(p.address(), "?") + strings.TrimPrefix(p.meta(), p.Path)
		r, body := ask(t, http.MethodGet, site.URL+address)
		var d pageMeta
		if err := json.Unmarshal([]byte(body), &d); err != nil || r.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d, %v", address, r.StatusCode, err)
			continue
		}
		if d.Title == "" || d.Description == "" || !strings.HasPrefix(d.Page, "https://economy.test/") || len(d.Panels) == 0 {
			t.Errorf("%s = %+v", address, d)
		}
		for _, panel := range d.Panels {
			if panel.Definition == "" || panel.Citation == "" || panel.AsOf.IsZero() || !strings.HasPrefix(panel.Page, "https://economy.test"+p.address()) {
				t.Errorf("%s: %+v", address, panel)
			}
		}
	}
}
