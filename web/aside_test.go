package web

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/sample"
)

// happening returns events, the n-th on the n-th day before the sample's last.
func happening(titles ...string) *aggregates.Events {
	v := &aggregates.Events{}
	for i, title := range titles {
		v.Events = append(v.Events, aggregates.Event{Ref: title, At: sample.Noon.AddDate(0, 0, i-len(titles)), Title: title})
	}
	return v
}

func TestEventsAreNumberedOnTheChartAndNamedBelowIt(t *testing.T) {
	tn := samples()["town"]
	events := happening(`<script>alert(1)</script>`, "Tax")
	events.Events[0].Link = "javascript:alert(1)"
	events.Events[1].Link, events.Events[1].Text = "https://example.org/tax", "Two in a hundred"
	tn.events = constant[aggregates.EventQuery](events)
	walk(t, tn, func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		for _, address := range []string{"/economy", "/economy/activity"} {
			html := open(address).Body.String()
			panel := parse(t, html).Find("section#activity")
			if got := panel.Find("svg .nr + text").First().Text(); got != "1–2" {
				t.Errorf("%s: the chart has the number %q, want that of both", address, got)
			}
			list := panel.Find("ol.flags li")
			if list.Length() != 2 {
				t.Fatalf("%s lists %d events, want 2", address, list.Length())
			}
			if got := strings.Join(strings.Fields(list.Eq(1).Text()), " "); got != "2 19 Nov Tax Two in a hundred" {
				t.Errorf("%s: the second event reads %q", address, got)
			}
			if got := list.Eq(1).Find("a").AttrOr("href", ""); got != "https://example.org/tax" {
				t.Errorf("%s: the second event leads to %q", address, got)
			}
			if strings.Contains(html, "javascript:") || strings.Contains(html, "<script>alert") {
				t.Errorf("%s: an event became a script", address)
			}
			if tip := panel.Find(".hit rect").Eq(28).AttrOr("data-tip", ""); !strings.HasSuffix(tip, "\n2 Tax") {
				t.Errorf("%s: the tip of the day is %q", address, tip)
			}
		}
		if w := open("/economy/activity.csv"); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "Tax") {
			t.Errorf("the CSV file: status %d, or with events", w.Code)
		}
	})
}

func TestEventsNeverWithholdAPanel(t *testing.T) {
	for name, produce := range map[string]func(context.Context) (*aggregates.Events, error){
		"fail":  func(context.Context) (*aggregates.Events, error) { return nil, errors.New("events are down") },
		"panic": func(context.Context) (*aggregates.Events, error) { panic("events") },
		"hang": func(context.Context) (*aggregates.Events, error) {
			time.Sleep(8 * time.Second)
			return happening("Fair"), nil
		},
		"are nil": func(context.Context) (*aggregates.Events, error) { return nil, nil },
		"are nonsense": func(context.Context) (*aggregates.Events, error) {
			v := happening("", "Fair")
			v.Events[0].At, v.Events[0].Until = time.Time{}, ptr(sample.Noon.AddDate(9, 0, 0))
			v.Events[1].Until = ptr(time.Time{})
			return v, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			tn := samples()["town"]
			tn.events = func(ctx context.Context, _ cache.Window, _ aggregates.EventQuery) (*aggregates.Events, error) {
				return produce(ctx)
			}
			walk(t, tn, func(open func(string) *httptest.ResponseRecorder, pages []*page) {
				for range 2 {
					for _, address := range []string{"/economy", "/economy/activity", "/economy/activity.json"} {
						began := time.Now()
						w := open(address)
						if took := time.Since(began); w.Code != http.StatusOK || took > time.Second {
							t.Errorf("%s: status %d after %v", address, w.Code, took)
						}
						if strings.HasSuffix(address, ".json") {
							continue
						}
						page := parse(t, w.Body.String())
						if page.Find("#activity svg .hit").Length() != 1 || page.Find(".missing, .warn").Length() > 0 {
							t.Errorf("%s lacks its chart, or complains", address)
						}
						if as := page.Find("#folio").Last().AttrOr("data-as-of", ""); as != strconv.FormatInt(sample.Noon.UnixMilli(), 10) {
							t.Errorf("%s is as of %s", address, as)
						}
					}
				}
			})
		})
	}
}

func TestAPageWithEventsAloneHasNoNumbers(t *testing.T) {
	tn := samples()["town"]
	tn.events = constant[aggregates.EventQuery](happening("Fair"))
	tn.activity = func(context.Context, cache.Window, aggregates.Days) (*aggregates.Activity, error) {
		return nil, errors.New("the database is down")
	}
	walk(t, tn, func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		if w := open("/economy/activity"); w.Code != http.StatusServiceUnavailable {
			t.Errorf("status %d, want 503", w.Code)
		}
	})
}

func TestANewEventChangesThePage(t *testing.T) {
	tn := samples()["town"]
	var told atomic.Bool
	tn.events = func(context.Context, cache.Window, aggregates.EventQuery) (*aggregates.Events, error) {
		if told.Load() {
			return happening("Fair"), nil
		}
		return happening(), nil
	}
	walk(t, tn, func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		for _, address := range []string{"/economy", "/economy/activity"} {
			told.Store(false)
			time.Sleep(2 * time.Minute)
			open(address)
			time.Sleep(time.Second)
			before := open(address)
			told.Store(true)
			time.Sleep(time.Minute)
			open(address) // starts the refresh
			time.Sleep(time.Second)
			after := open(address)
			if before.Header().Get("Etag") == after.Header().Get("Etag") || strings.Contains(before.Body.String(), "Fair") || !strings.Contains(after.Body.String(), "Fair") {
				t.Errorf("%s does not follow its events", address)
			}
		}
	})
}
