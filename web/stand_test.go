package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"exchequer/aggregates"
	"exchequer/internal/sample"
	"exchequer/internal/testkit"
)

func TestABalanceFindsItsPlaceAndIsKeptNowhere(t *testing.T) {
	tn := sampled(sample.Town(30))
	var log testkit.Buffer
	tn.log = &log
	site := tn.start(t)
	ask := func(balance, origin string) (*http.Response, string) {
		t.Helper()
		form := url.Values{"balance": {balance}, "population": {"personal"}}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, site.URL+"/economy/stand", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		return send(t, r, "Content-Type", "application/x-www-form-urlencoded", "Origin", origin)
	}
	r, body := ask("1,300.25", site.URL)
	place := parse(t, body).Find("#place").Text()
	for _, want := range []string{"With ₤1,300.25 one is richer than 49.", "of 2,317\u00a0holders", "has rank about 1,1", "The next tenth begins with ₤", "more."} {
		if !strings.Contains(place, want) {
			t.Errorf("the place is %q, want %q in it", place, want)
		}
	}
	if r.StatusCode != http.StatusOK || r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("Etag") != "" {
		t.Errorf("status %d, header %v", r.StatusCode, r.Header)
	}
	keepsToThePolicy(t, "place", body)
	if next := parse(t, body).Find("#folio").AttrOr("data-window", ""); next != "" {
		t.Errorf("the page of an answer asks again every %q", next)
	}
	if strings.Contains(log.String(), "1300") || strings.Contains(log.String(), "1,300") {
		t.Errorf("the balance is in the log: %s", log.String())
	}
	for _, unreadable := range []string{"", "a lot", "1.234", "1e9", "99999999999999999999", "<b>5</b>", "1,2", "1,23", "1234,567", ",123", "1,234 567", "1,,234", "0x10", "1.5 0"} {
		if _, body := ask(unreadable, site.URL); !strings.Contains(body, "This is not an amount") || strings.Contains(body, "<b>5</b>") {
			t.Errorf("%q is read as an amount", unreadable)
		}
	}
	for readable, want := range map[string]string{"1,234": "₤1,234.00", "1 234 567.5": "₤1,234,567.50", "₤ 12": "₤12.00", "\u22121'000": "−₤1,000.00", "12": "₤12.00"} {
		if _, body := ask(readable, site.URL); !strings.Contains(parse(t, body).Find("#place").Text(), "With "+want+" one") {
			t.Errorf("%q is read as %q, want %s", readable, parse(t, body).Find("#place").Text(), want)
		}
	}
	for form, want := range map[string]int{"application/json": 415, "text/plain": 415, "": 415, "application/x-www-form-urlencoded": 413} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, site.URL+"/economy/stand", strings.NewReader("balance="+strings.Repeat("1", bodyLimit)))
		if err != nil {
			t.Fatal(err)
		}
		if response, body := send(t, r, "Content-Type", form, "Accept", "text/html"); response.StatusCode != want || !strings.Contains(body, "</html>") {
			t.Errorf("a large form as %q: status %d, want %d", form, response.StatusCode, want)
		}
	}
	if r, _ := ask("5", "https://elsewhere.test"); r.StatusCode != http.StatusForbidden {
		t.Errorf("a form of another site: status %d", r.StatusCode)
	}
	tn = newTown()
	var failed testkit.Buffer
	tn.log = &failed
	tn.ladder = constant[aggregates.Population](&aggregates.Ladder{Holders: 3}) // whose tenths are missing
	site = tn.start(t)
	if r, _ := ask("1300.25", site.URL); r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a place that cannot be drawn: status %d", r.StatusCode)
	}
	if text := failed.String(); !strings.Contains(text, "where do I stand") || strings.Contains(text, "0x1fbe9") || strings.Contains(text, "goroutine") {
		t.Errorf("the log of the panic is %s", text)
	}
	tn = newTown()
	tn.ladder = constant[aggregates.Population](&aggregates.Ladder{Population: aggregates.PopulationAll})
	site = tn.start(t)
	if _, body := ask("5", site.URL); !strings.Contains(body, "Nobody in this group") {
		t.Error("without holders nothing says so")
	}
}
