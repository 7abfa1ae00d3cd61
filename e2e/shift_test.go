package e2e_test

import (
	"context"
	"fmt"
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
// its panels, its lede and its times. A browser that pauses within a panel while it
// arrives may paint half of it once, so a page has three attempts.
func TestNothingMovesWhenAColdPageIsFilled(t *testing.T) {
	for name, size := range map[string][2]int64{"wide": {1440, 900}, "tablet": {768, 1024}, "phone": {390, 844}} {
		t.Run(name, func(t *testing.T) {
			var seen []string
			for range 3 {
				shifted, movers := shiftOfAColdPage(t, size)
				if shifted <= 0.02 {
					return
				}
				seen = append(seen, fmt.Sprintf("%.3f: %v", shifted, movers))
			}
			t.Errorf("the page shifts each time, at most 0.02: %s", strings.Join(seen, "; "))
		})
	}
}

// shiftOfAColdPage returns how far what is on the screen moves while a page is filled
// and refreshed for the first time, and what moves.
func shiftOfAColdPage(t *testing.T, size [2]int64) (shifted float64, movers []string) {
	t.Helper()
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
	return value(b, chromedp.Evaluate[float64](`window.shifted`)), value(b, chromedp.Evaluate[[]string](`window.movers`))
}
