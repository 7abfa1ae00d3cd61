package web

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

func TestWhoHasSignedInHasAlertsOfTheirOwn(t *testing.T) {
	server, l := keepers(t)
	if err := l.claims.Grant(t.Context(), "u1", "ann"); err != nil {
		t.Fatal(err)
	}
	do := func(subject string, form url.Values) (int, string) {
		t.Helper()
		response, body := post(t, server.URL+"/me", form, "Subject", subject)
		return response.StatusCode, body
	}
	rule := func(kind, thing, value string) url.Values {
		return url.Values{"do": {"rule"}, "kind": {kind}, "thing": {thing}, "value": {value}}
	}
	for _, c := range []struct {
		form url.Values
		note string // empty: it is done
	}{
		{rule("price_above", "Apple", "25.00"), ""},
		{rule("stock_ends", "pear", "left over"), ""},
		{rule("account_received", "Ann", "₤10"), ""},
		{rule("shop_empty", "market 1", ""), ""},
		{rule("indicator", "", ""), ""},
		{rule("account_received", "Bob", "10"), "None of the accounts that are proven to be yours is called so."},
		{rule("account_received", "nobody", "10"), "None of the accounts that are proven to be yours is called so."},
		{rule("shop_sold", "Market 2", ""), "None of your shops is called so."},
		{rule("price_above", "cake", "1"), "No item is called so."},
		{rule("price_above", "apple", "dear"), "Write the price of a piece, more than 0, such as 12.50."},
		{rule("indicator", "luck", ""), "There are these indicators: "},
		{rule("books", "", ""), "Choose what is watched."},
		{rule("stock_ends", "a\x00b", ""), "Nothing is called so."},
		{url.Values{"do": {"receiver"}, "kind": {"webhook"}, "address": {"https://10.0.0.1/x"}}, "Alerts go to public addresses only. This one is not."},
		{url.Values{"do": {"receiver"}, "kind": {"email"}, "address": {"smtp://example.org"}}, "Choose what the address is of"},
		{url.Values{"do": {"test"}, "name": {"discord-abcd"}}, "This one is not there any more."},
	} {
		code, body := do("u1", c.form)
		if c.note == "" {
			if code != http.StatusSeeOther {
				t.Errorf("%v: status %d: %s", c.form, code, parse(t, body).Find(`[role="alert"]`).Text())
			}
			continue
		}
		page := parse(t, body)
		if note := page.Find(`[role="alert"]`).Text(); code != http.StatusUnprocessableEntity || !strings.HasPrefix(note, c.note) {
			t.Errorf("%v: status %d, %q, want %q", c.form, code, note, c.note)
		}
		if got, _ := page.Find(`#alerts input[name="thing"]`).Attr("value"); c.form.Get("do") == "rule" && got != strings.ReplaceAll(c.form.Get("thing"), "\x00", "\ufffd") {
			t.Errorf("%v: the form has %q", c.form, got)
		}
	}
	code, body := do("u1", url.Values{"do": {"receiver"}, "kind": {"webhook"}, "address": {"https://hooks.example.org/hush"}})
	secret := regexp.MustCompile(`whsec_[A-Za-z0-9+/=&#;]+`).FindString(body)
	if code != http.StatusOK || secret == "" {
		t.Fatalf("a receiver: status %d: %s", code, body)
	}
	_, body = ask(t, "GET", server.URL+"/me", "Subject", "u1")
	page := parse(t, body)
	if got := page.Find("#alerts tbody tr").Length(); got != 5 {
		t.Errorf("%d rules, want 5", got)
	}
	if strings.Contains(body, secret) || strings.Contains(body, "hush") {
		t.Error("the secret is shown again")
	}
	hook, _ := page.Find(`#receivers input[name="name"]`).First().Attr("value")
	if code, _ := do("u2", url.Values{"do": {"test"}, "name": {hook}}); code != http.StatusUnprocessableEntity {
		t.Errorf("somebody else tests it: status %d", code)
	}
	if code, body := do("u1", url.Values{"do": {"test"}, "name": {hook}}); code != http.StatusSeeOther {
		t.Errorf("a test: status %d: %s", code, body)
	}
	_, body = ask(t, "GET", server.URL+"/me", "Subject", "u1")
	if got := parse(t, body).Find("#deliveries tbody tr").Text(); !strings.Contains(got, "A test of "+hook) || !strings.Contains(got, "pending") {
		t.Errorf("the deliveries are %q", got)
	}
	name, _ := page.Find(`#alerts tbody input[name="name"]`).First().Attr("value")
	do("u2", url.Values{"do": {"unrule"}, "name": {name}})
	do("u1", url.Values{"do": {"unreceiver"}, "name": {hook}})
	_, body = ask(t, "GET", server.URL+"/me", "Subject", "u1")
	if page := parse(t, body); page.Find("#alerts tbody tr").Length() != 5 || page.Find("#receivers tbody tr").Length() != 0 {
		t.Error("somebody else's forms have changed it, or one's own have not")
	}
	if code, _ := do("u1", url.Values{"do": {"unrule"}, "name": {name}}); code != http.StatusSeeOther {
		t.Errorf("a rule is removed: status %d", code)
	}
}

