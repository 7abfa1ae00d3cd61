package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"exchequer/alerts"
	"exchequer/cache"
	"exchequer/internal/sample"
)

func TestPublicAlertsHaveAFeed(t *testing.T) {
	tn := samples()["town"]
	tn.change = func(d *Deps) {
		d.Alerts = cache.NewMemo(d.Cache, cache.Spec{Name: "alerts.sent", Window: tn.window}, func(context.Context, cache.Window, alerts.SentQuery) (*alerts.Sent, error) {
			return &alerts.Sent{Alerts: []alerts.SentAlert{
				{ID: "B", At: sample.Noon, Title: "item0 is <b>out</b> of stock", Text: "No offer to sell it stands.", Path: "/market/items/item0"},
				{ID: "A", At: sample.Noon.AddDate(0, 0, -1), Title: "item0 is in stock", Path: "/market/items/item0"},
			}}, nil
		})
	}
	walk(t, tn, func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		w := open("/alerts.atom")
		f := readAtom(t, w)
		if w.Code != http.StatusOK || len(f.Entries) != 2 || f.Updated != "2026-11-20T12:00:30Z" || f.Links[0].Href != "https://economy.test/alerts.atom" {
			t.Fatalf("status %d, %+v", w.Code, f)
		}
		if e := f.Entries[0]; e.ID != "tag:economy.test,2026:alerts/B" || e.Title != "item0 is <b>out</b> of stock" || e.Link.Href != "https://economy.test/market/items/item0" {
			t.Errorf("the first entry is %+v", e)
		}
		if w := open("/alerts.json"); w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/feed+json" {
			t.Errorf("as JSON: status %d, %s", w.Code, w.Header().Get("Content-Type"))
		}
		if got := parse(t, open("/feeds").Body.String()).Find(`a[href="/alerts.atom"]`).Length(); got != 1 {
			t.Errorf("the page of feeds leads to it %d times", got)
		}
	})
}

func TestWithoutRulesThereIsNoFeedOfAlerts(t *testing.T) {
	walk(t, samples()["town"], func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		if w := open("/alerts.atom"); w.Code != http.StatusNotFound {
			t.Errorf("status %d", w.Code)
		}
		if got := parse(t, open("/feeds").Body.String()).Find(`a[href="/alerts.atom"]`).Length(); got != 0 {
			t.Error("the page of feeds leads to it")
		}
	})
}
