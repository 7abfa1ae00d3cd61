package web

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/andybalholm/brotli"

	"exchequer/aggregates"
	"exchequer/cache"
)

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
		text, _ := parse(t, body).Find("#folio").Attr("data-next")
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

func TestUnusualParametersGoToTheNearestPage(t *testing.T) {
	var runs atomic.Int64
	tn := newTown()
	activity := tn.activity
	tn.activity = func(ctx context.Context, w cache.Window, d aggregates.Days) (*aggregates.Activity, error) {
		runs.Add(1)
		return activity(ctx, w, d)
	}
	tn.budget = 20 * time.Second // the address is known when the values are
	server := tn.start(t)
	for _, query := range []string{"", "?days=30", "?days=31", "?days=29", "?days=", "?days=30&x=1", "?days=%zz"} {
		response, _ := ask(t, "GET", server.URL+"/economy"+query)
		if response.StatusCode != http.StatusOK || response.Header.Get("Content-Location") != "/economy" {
			t.Errorf("%s: status %d, location %s", query, response.StatusCode, response.Header.Get("Content-Location"))
		}
	}
	if runs.Load() != 1 {
		t.Errorf("the producer ran %d times, want 1", runs.Load())
	}
	response, _ := ask(t, "GET", server.URL+"/economy?days=8&population=all")
	if got, want := response.Header.Get("Content-Location"), "/economy?days=7&population=all"; got != want {
		t.Errorf("Content-Location = %s, want %s", got, want)
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
