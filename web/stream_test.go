package web

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"exchequer/aggregates"
	"exchequer/cache"
)

// visits waits until so many visitors read cold pages that are being sent.
func visits(t *testing.T, site *httptest.Server, want int) {
	t.Helper()
	streams := &site.Config.Handler.(*server).streams
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		n := 0
		streams.mu.Lock()
		for _, c := range streams.byKey {
			if segments, _, _ := c.after(0); len(segments) > 0 {
				n += c.readers
			}
		}
		streams.mu.Unlock()
		if n == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d visitors read cold pages, want %d", n, want)
		}
	}
}

// crowd sends visitors of the home page who take gzip or nothing in turns, and
// returns what collects the pages that they read.
func crowd(t *testing.T, site *httptest.Server, n int) func() []string {
	t.Helper()
	pages := make([]string, n)
	var reading sync.WaitGroup
	for i := range pages {
		reading.Go(func() {
			coding := []string{"", "gzip"}[i%2]
			response, body := ask(t, "GET", site.URL+"/economy", "Accept-Encoding", coding, "Accept", "text/html")
			if response.StatusCode != http.StatusOK || response.Header.Get("Content-Encoding") != coding {
				t.Errorf("status %d, encoding %q, want %q", response.StatusCode, response.Header.Get("Content-Encoding"), coding)
			}
			pages[i] = decode(t, coding, body)
		})
	}
	return func() []string { reading.Wait(); return pages }
}

// frame asks for the home page and reads its frame only.
func frame(t *testing.T, site *httptest.Server) io.Closer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", site.URL+"/economy", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableCompression: true, DisableKeepAlives: true}
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	seen := ""
	for b := make([]byte, 4096); !strings.Contains(seen, `<slot name="overview">`); {
		n, err := response.Body.Read(b)
		if seen += string(b[:n]); err != nil {
			t.Fatalf("after %d bytes: %v", len(seen), err)
		}
	}
	return response.Body
}

// slowly makes the activity wait until it is released, and the inequality a
// value that cannot be drawn, of which each attempt is logged.
func (tn *town) slowly() (release func()) {
	tn.budget = time.Minute
	wait := make(chan struct{})
	activity := tn.activity
	tn.activity = func(ctx context.Context, w cache.Window, d aggregates.Days) (*aggregates.Activity, error) {
		<-wait
		return activity(ctx, w, d)
	}
	tn.inequality = func(context.Context, cache.Window, aggregates.InequalityQuery) (*aggregates.Inequality, error) {
		return nil, nil
	}
	return sync.OnceFunc(func() { close(wait) })
}

func TestACrowdAtAColdPageSharesOneRendering(t *testing.T) {
	var log bytes.Buffer
	tn := newTown()
	tn.log = &log
	release := tn.slowly()
	site := tn.start(t)
	defer release()
	const n = 100
	pages := crowd(t, site, n)
	visits(t, site, n)
	release()
	for i, page := range pages() {
		if page != pages()[0] {
			t.Fatalf("visitor %d got another page than the first: %d and %d bytes", i, len(page), len(pages()[0]))
		}
	}
	contains(t, pages()[0], `<template shadowrootmode="open">`, `<section id="activity"`, "8,214,906", "Ada", "</html>")
	visits(t, site, 0)
	site.Close()
	if drawn := strings.Count(log.String(), "panel cannot be drawn"); drawn != 3 {
		t.Errorf("the three panels of a memo were drawn %d times for %d visitors, want each once", drawn, n)
	}
}

func TestAVisitorWhoLeavesAColdPageHurtsNobody(t *testing.T) {
	tn := newTown()
	release := tn.slowly()
	site := tn.start(t)
	defer release()
	first := frame(t, site)
	visits(t, site, 1)
	pages := crowd(t, site, 5)
	visits(t, site, 6)
	_ = first.Close()
	visits(t, site, 5)
	release()
	for _, page := range pages() {
		contains(t, page, `<section id="activity"`, "8,214,906", "</html>")
	}
}

func TestAColdPageEndsWhenAllHaveLeft(t *testing.T) {
	tn := newTown()
	release := tn.slowly()
	site := tn.start(t)
	defer release()
	a, b := frame(t, site), frame(t, site)
	visits(t, site, 2)
	_, _ = a.Close(), b.Close()
	visits(t, site, 0)
	pages := crowd(t, site, 2) // of the next stream
	visits(t, site, 2)
	release()
	for _, page := range pages() {
		contains(t, page, `<section id="activity"`, "</html>")
	}
}

func TestACrowdReadsWhyAPanelOfAColdPageIsMissing(t *testing.T) {
	for name, test := range map[string]struct {
		budget time.Duration
		err    error
		want   string
	}{
		"it fails":                      {20 * time.Second, errors.New("secret"), "could not be computed"},
		"it is not ready in the budget": {300 * time.Millisecond, nil, "Still being computed"},
	} {
		t.Run(name, func(t *testing.T) {
			tn := newTown()
			tn.budget = test.budget
			ended := make(chan struct{})
			tn.activity = func(context.Context, cache.Window, aggregates.Days) (*aggregates.Activity, error) {
				if test.err != nil {
					time.Sleep(2 * streamAfter)
					return nil, test.err
				}
				<-ended
				return nil, errors.New("too late")
			}
			site := tn.start(t)
			pages := crowd(t, site, 10)()
			close(ended)
			for _, page := range pages {
				contains(t, page, test.want, "8,214,906", "Ada", "</html>")
				if parse(t, page).Find("#activity .missing").Length() != 1 || strings.Contains(page, "secret") {
					t.Errorf("the panel does not say why it is missing:\n%s", parse(t, page).Find("#activity").Text())
				}
			}
		})
	}
}

