package e2e_test

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// watchShifts adds up how far what is on the screen moves by itself.
const watchShifts = `
	window.shifted = 0;
	window.movers = [];
	new PerformanceObserver((list) => {
		for (const e of list.getEntries()) {
			if (e.hadRecentInput) continue;
			window.shifted += e.value;
			for (const s of e.sources) window.movers.push((s.node?.id || s.node?.className || s.node?.nodeName || "?") + " " + s.previousRect.y + " to " + s.currentRect.y);
		}
	}).observe({type: "layout-shift", buffered: true});`

// TestNothingMovesWhenAColdPageIsFilled holds the places that a cold page keeps for
// its panels, its lede and its times, while they arrive in small pieces, so that the
// browser paints each panel when it has parsed a part of it.
func TestNothingMovesWhenAColdPageIsFilled(t *testing.T) {
	for name, size := range map[string][2]int64{"wide": {1440, 900}, "tablet": {768, 1024}, "phone": {390, 844}} {
		t.Run(name, func(t *testing.T) {
			s, b := newSite(t), newTab(t)
			tx, err := s.db.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
			if _, err := tx.Exec(t.Context(), `LOCK TABLE account_days IN ACCESS EXCLUSIVE MODE`); err != nil {
				t.Fatal(err)
			}
			call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watchShifts})
			b.do(chromedp.EmulateViewport(size[0], size[1]))
			loaded := make(chan error, 1)
			go func() { loaded <- chromedp.Do(b.ctx, chromedp.Navigate(dribbling(t, s.URL)+"/economy")) }()
			b.within(patience, `!!document.querySelector("main > [slot=activity] + *")`, "a panel that need not wait")
			b.script(`document.querySelector("#activity .chart").focus({preventScroll: true})`)
			if err := tx.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := <-loaded; err != nil {
				t.Fatal(err)
			}
			b.newWindow(b.asOf(), 5*window) // and the first refresh
			if shifted := value(b, chromedp.Evaluate[float64](`window.shifted`)); shifted > 0.02 {
				t.Errorf("the page shifts by %.3f, at most 0.02: %v", shifted, value(b, chromedp.Evaluate[[]string](`window.movers`)))
			}
			if !b.truth(`document.activeElement === document.querySelector("#activity .chart")`) {
				t.Error("the focus is lost when the page is complete")
			}
		})
	}
}

// dribbling returns the address of a proxy of a site that sends the pages which a
// browser opens, not those by which its script refreshes them, in small pieces.
func dribbling(t *testing.T, site string) string {
	t.Helper()
	address, err := url.Parse(site)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(address)
			r.Out.Header.Set("Accept-Encoding", "identity")
		},
		ModifyResponse: func(r *http.Response) error {
			if strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") && r.Request.Header.Get("X-Refresh") == "" {
				r.Body = pieces{r.Body}
			}
			return nil
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL
}

// pieces is a body that is read in small pieces, each later than a browser paints.
type pieces struct{ io.ReadCloser }

func (p pieces) Read(b []byte) (int, error) {
	time.Sleep(20 * time.Millisecond)
	return p.ReadCloser.Read(b[:min(len(b), 600)])
}
