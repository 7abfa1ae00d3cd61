package e2e_test

import (
	"context"
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
// its panels, its lede and its times.
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
			go func() { loaded <- chromedp.Do(b.ctx, chromedp.Navigate(s.URL+"/economy")) }()
			b.within(5*time.Second, `!!document.querySelector("main > [slot=activity]")`, "a panel that need not wait")
			time.Sleep(300 * time.Millisecond) // it is painted
			if err := tx.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := <-loaded; err != nil {
				t.Fatal(err)
			}
			b.newWindow(b.asOf(), 3*window) // and the first refresh
			if got := value(b, chromedp.Evaluate[float64](`window.shifted`)); got > 0.02 {
				t.Errorf("the page shifts by %.3f, at most 0.02: %v", got, value(b, chromedp.Evaluate[[]string](`window.movers`)))
			}
		})
	}
}
