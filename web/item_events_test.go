package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"exchequer/aggregates"
	"exchequer/cache"
)

func TestTheCandlesOfAnItemHaveItsEvents(t *testing.T) {
	tn := samples()["town"]
	var asked sync.Map
	tn.events = func(_ context.Context, _ cache.Window, q aggregates.EventQuery) (*aggregates.Events, error) {
		asked.Store(q.Scope, true)
		if q.Scope == "item:ada" {
			return happening("Mines reopened", "Tax on gems"), nil
		}
		return happening(), nil
	}
	walk(t, tn, func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		for _, address := range []string{"/market/items/ada", "/market/items/ada/price"} {
			panel := parse(t, open(address).Body.String()).Find("section#price")
			if got := panel.Find("svg .nr + text").First().Text(); got != "1–2" {
				t.Errorf("%s: the chart has the number %q, want that of both", address, got)
			}
			var names []string
			for _, of := range panel.Find("ol.flags li").EachIter() {
				names = append(names, strings.Join(strings.Fields(of.Text()), " "))
			}
			if got := strings.Join(names, "; "); got != "1 18 Nov Mines reopened; 2 19 Nov Tax on gems" {
				t.Errorf("%s lists the events %q", address, got)
			}
			if tip := panel.Find(".hit rect").Eq(28).AttrOr("data-tip", ""); !strings.HasSuffix(tip, "\n2 Tax on gems") {
				t.Errorf("%s: the tip of the day is %q", address, tip)
			}
		}
		if w := open("/market/items/ada/price.csv"); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "Tax") {
			t.Errorf("the CSV file: status %d, or with events", w.Code)
		}
		body := open("/market/items/ada/price.json").Body.String()
		if !strings.Contains(body, `"events":[{"ref":`) || strings.Count(body, `"scope":`) != 2 {
			t.Errorf("the JSON document has not both events: ...%.400s", body[max(0, len(body)-400):])
		}
		if body := open("/market/items/ada/buy.json").Body.String(); strings.Contains(body, `"events":`) {
			t.Error("a panel without a chart along time has events")
		}
		if _, ok := asked.Load("item:ada"); !ok {
			t.Error("nobody asked for the events of the item")
		}
	})
}

// A comparison has the events of the whole economy, and those of an item if nothing
// else is compared.
func TestAComparisonHasEvents(t *testing.T) {
	tn := samples()["town"]
	tn.events = func(_ context.Context, _ cache.Window, q aggregates.EventQuery) (*aggregates.Events, error) {
		if q.Scope == "item:diamond" {
			return happening("Mines reopened", "Tax on gems"), nil
		}
		return happening("Tax on gems"), nil
	}
	walk(t, tn, func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		for address, want := range map[string]int{"/compare?s=supply": 1, "/compare?s=item:diamond": 2, "/compare?s=item:diamond~sold:diamond": 2, "/compare?s=item:diamond~supply": 1, "/compare": 0} {
			panel := parse(t, open(address).Body.String()).Find("#chart")
			if n := panel.Find("ol.flags li").Length(); n != want {
				t.Errorf("%s lists %d events, want %d", address, n, want)
			}
			if drawn := panel.Find("svg .nr").Length() > 0; drawn != (want > 0) {
				t.Errorf("%s: flags drawn: %t", address, drawn)
			}
		}
		if body := open("/compare/chart.json?s=item:diamond").Body.String(); strings.Count(body, `"title":"Mines reopened"`) != 1 {
			t.Error("the JSON document lacks the events")
		}
	})
}