func TestTheFeedOfOnesOwnIsForWhoKnowsItsAddress(t *testing.T) {
	server, l := keepers(t)
	if _, err := l.db.Exec(t.Context(), `
		INSERT INTO alerts VALUES ('a', 'u1', 'rule', 'stock_ends', 'apple', now(), 'Apple is out of stock', '', '/items/apple', false, 3, '{}', '{}'),
			('b', 'u1', 'rule', 'account_paid', 'bob', now(), 'Bob paid', '', '/accounts/bob', false, 5, '{bob}', '{}'),
			('c', 'u2', 'rule', 'stock_ends', 'pear', now(), 'Pear is out of stock', '', '/items/pear', false, 3, '{}', '{}')`); err != nil {
		t.Fatal(err)
	}
	address := func() string {
		t.Helper()
		_, body := post(t, server.URL+"/me", url.Values{"do": {"feed"}}, "Subject", "u1")
		path := regexp.MustCompile(`/me/alerts/[A-Z2-7]{26}\.atom`).FindString(body)
		if path == "" {
			t.Fatalf("there is no address: %s", body)
		}
		return server.URL + path
	}
	first := address()
	response, body := ask(t, "GET", first)
	if response.StatusCode != http.StatusOK || response.Header.Get("Cache-Control") != "no-store" || response.Header.Get("X-Robots-Tag") != "noindex" || response.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("the feed: status %d, %v", response.StatusCode, response.Header)
	}
	if strings.Count(body, "<entry>") != 1 || !strings.Contains(body, "Apple is out of stock") {
		t.Errorf("the feed is %s", body)
	}
	second := address()
	for what, at := range map[string]string{"the one before": first, "a guess": server.URL + "/me/alerts/AAAAAAAAAAAAAAAAAAAAAAAAAA.atom", "no token": server.URL + "/me/alerts/%00%ff.atom"} {
		if response, body := ask(t, "GET", at); response.StatusCode != http.StatusNotFound || strings.Contains(body, "Apple") {
			t.Errorf("%s: status %d", what, response.StatusCode)
		}
	}
	if _, body := ask(t, "GET", server.URL+"/me", "Subject", "u1"); strings.Contains(body, "/me/alerts/") {
		t.Error("the address is shown again")
	}
	if response, _ := ask(t, "HEAD", second); response.StatusCode != http.StatusOK {
		t.Errorf("HEAD: status %d", response.StatusCode)
	}
	if got := withoutToken("/c/town" + strings.TrimPrefix(second, server.URL)); got != "/c/town/me/alerts/…" {
		t.Errorf("the log has %q", got)
	}
}
