package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/sample"
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

func TestBadgesSayANumberAndHowMuchItSays(t *testing.T) {
	tn := sampled(sample.Town(30))
	site := tn.start(t)
	for path, want := range map[string]string{
		"supply": "supply: ₤", "holders": "holders: ", "gini": "Gini: 0.", "transactions": "transactions, ", "items/ada": " · firm", "items/a.b%2Fc": " · firm",
	} {
		r, body := ask(t, http.MethodGet, site.URL+"/badges/"+path+".svg")
		title := parse(t, body).Find("title").Text()
		if r.StatusCode != http.StatusOK || !strings.Contains(title, want) || r.Header.Get("Cross-Origin-Resource-Policy") != "cross-origin" {
			t.Errorf("%s: status %d, %q, want %q", path, r.StatusCode, title, want)
		}
		again, _ := ask(t, http.MethodGet, site.URL+"/badges/"+path+".svg", "If-None-Match", r.Header.Get("Etag"))
		if again.StatusCode != http.StatusNotModified {
			t.Errorf("%s: the second time the status is %d", path, again.StatusCode)
		}
	}
	for path, want := range map[string]int{"items/nobody.svg": 404, "items/ada": 404, "nothing.svg": 404} {
		if r, _ := ask(t, http.MethodGet, site.URL+"/badges/"+path); r.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, r.StatusCode, want)
		}
	}
	tn = sampled(sample.Town(30))
	item := *sample.Town(30).Item
	item.Name = "<script>\u202e" + strings.Repeat("long ", 100)
	tn.item = constant[aggregates.ItemQuery](&item)
	_, body := ask(t, http.MethodGet, tn.start(t).URL+"/badges/items/ada.svg")
	if strings.Contains(body, "<script") || strings.Contains(body, "\u202e") || len(body) > 2000 {
		t.Errorf("a hostile name is drawn as %.500s", body)
	}
}
