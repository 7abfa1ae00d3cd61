package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/ledger"
)

func TestTheBadgeOfTheBooksSaysByHowMuchTheyAreOff(t *testing.T) {
	for want, unexplained := range map[string]int64{"books: ₤0.00 unexplained": 0, "books: off by ₤12.00": -12_00} {
		tn := newTown()
		tn.bridge = constant[aggregates.Days](&aggregates.Bridge{Unexplained: ledger.SumOf(unexplained)})
		site := tn.start(t)
		r, body := ask(t, http.MethodGet, site.URL+"/badges/books.svg")
		contains(t, body, "<title>"+want+"</title>")
		if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "image/svg+xml" || r.Header.Get("Cross-Origin-Resource-Policy") != "cross-origin" {
			t.Errorf("status %d, header %v", r.StatusCode, r.Header)
		}
		if strings.Contains(body, "style") || strings.Contains(body, "script") {
			t.Errorf("a badge with style or script: %s", body)
		}
		again, _ := ask(t, http.MethodGet, site.URL+"/badges/books.svg", "If-None-Match", r.Header.Get("Etag"))
		if again.StatusCode != http.StatusNotModified {
			t.Errorf("the second time the status is %d", again.StatusCode)
		}
	}
	tn := newTown()
	tn.bridge = func(context.Context, cache.Window, aggregates.Days) (*aggregates.Bridge, error) {
		return nil, errors.New("down")
	}
	r, body := ask(t, http.MethodGet, tn.start(t).URL+"/badges/books.svg")
	contains(t, body, "books: not known")
	if r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("without a value: status %d, %v", r.StatusCode, r.Header)
	}
}
