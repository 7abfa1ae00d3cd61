package web

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"exchequer/vitals"
)

// monitored is a site whose pages are measured, and the registry of what they send.
func monitored(t *testing.T, change func(*Deps)) (*httptest.Server, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewRegistry()
	store, err := vitals.New(vitals.Deps{Log: slog.New(slog.DiscardHandler), Registerer: registry, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	tn := newTown()
	tn.change = func(d *Deps) {
		d.Vitals, d.Sample, d.OperatorToken = store, 0.1, strings.Repeat("t", 16)
		if change != nil {
			change(d)
		}
	}
	return tn.start(t), registry
}

// postBeacon sends a beacon, and returns the status.
func postBeacon(t *testing.T, url, kind, body string, headers ...string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

const measuredMarket = `{"route":"/market","device":"phone","connection":"slow","lcp":1200,"errors":[]}`

func TestABeaconIsCountedAndWhatIsNoneIsRefused(t *testing.T) {
	s, registry := monitored(t, nil)
	address := s.URL + "/rum"
	for _, c := range []struct {
		name, kind, body string
		headers          []string
		want             int
	}{
		{"a beacon", "application/json", measuredMarket, nil, http.StatusNoContent},
		{"of a page's panel", "application/json", strings.Replace(measuredMarket, "/market", "/economy/*", 1), nil, http.StatusNoContent},
		{"a form", "application/x-www-form-urlencoded", measuredMarket, nil, http.StatusBadRequest},
		{"of an account", "application/json", strings.Replace(measuredMarket, "/market", "/accounts/ada", 1), nil, http.StatusBadRequest},
		{"of an unknown route", "application/json", strings.Replace(measuredMarket, "/market", "/nowhere", 1), nil, http.StatusBadRequest},
		{"no JSON", "application/json", "lcp=1", nil, http.StatusBadRequest},
		{"3 KB", "application/json", `{"route":"` + strings.Repeat("a", 3<<10), nil, http.StatusRequestEntityTooLarge},
		{"of another site", "application/json", measuredMarket, []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
	} {
		if got := postBeacon(t, address, c.kind, c.body, c.headers...); got != c.want {
			t.Errorf("%s: status %d, want %d", c.name, got, c.want)
		}
	}
	if n, err := testutil.GatherAndCount(registry, "exchequer_rum_lcp_seconds"); err != nil || n != 2 {
		t.Errorf("%d series, %v, want 2", n, err)
	}
}

func TestAClientThatSendsBeaconsWithoutEndIsCountedNoLonger(t *testing.T) {
	s, registry := monitored(t, nil)
	refused := 0
	for range 2 * beaconsOfClient {
		if postBeacon(t, s.URL+"/rum", "application/json", measuredMarket) == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused < beaconsOfClient/2 {
		t.Errorf("%d of %d beacons were refused", refused, 2*beaconsOfClient)
	}
	if n, err := testutil.GatherAndCount(registry, "exchequer_rum_lcp_seconds"); err != nil || n != 1 {
		t.Errorf("%d series, %v, want 1", n, err)
	}
}

func TestEachPageSaysByWhichRouteItIsCounted(t *testing.T) {
	s, _ := monitored(t, nil)
	for path, want := range map[string]string{
		"/": "/economy", "/market": "/market", "/economy/richest": "/economy/*", "/search?q=a": "/search", "/about/numbers": "/about/numbers", "/api": "/api",
		"/accounts/a1": "/accounts/{ref}", "/nowhere": "",
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", "text/html")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := goquery.NewDocumentFromReader(response.Body)
		response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		script := doc.Find("script#monitor")
		if got := script.AttrOr("data-route", ""); got != want {
			t.Errorf("%s is counted as %q, want %q", path, got, want)
		}
		if want != "" {
			if status := postBeacon(t, s.URL+script.AttrOr("data-to", ""), "application/json", strings.Replace(measuredMarket, "/market", want, 1)); status != http.StatusNoContent {
				t.Errorf("a beacon of %s: status %d", path, status)
			}
		}
		if policy := response.Header.Get("Content-Security-Policy"); strings.Contains(policy, "connect-src") {
			t.Errorf("%s: policy %s", path, policy)
		}
	}
}

func TestPagesMayConnectToTheReceiverOfFaroAndNowhereElse(t *testing.T) {
	s, _ := monitored(t, func(d *Deps) { d.Vitals, d.Faro = nil, "https://faro.example.org/collect/key" })
	response, body := ask(t, "GET", s.URL+"/market")
	if policy := response.Header.Get("Content-Security-Policy"); !strings.HasSuffix(policy, "; connect-src 'self' https://faro.example.org") {
		t.Errorf("policy %s", policy)
	}
	contains(t, body, `data-to="https://faro.example.org/collect/key"`)
	if status := postBeacon(t, s.URL+"/rum", "application/json", measuredMarket); status != http.StatusNotFound {
		t.Errorf("a beacon: status %d, want 404", status)
	}
}

func TestNothingIsMeasuredUnlessAShareIsGiven(t *testing.T) {
	s, _ := monitored(t, func(d *Deps) { d.Sample = 0 })
	if _, body := ask(t, "GET", s.URL+"/market"); strings.Contains(body, "monitor") {
		t.Error("the page has the script")
	}
}

func TestWhatIsForOperatorsIsNotWithThePagesIfItIsApart(t *testing.T) {
	tn := newTown()
	tn.change = func(d *Deps) { d.OperatorsApart, d.OperatorToken = true, strings.Repeat("t", 16) }
	handler, leave := tn.handler(t)
	t.Cleanup(leave)
	for path, want := range map[string][2]int{
		"/health/cache": {404, 200}, "/metrics": {404, 404}, "/api/v1/cache/stats": {404, 401}, "/economy": {200, 404},
	} {
		for i, h := range []http.Handler{handler, Operators(handler)} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("GET", path, http.NoBody))
			if w.Code != want[i] {
				t.Errorf("%s of %s = %d, want %d", path, []string{"the site", "operators"}[i], w.Code, want[i])
			}
		}
	}
}

func TestAFleetCountsBeaconsTogether(t *testing.T) {
	fleet := &fleetCounts{all: map[string]int64{}}
	here, there := NewBeacons(fleet), NewBeacons(fleet)
	at := time.Date(2026, 3, 11, 10, 30, 30, 0, time.UTC)
	taken := func(b *Beacons, n int) (all int) {
		for range n {
			if b.take(counted("192.0.2.1"), at) {
				all++
			}
		}
		return all
	}
	if n := taken(here, 2*beaconsOfClient); n != beaconsOfClient {
		t.Fatalf("%d beacons of a client are taken, want %d", n, beaconsOfClient)
	}
	here.own.share(t.Context())
	if n := taken(there, 1); n != 1 {
		t.Error("another process refuses one before it knows of others")
	}
	there.own.share(t.Context())
	if n := taken(there, 1); n != 0 {
		t.Error("another process takes more once it knows")
	}
	for name := range fleet.all {
		if !strings.Contains(name, "beacon") {
			t.Errorf("the fleet counts %q, which requests to the API may be counted by", name)
		}
	}
	fleet.away = true
	at = at.Add(5 * time.Minute)
	here.own.share(t.Context())
	if n := taken(here, 2*beaconsOfClient); n != beaconsOfClient {
		t.Errorf("alone, %d are taken, want %d", n, beaconsOfClient)
	}
}
