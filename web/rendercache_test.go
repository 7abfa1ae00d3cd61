package web

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"exchequer/views"
)

func TestRememberedPagesAreBoundedByTheirBytes(t *testing.T) {
	m := newRenderCache(1 << 20)
	get := func(name string, size int) (drawn bool) {
		t.Helper()
		_, drawn, err := m.get(pageKey{name: name}, 1, func() (*rendering, error) {
			return newRendering(pageHeader(views.Page{}), make([]byte, size), time.Time{}), nil
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
			_, _, _ = m.get(pageKey{name: "home"}, 7, func() (*rendering, error) {
				time.Sleep(10 * time.Millisecond)
				drawn.Add(1)
				return newRendering(pageHeader(views.Page{}), []byte("x"), time.Time{}), nil
			})
		})
	}
	readers.Wait()
	if drawn.Load() != 1 {
		t.Errorf("drawn %d times, want 1", drawn.Load())
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
