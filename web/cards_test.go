package web

import (
	"context"
	"image/png"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/sample"
)

func TestEveryPageHasAPicture(t *testing.T) {
	site := sampled(sample.Town(30)).start(t)
	turn := rand.IntN(3)
	for n, p := range sampled(sample.Town(30)).declared(t) {
		_, page := ask(t, http.MethodGet, site.URL+p.address())
		doc := parse(t, page)
		address, ours := strings.CutPrefix(doc.Find(`meta[property="og:image"]`).AttrOr("content", ""), "https://economy.test")
		if !ours || doc.Find(`meta[property="og:image:alt"]`).AttrOr("content", "") == "" || doc.Find(`meta[name="twitter:card"]`).AttrOr("content", "") != "summary_large_image" {
			t.Errorf("%s: the picture is %q", p.Path, address)
			continue
		}
		if n%3 != turn {
			continue // drawing takes long: of all pages a third in each run
		}
		r, body := ask(t, http.MethodGet, site.URL+address)
		config, err := png.DecodeConfig(strings.NewReader(body))
		if err != nil || config.Width != 1200 || config.Height != 630 || r.Header.Get("Cross-Origin-Resource-Policy") != "cross-origin" {
			t.Errorf("%s: status %d, %dx%d, %v", address, r.StatusCode, config.Width, config.Height, err)
		}
		if again, _ := ask(t, http.MethodGet, site.URL+address, "If-None-Match", r.Header.Get("Etag")); again.StatusCode != http.StatusNotModified {
			t.Errorf("%s: the second time the status is %d", address, again.StatusCode)
		}
	}
}

func TestAPictureComputesNothing(t *testing.T) {
	tn := sampled(sample.Town(30))
	tn.overview = func(context.Context, cache.Window, aggregates.Days) (*aggregates.Overview, error) {
		t.Error("the picture asked for numbers")
		return nil, nil
	}
	site := tn.start(t)
	r, body := ask(t, http.MethodGet, site.URL+"/economy/card.png")
	if _, err := png.DecodeConfig(strings.NewReader(body)); err != nil || strings.Contains(r.Header.Get("Cache-Control"), "max-age") {
		t.Errorf("without numbers: %v, %s", err, r.Header.Get("Cache-Control"))
	}
	if r, _ := ask(t, http.MethodGet, site.URL+"/accounts/nobody/card.png"); r.StatusCode != http.StatusNotFound {
		t.Errorf("of nobody: status %d", r.StatusCode)
	}
}

// There are as many pictures as accounts, and who asks for all of them has a part of a
// processor.
func TestAfterThePictureOfAThingNoneIsDrawnForAWhile(t *testing.T) {
	c := cache.New(cache.Deps{Store: cache.NewMemory(), Space: "cards:1"})
	defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }()
	deps := sampled(sample.Town(30)).deps(t, c)
	deps.Registry = prometheus.NewRegistry()
	handler, err := New(deps)
	if err != nil {
		t.Fatal(err)
	}
	s := handler.(*server)
	for address, rests := range map[string]bool{"/economy/card.png": false, "/accounts/ada/card.png": true} {
		if w := visit(t, s, http.MethodGet, address, ""); w.Code != http.StatusOK {
			t.Fatalf("%s = %d", address, w.Code)
		}
		if free := s.cardPlace.places.TryAcquire(1); free == rests {
			t.Errorf("%s: another one may be drawn at once: %t", address, free)
		} else if free {
			s.cardPlace.places.Release(1)
		}
		within(t, "others are drawn", func() bool {
			free := s.cardPlace.places.TryAcquire(1)
			if free {
				s.cardPlace.places.Release(1)
			}
			return free
		})
	}
}

func TestAPictureMayBeKeptUntilTheNextNumbers(t *testing.T) {
	site := sampled(sample.Town(30)).start(t)
	ask(t, http.MethodGet, site.URL+"/economy")
	ask(t, http.MethodGet, site.URL+"/economy.json") // waits for all of them
	if r, _ := ask(t, http.MethodGet, site.URL+"/economy/card.png"); !strings.HasPrefix(r.Header.Get("Cache-Control"), "public, max-age=") {
		t.Errorf("Cache-Control: %s", r.Header.Get("Cache-Control"))
	}
}
