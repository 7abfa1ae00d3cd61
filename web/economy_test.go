package web

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/andybalholm/brotli"
	"github.com/google/go-cmp/cmp"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/views"
)

func TestAWarmPageIsTheSameBytesInEveryEncoding(t *testing.T) {
	server := newTown().start(t)
	_, plain := ask(t, "GET", server.URL+"/economy")
	contains(t, plain, "Port Test", `id="activity"`, "8,214,906")
	for _, test := range []struct{ accept, encoding string }{
		{"", ""}, {"gzip, deflate, br, zstd", "br"}, {"gzip", "gzip"}, {"br;q=0, gzip;q=0.5", "gzip"},
		{"gzip;q=0", ""}, {"*", "br"}, {"*;q=0", ""}, {"br;q=nonsense", ""}, {"identity", ""}, {"BR", "br"},
	} {
		for _, round := range []string{"first", "later"} {
			response, body := ask(t, "GET", server.URL+"/economy", "Accept-Encoding", test.accept)
			if got := response.Header.Get("Content-Encoding"); got != test.encoding {
				t.Errorf("%s answer to %q is encoded %q, want %q", round, test.accept, got, test.encoding)
			}
			if got := response.Header.Get("Vary"); got != "Accept-Encoding" {
				t.Errorf("Vary = %q", got)
			}
			if decoded := decode(t, test.encoding, body); decoded != plain {
				t.Errorf("%s answer to %q differs from the plain one", round, test.accept)
			}
		}
	}
}

func decode(t *testing.T, encoding, body string) string {
	t.Helper()
	var r io.Reader = strings.NewReader(body)
	switch encoding {
	case "br":
		r = brotli.NewReader(r)
	case "gzip":
		gz, err := gzip.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		r = gz
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("decode %s: %v", encoding, err)
	}
	return string(b)
}

func TestAReaderWhoHasThePageIsToldSo(t *testing.T) {
	server := newTown().start(t)
	response, body := ask(t, "GET", server.URL+"/")
	tag := response.Header.Get("Etag")
	if tag == "" || response.Header.Get("Cache-Control") != "public, no-cache" {
		t.Fatalf("ETag %q, Cache-Control %q", tag, response.Header.Get("Cache-Control"))
	}
	again, empty := ask(t, "GET", server.URL+"/economy", "If-None-Match", `"other", `+tag)
	if again.StatusCode != http.StatusNotModified || empty != "" {
		t.Errorf("status %d with %d bytes, want 304 without", again.StatusCode, len(empty))
	}
	for _, name := range []string{"Etag", "Cache-Control", "Vary"} {
		if diff := cmp.Diff(response.Header.Get(name), again.Header.Get(name)); diff != "" {
			t.Errorf("304 has another %s: %s", name, diff)
		}
	}
	head, nothing := ask(t, "HEAD", server.URL+"/economy")
	if head.ContentLength != int64(len(body)) || nothing != "" || head.Header.Get("Etag") != tag {
		t.Errorf("HEAD: length %d, want %d; tag %s, want %s", head.ContentLength, len(body), head.Header.Get("Etag"), tag)
	}
}

func TestASharedCacheMayKeepAPageUntilItsRefresh(t *testing.T) {
	tn := newTown()
	tn.change = func(d *Deps) { d.SharedCache = true }
	response, _ := ask(t, "GET", tn.start(t).URL+"/economy")
	contains(t, response.Header.Get("Cache-Control"), "public, max-age=0, must-revalidate, s-maxage=")
}

func TestAPageIsDueWhenItsFailedPanelIsTriedAgain(t *testing.T) {
	tn := newTown() // of windows of an hour
	tn.change = func(d *Deps) { d.SharedCache = true }
	tn.activity = func(context.Context, cache.Window, aggregates.Days) (*aggregates.Activity, error) {
		return nil, errors.New("database is down")
	}
	server := tn.start(t)
	ask(t, "GET", server.URL+"/economy")
	var first time.Time
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		response, body := ask(t, "GET", server.URL+"/economy")
		text, _ := parse(t, body).Find("main").Attr("data-next")
		ms, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			t.Fatalf("data-next %q", text)
		}
		next := time.UnixMilli(ms)
		if wait := time.Until(next); wait > time.Minute {
			t.Fatalf("the page is due in %v, although a panel failed", wait)
		}
		kept := strings.TrimPrefix(response.Header.Get("Cache-Control"), "public, max-age=0, must-revalidate, s-maxage=")
		if seconds, err := strconv.Atoi(kept); err == nil && seconds > 60 {
			t.Fatalf("a shared cache may keep the page for %d s", seconds)
		}
		switch {
		case first.IsZero():
			first = next
		case next.After(first):
			return // the second attempt failed as well
		}
		if time.Now().After(deadline) {
			t.Fatalf("the page is due at %v for good", first)
		}
	}
}

func TestAWarmHitRendersNothing(t *testing.T) {
	server := newTown().start(t)
	for range 3 {
		ask(t, "GET", server.URL+"/economy")
	}
	want := []string{`exchequer_pages_total{how="rendered"} 1`, `exchequer_pages_total{how="hit"} 2`,
		`exchequer_http_requests_total{method="GET",route="/economy",status="200"} 3`}
	// A request is counted after its reader has it all.
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		_, metrics := ask(t, "GET", server.URL+"/metrics")
		missing := slices.DeleteFunc(slices.Clone(want), func(line string) bool { return strings.Contains(metrics, line) })
		if len(missing) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("metrics lack %q", missing)
		}
	}
}