func TestAColdPageThatPanicsIsAFailureForEachVisitor(t *testing.T) {
	tn := newTown()
	release := make(chan struct{})
	produce := tn.overview
	tn.overview = func(ctx context.Context, w cache.Window, d aggregates.Days) (*aggregates.Overview, error) {
		<-release
		return produce(ctx, w, d)
	}
	site := tn.start(t)
	defer close(release)
	handler := site.Config.Handler.(*server)
	handler.gzip.compressors.New = func() any { panic("secret") }
	var visitors sync.WaitGroup
	for range 5 {
		visitors.Go(func() {
			response, body := ask(t, "GET", site.URL+"/economy", "Accept", "text/html")
			if response.StatusCode != http.StatusInternalServerError || strings.Contains(body, "secret") {
				t.Errorf("status %d: %.200s", response.StatusCode, body)
			}
		})
	}
	visitors.Wait()
	if response, _ := ask(t, "GET", site.URL+"/healthz"); response.StatusCode != http.StatusOK {
		t.Errorf("afterwards /healthz answers %d", response.StatusCode)
	}
}

func TestShutdownLetsAColdPageEnd(t *testing.T) {
	tn := newTown()
	asked, release := make(chan struct{}), make(chan struct{})
	activity := tn.activity
	tn.activity = func(ctx context.Context, w cache.Window, d aggregates.Days) (*aggregates.Activity, error) {
		close(asked)
		<-release
		return activity(ctx, w, d)
	}
	server := tn.start(t)
	body := make(chan string, 1)
	go func() {
		_, whole := ask(t, "GET", server.URL+"/economy")
		body <- whole
	}()
	<-asked
	stopped := make(chan error, 1)
	go func() { stopped <- server.Config.Shutdown(context.Background()) }()
	time.Sleep(100 * time.Millisecond)
	close(release)
	contains(t, <-body, `<section id="activity"`, "</html>")
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestAColdPageSendsItsFrameAndEachPanelWhenItIsReady(t *testing.T) {
	for _, accept := range []string{"identity", "gzip"} {
		t.Run(accept, func(t *testing.T) {
			tn := newTown()
			overview, activity := make(chan struct{}), make(chan struct{})
			produceOverview, produceActivity := tn.overview, tn.activity
			tn.budget = 20 * time.Second
			tn.overview = func(ctx context.Context, w cache.Window, d aggregates.Days) (*aggregates.Overview, error) {
				<-overview
				return produceOverview(ctx, w, d)
			}
			tn.activity = func(ctx context.Context, w cache.Window, d aggregates.Days) (*aggregates.Activity, error) {
				<-activity
				return produceActivity(ctx, w, d)
			}
			server := tn.start(t)
			r, _ := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/economy", http.NoBody)
			r.Header.Set("Accept-Encoding", accept)
			transport := &http.Transport{DisableCompression: true, DisableKeepAlives: true}
			response, err := transport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if response.Header.Get("Cache-Control") != "no-store" || response.Header.Get("Etag") != "" {
				t.Errorf("a cold page may be kept: %v", response.Header)
			}
			var body io.Reader = response.Body
			if accept == "gzip" {
				if body, err = gzip.NewReader(response.Body); err != nil {
					t.Fatal(err)
				}
			}
			// Each read ends only because the server sent what is looked for.
			seen := &bytes.Buffer{}
			reader := bufio.NewReader(io.TeeReader(body, seen))
			until := func(text string) {
				t.Helper()
				for !strings.Contains(seen.String(), text) {
					if _, err := reader.ReadByte(); err != nil {
						t.Fatalf("before %q: %v", text, err)
					}
				}
			}
			until(`id="richest"`)
			contains(t, seen.String(), `<template shadowrootmode="open">`, `<slot name="overview">`)
			close(activity)
			until(`<section id="activity"`)
			if strings.Contains(seen.String(), `<section id="overview"`) {
				t.Error("the overview came before it was computed")
			}
			close(overview)
			until("</html>")
			contains(t, seen.String(), `<section id="overview"`)

			next, whole := ask(t, "GET", server.URL+"/economy")
			if next.Header.Get("Etag") == "" || strings.Contains(whole, "shadowrootmode") {
				t.Error("the next reader got a cold page too")
			}
		})
	}
}

func TestAPanelPastTheBudgetIsStillComputing(t *testing.T) {
	tn := newTown()
	tn.budget = 200 * time.Millisecond
	release := make(chan struct{})
	tn.activity = func(ctx context.Context, _ cache.Window, _ aggregates.Days) (*aggregates.Activity, error) {
		<-release // ignores its deadline
		return nil, ctx.Err()
	}
	server := tn.start(t)
	t.Cleanup(func() { close(release) })
	start := time.Now()
	response, body := ask(t, "GET", server.URL+"/economy")
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("the page took %s", took)
	}
	if response.StatusCode != http.StatusOK {
		t.Errorf("status %d", response.StatusCode)
	}
	contains(t, body, "Still being computed", "8,214,906", "</html>")

	alone, body := ask(t, "GET", server.URL+"/economy/activity")
	if alone.StatusCode != http.StatusServiceUnavailable || alone.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("a page without any value: status %d, %s", alone.StatusCode, alone.Header.Get("Cache-Control"))
	}
	contains(t, body, "Still being computed")
	program, _ := ask(t, "GET", server.URL+"/economy/activity.json")
	if program.StatusCode != http.StatusServiceUnavailable || program.Header.Get("Retry-After") == "" {
		t.Errorf("JSON without a value: status %d", program.StatusCode)
	}
}
