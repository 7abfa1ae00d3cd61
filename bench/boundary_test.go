package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"exchequer/cache"
)

const (
	browsers        = 300
	boundaryWindows = 10
	browserJitter   = 400 * time.Millisecond // of static/refresh.js
)

// boundary simulates 300 open browsers on three processes for ten windows. It
// measures how many see a window's numbers with the first request after its
// boundary, how long that request takes, and how often producers run. With -short
// the windows take 5 s instead of 30.
func (s *stage) boundary(b *testing.B) {
	database, window := s.ledger(b, 1).URL, pageWindow
	var env []string
	if testing.Short() {
		window = 5 * time.Second
		policies := ""
		for _, memo := range []string{"overview", "inequality", "activity", "wealth", "rhythm", "richest"} {
			policies += fmt.Sprintf("economy.%s=window:%s;", memo, window)
		}
		env = append(env, "EXCHEQUER_POLICIES="+policies[:len(policies)-1])
	}
	for b.Loop() {
		f := s.fleet(b, database, env...)
		f.warm()
		earlyInWindow(window)
		first := cache.WindowAt(time.Now(), window).End
		end := first.Add(boundaryWindows*window - time.Second) // before the producers of the next window run
		var following sync.WaitGroup
		seen := make([]sightings, browsers)
		before := f.producerRuns()
		for i := range browsers {
			following.Go(func() { seen[i] = openBrowser(f.urls[i%len(f.urls)]).follow(window, first, end) })
		}
		following.Wait()
		runs := since(before, f.producerRuns())
		reportBoundary(b, seen, runs, window)
	}
}

func reportBoundary(b *testing.B, seen []sightings, runs map[string]int, window time.Duration) {
	var all sightings
	for _, one := range seen {
		all.add(one)
	}
	if all.asked == 0 {
		b.Fatalf("no browser asked after a boundary: %s", all.failure)
	}
	highest, memos := most(runs)
	b.ReportMetric(window.Seconds(), "s-window")
	b.ReportMetric(100*float64(all.new)/float64(all.asked), "%new-at-first-request")
	b.ReportMetric(float64(all.asked), "first-requests")
	b.ReportMetric(ms(all.took.quantile(.5)), "p50-ms")
	b.ReportMetric(ms(all.took.quantile(.99)), "p99-ms")
	b.ReportMetric(ms(all.late.quantile(.5)), "shown-p50-ms")
	b.ReportMetric(float64(highest)/boundaryWindows, "runs/window")
	b.ReportMetric(float64(memos), "memos")
	b.ReportMetric(float64(all.failed), "errors")
	b.ReportMetric(0, "ns/op")
	b.Logf("producer runs in %d windows: %v", boundaryWindows, runs)
	if all.failed > 0 {
		b.Errorf("%d errors: %s", all.failed, all.failure)
	}
}

// A browser refreshes the page as static/refresh.js does.
type browser struct {
	*visitor
	jitter time.Duration
	offset time.Duration // the server's clock minus ours
	again  int

	asOf, next  time.Time
	window, lag time.Duration
}

func openBrowser(url string) *browser {
	return &browser{visitor: newVisitor(url, 20*time.Second), jitter: rand.N(browserJitter)}
}

// sightings are the results of the first requests after boundaries.
type sightings struct {
	asked, new int       // first requests, and those that got the new window
	took       durations // of those requests
	late       durations // from the boundary to the new window on the screen
	failed     int       // requests that did not get the page
	failure    string
}

func (s *sightings) add(o sightings) {
	s.asked, s.new, s.failed = s.asked+o.asked, s.new+o.new, s.failed+o.failed
	s.took, s.late = append(s.took, o.took...), append(s.late, o.late...)
	if s.failure == "" {
		s.failure = o.failure
	}
}

// follow opens the page and keeps it open until the end.
func (w *browser) follow(window time.Duration, first, end time.Time) (seen sightings) {
	defer w.leave()
	ctx, cancel := context.WithDeadline(context.Background(), end)
	defer cancel()
	w.load(&seen)
	if w.window != window {
		seen.failed++
		seen.failure = fmt.Sprintf("the page's window is %s, not %s", w.window, window)
		return seen
	}
	last := first.Add(-window)
	for {
		due := w.plan(time.Now().Add(w.offset))
		select {
		case <-time.After(time.Until(due.Add(-w.offset))):
		case <-ctx.Done():
			return seen
		}
		boundary := cache.WindowAt(time.Now(), window).Start
		took := w.load(&seen)
		if !boundary.After(last) {
			continue // not the first request of this window
		}
		last = boundary
		seen.asked++
		seen.took = append(seen.took, took)
		if !w.asOf.Before(boundary) {
			seen.new++
			seen.late = append(seen.late, time.Since(boundary))
		}
	}
}

// plan returns the time of the next request, by the server's clock.
func (w *browser) plan(now time.Time) time.Time {
	due := w.next.Add(w.lag + w.jitter)
	if due.After(now) {
		w.again = 0
		return due
	}
	if w.again++; w.again == 1 {
		return now.Add(max(w.lag, time.Second))
	}
	return cache.WindowAt(now, w.window).End.Add(w.lag + w.jitter)
}

var (
	dataAttribute = regexp.MustCompile(`data-(as-of|next|window|lag)="(\d+)"`)
	serverClock   = regexp.MustCompile(`clock;dur=(\d+)`)
)

// load requests the page with the ETag of the shown one, and takes the times from
// the answer. An unchanged page has none.
func (w *browser) load(seen *sightings) time.Duration {
	a := w.visit()
	if a.failure != "" {
		seen.failed++
		seen.failure = a.failure
		return a.took
	}
	if exact := serverClock.FindStringSubmatch(a.header.Get("Server-Timing")); exact != nil {
		server, _ := strconv.ParseInt(exact[1], 10, 64)
		w.offset = time.UnixMilli(server).Sub(time.Now().Add(-a.took / 2))
	}
	w.etag = a.etag
	if a.status == http.StatusNotModified {
		return a.took
	}
	for _, m := range dataAttribute.FindAllSubmatch(a.body[:min(len(a.body), 16<<10)], 4) {
		value, _ := strconv.ParseInt(string(m[2]), 10, 64)
		switch string(m[1]) {
		case "as-of":
			w.asOf = time.UnixMilli(value)
		case "next":
			w.next = time.UnixMilli(value)
		case "window":
			w.window = time.Duration(value) * time.Millisecond
		case "lag":
			w.lag = time.Duration(value) * time.Millisecond
		}
	}
	return a.took
}