func TestUnusualParametersGoToTheNearestPage(t *testing.T) {
	var runs atomic.Int64
	tn := newTown()
	activity := tn.activity
	tn.activity = func(ctx context.Context, w cache.Window, d aggregates.Days) (*aggregates.Activity, error) {
		runs.Add(1)
		return activity(ctx, w, d)
	}
	server := tn.start(t)
	for _, query := range []string{"", "?days=30", "?days=31", "?days=29", "?days=abc", "?days=30&x=1", "?days=%zz", "?population=nobody"} {
		response, _ := ask(t, "GET", server.URL+"/economy"+query)
		if response.StatusCode != http.StatusOK || response.Header.Get("Link") != `</economy>; rel="canonical"` {
			t.Errorf("%s: status %d, link %s", query, response.StatusCode, response.Header.Get("Link"))
		}
	}
	if runs.Load() != 1 {
		t.Errorf("the producer ran %d times, want 1", runs.Load())
	}
	response, _ := ask(t, "GET", server.URL+"/economy?days=8&population=all")
	if got, want := response.Header.Get("Link"), `</economy?days=7&population=all>; rel="canonical"`; got != want {
		t.Errorf("Link = %s, want %s", got, want)
	}
}

func TestAProducerThatFailsOrPanicsCostsItsOwnPanel(t *testing.T) {
	for name, produce := range map[string]func() error{
		"fails":  func() error { return errors.New("relation does not exist: secret") },
		"panics": func() error { panic("secret") },
	} {
		t.Run(name, func(t *testing.T) {
			tn := newTown()
			tn.activity = func(context.Context, cache.Window, aggregates.Days) (*aggregates.Activity, error) {
				return nil, produce()
			}
			server := tn.start(t)
			for range 2 {
				response, body := ask(t, "GET", server.URL+"/economy")
				if response.StatusCode != http.StatusOK {
					t.Fatalf("status %d", response.StatusCode)
				}
				contains(t, body, "8,214,906", "Ada", "</html>")
				page := parse(t, body)
				if page.Find("#activity .missing").Length() != 1 || page.Find(".missing").Length() != 1 {
					t.Errorf("%d panels are missing, want the one", page.Find(".missing").Length())
				}
				if strings.Contains(body, "secret") {
					t.Error("a visitor reads what is for operators")
				}
			}
		})
	}
}

func parse(t *testing.T, body string) *goquery.Document {
	t.Helper()
	page, err := goquery.NewDocumentFromReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return page
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
		<-release // hears of no deadline
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

func TestAFailingRefreshShowsTheLastValueAndWhy(t *testing.T) {
	tn := newTown()
	tn.window = time.Second
	var broken atomic.Bool
	activity := tn.activity
	tn.activity = func(ctx context.Context, w cache.Window, d aggregates.Days) (*aggregates.Activity, error) {
		if broken.Load() {
			return nil, errors.New("database is down")
		}
		return activity(ctx, w, d)
	}
	server := tn.start(t)
	ask(t, "GET", server.URL+"/economy")
	broken.Store(true)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		_, body := ask(t, "GET", server.URL+"/economy")
		page := parse(t, body)
		if page.Find("#activity footer.warn").Length() == 1 && page.Find("#activity svg").Length() > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no warning under the panel: %s", page.Find("#activity footer").Text())
		}
	}
}

func TestRememberedPagesAreBoundedByTheirBytes(t *testing.T) {
	m := newRenderCache(1 << 20)
	get := func(name string, size int) (drawn bool) {
		t.Helper()
		_, drawn, err := m.get(pageKey{name: name}, 1, func() (*page, error) {
			return newPage(pageHeader(views.Site{}), make([]byte, size), time.Time{}), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return drawn
	}
	for range 3 {
		get("home", 100<<10)
	}
	for i := range 1000 {
		get("document "+strconv.Itoa(i), 10<<10)
		get("home", 100<<10)
	}
	if get("home", 100<<10) {
		t.Error("a page that is asked for all the time was given up")
	}
	held := 0
	for s := range m.slots.Values() {
		held += len(s.newest.Load().plain.bytes)
	}
	if held > 1<<20 || held < 300<<10 {
		t.Errorf("pages of %d bytes are remembered within 1 MiB", held)
	}
}

func TestOneReaderRendersForAllWhoWait(t *testing.T) {
	m := newRenderCache(1 << 20)
	var drawn atomic.Int64
	var readers sync.WaitGroup
	for range 10 {
		readers.Go(func() {
			_, _, _ = m.get(pageKey{name: "home"}, 7, func() (*page, error) {
				time.Sleep(10 * time.Millisecond)
				drawn.Add(1)
				return newPage(pageHeader(views.Site{}), []byte("x"), time.Time{}), nil
			})
		})
	}
	readers.Wait()
	if drawn.Load() != 1 {
		t.Errorf("drawn %d times, want 1", drawn.Load())
	}
}
