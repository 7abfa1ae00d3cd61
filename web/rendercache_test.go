package web

import (
	"net/http"
	"net/http/httptest"
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

// Somebody who searches for many long texts makes many keys, and takes neither more
// memory than the bound nor anything from the documents of the API.
func TestTheTextsOfSearchesAreBounded(t *testing.T) {
	m := newRenderCache(1 << 20)
	keys := 0
	for i := range 2000 {
		key := pageKey{name: "list"}
		key.params = views.ParseParams([]*views.Param{views.ItemParam}, "", "item="+strings.Repeat("%3C", 500)+strconv.Itoa(i))
		if _, _, err := m.get(key, 1, func() (*rendering, error) {
			return newRendering(pageHeader(views.Page{}), []byte("x"), time.Time{}), nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	for key := range m.slots.Keys() {
		keys += len(key.params.Query())
	}
	if keys > 1<<19 {
		t.Errorf("keys of %d bytes are remembered, more than what they are the keys of", keys)
	}
	handler, leave := newTown().handler(t)
	defer leave()
	for _, address := range []string{"/api/v1/stats", "/market/shops/found.json?item=x", "/market/items?q=x", "/market/items"} {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", address, http.NoBody))
	}
	for key := range handler.(*server).documents.slots.Keys() {
		if !strings.HasPrefix(key.name, apiRoot) {
			t.Errorf("%s%s is among the documents of the API", key.name, key.params.Query())
		}
	}
	for key := range handler.(*server).rendered.slots.Keys() {
		t.Errorf("%s%s is among the pages", key.name, key.params.Query())
	}
}
