package web

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func TestAValueThatCannotBeShownIsAnswered(t *testing.T) {
	for name, value := range map[string]*aggregates.Overview{
		"null":                        nil,
		"series of different lengths": {Buckets: make([]time.Time, 2), Supply: aggregates.Trend[ledger.Sum]{Number: aggregates.Number[ledger.Sum]{Now: new(ledger.Sum)}, Series: make([]ledger.Sum, 1)}},
	} {
		t.Run(name, func(t *testing.T) {
			var log testkit.Buffer
			tn := newTown()
			tn.log = &log
			tn.overview = func(context.Context, cache.Window, aggregates.Days) (*aggregates.Overview, error) { return value, nil }
			server := tn.start(t)
			for _, path := range []string{"/economy/overview", "/economy/overview.json", "/economy/overview.csv"} {
				response, body := ask(t, "GET", server.URL+path, "Accept", "text/html")
				if response.StatusCode != 503 || response.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s: status %d, %s", path, response.StatusCode, response.Header.Get("Cache-Control"))
				}
				contains(t, body, textFailed)
			}
			if response, body := ask(t, "GET", server.URL+"/economy"); response.StatusCode != 200 {
				t.Errorf("the other panels: status %d", response.StatusCode)
			} else {
				contains(t, body, `id="activity"`, "</html>")
			}
			server.Close()
			if strings.Contains(log.String(), "handler panicked") {
				t.Errorf("a handler panicked:\n%s", log.String())
			}
		})
	}
}

func TestJSONHasItsAgeAndUnits(t *testing.T) {
	server := newTown().start(t)
	for _, name := range []string{"overview", "inequality", "activity", "lorenz", "distribution", "wealth", "rhythm", "richest"} {
		_, body := ask(t, "GET", server.URL+"/economy/"+name+".json?days=7")
		var got struct {
			Panel, State string
			Parameters   map[string]string
			AsOf, Next   time.Time
			Money        struct{ Decimals int }
			Columns      []struct{ Name, Unit string }
			Value        any
		}
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.Panel != name || got.State != "fresh" || !got.Next.After(got.AsOf) || got.Money.Decimals != 2 ||
			len(got.Columns) == 0 || got.Value == nil || got.Parameters["days"] == "30" {
			t.Errorf("%s: %+v", name, got)
		}
		if response, _ := ask(t, "GET", server.URL+"/economy/"+name); response.StatusCode != 200 {
			t.Errorf("page of %s: %d", name, response.StatusCode)
		}
	}
}
