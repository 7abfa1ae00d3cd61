package e2e_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/prometheus/client_golang/prometheus"

	"exchequer/vitals"
	"exchequer/web"
)

// A receiver keeps what browsers send, and allows any origin.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	sent []string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Headers", "*")
		body, _ := io.ReadAll(q.Body)
		if q.Method == http.MethodPost {
			r.mu.Lock()
			r.sent = append(r.sent, string(body)+" referer "+q.Referer())
			r.mu.Unlock()
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) all() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.sent, "\n")
}

// account opens the page of an account, and clicks on it.
func (b *tab) account(s *site) (ref string) {
	b.t.Helper()
	if err := s.db.QueryRow(b.t.Context(), `SELECT ref FROM accounts JOIN balances ON account = id ORDER BY postings DESC LIMIT 1`).Scan(&ref); err != nil {
		b.t.Fatal(err)
	}
	b.open(s.URL + "/accounts/" + ref)
	b.within(patience, `document.readyState === "complete"`, "the page")
	time.Sleep(time.Second) // it measures when it has nothing else to do
	b.do(chromedp.Click(chromedp.CSS("h1")))
	return ref
}

func TestAPageSendsOneBeaconOfHowFastItWas(t *testing.T) {
	s := newSiteIn(t, "UTC", ofHome, func(s *site, d *web.Deps) {
		store, err := vitals.New(vitals.Deps{DB: s.db, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(), Version: "test"})
		if err != nil {
			t.Fatal(err)
		}
		d.Vitals, d.Sample = store, 1
	})
	b := newTab(t)
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `
		const send = navigator.sendBeacon.bind(navigator);
		navigator.sendBeacon = (to, blob) => {
			blob.text().then((text) => sessionStorage.setItem("sent", (sessionStorage.getItem("sent") || "") + to + " " + text + "\n"));
			return send(to, blob);
		};`})
	ref := b.account(s)
	b.within(patience, `!!document.getElementById("monitor")`, "the script")
	b.script(`dispatchEvent(new Event("pagehide")); dispatchEvent(new Event("pagehide"))`)
	b.within(patience, `!!sessionStorage.getItem("sent")`, "a beacon")
	sent := strings.Split(strings.TrimSpace(value(b, chromedp.Evaluate[string](`sessionStorage.getItem("sent")`))), "\n")
	body, own := strings.CutPrefix(sent[0], "/rum ")
	if len(sent) != 1 || !own || strings.Contains(body, ref) {
		t.Fatalf("it sent %q", sent)
	}
	beacon, err := vitals.Parse([]byte(body))
	if err != nil || beacon.Route != "/accounts/{ref}" || beacon.Device != "desktop" || beacon.LCP == nil || beacon.TTFB == nil {
		t.Errorf("it sent %s: %v", body, err)
	}
}

func TestAPageWithoutMonitoringSendsNothing(t *testing.T) {
	s, b := newSite(t), newTab(t)
	b.account(s)
	if b.truth(`!!document.getElementById("monitor") || performance.getEntriesByType("resource").some((e) => /monitor|faro|web-vitals/.test(e.name))`) {
		t.Error("the page loads a script that measures it")
	}
}

func TestAReceiverOfFaroGetsHowFastAPageWasAndNothingElse(t *testing.T) {
	r := newReceiver(t)
	s := newSiteIn(t, "UTC", ofHome, func(_ *site, d *web.Deps) { d.Faro, d.Sample = r.URL+"/collect", 1 })
	b := newTab(t)
	ref := b.account(s)
	b.open("about:blank")
	for end := time.Now().Add(patience); !strings.Contains(r.all(), "lcp") && time.Now().Before(end); {
		time.Sleep(100 * time.Millisecond)
	}
	sent := r.all()
	if !strings.Contains(sent, `"lcp"`) || !strings.Contains(sent, `"ttfb"`) || !strings.Contains(sent, "/accounts/{ref}") {
		t.Errorf("the receiver got %s", sent)
	}
	for _, forbidden := range []string{ref, `"session"`, `"userAgent"`, "Chrome", "referer http"} {
		if strings.Contains(sent, forbidden) {
			t.Errorf("it got %q: %s", forbidden, sent)
		}
	}
	body, _, _ := strings.Cut(sent, " referer ")
	if !json.Valid([]byte(body)) {
		t.Errorf("it got %s", body)
	}
}
