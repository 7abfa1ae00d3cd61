package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"exchequer/internal/sample"
)

func TestTheListOfAccountsIsFilteredSortedAndFollowed(t *testing.T) {
	walk(t, sampled(sample.Town(30)), func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		rows := func(address string) ([]string, string) {
			t.Helper()
			w := open(address)
			if w.Code != http.StatusOK {
				t.Fatalf("%s: status %d", address, w.Code)
			}
			doc := parse(t, w.Body.String())
			next, _ := doc.Find("#list nav a[rel~=next]").Attr("href")
			return doc.Find("#list tbody .name").Map(func(_ int, s *goquery.Selection) string { return s.Text() }), next
		}
		seen := 0
		for address := "/accounts"; address != ""; {
			names, next := rows(strings.TrimSuffix(address, "#list"))
			seen, address = seen+len(names), next
		}
		if seen != 120 {
			t.Errorf("%d accounts are shown, want 120", seen)
		}
		names, _ := rows("/accounts")
		if len(names) != listRows || names[0] != "Account 0" || names[3] != "hidden holder" {
			t.Errorf("%d accounts, first %v", len(names), names[:5])
		}
		doc := parse(t, open("/accounts").Body.String())
		if n := doc.Find("#list tbody tr").Eq(3).Find("a").Length(); n != 0 {
			t.Errorf("a hidden holder has %d links", n)
		}
		if href := doc.Find("#list tbody tr").First().Find("a").AttrOr("href", ""); href != "/accounts/p:0" {
			t.Errorf("the first account leads to %q", href)
		}
		for address, want := range map[string]string{
			"/accounts?q=ACCOUNT+17": "Account 17", "/accounts?sort=poor": "Account 119", "/accounts?sort=name": "Account 0", "/accounts?kind=business": "Account 2",
		} {
			if names, _ := rows(address); len(names) == 0 || names[0] != want {
				t.Errorf("%s begins with %v, want %s", address, names[:min(3, len(names))], want)
			}
		}
		if parse(t, open("/accounts?population=all").Body.String()).Find("#list select[name=population] option[selected]").AttrOr("value", "") != "all" {
			t.Error("the form does not choose the population")
		}
		if names, _ := rows("/accounts?q=hidden"); len(names) != 0 {
			t.Errorf("a search finds %v", names)
		}
		for _, address := range []string{"/accounts?after=%3Dnobody", "/accounts/list.json?after=%23999", "/accounts/list.csv?after=x"} {
			if w := open(address); w.Code != http.StatusNotFound {
				t.Errorf("%s: status %d", address, w.Code)
			}
		}
		if lines := strings.Count(open("/accounts/list.csv").Body.String(), "\n"); lines != 121 {
			t.Errorf("the file has %d lines, want a head and 120 accounts", lines)
		}
		canonical := parse(t, open("/accounts?kind=any&population=personal&sort=balance&q=++&junk=1").Body.String()).Find("link[rel=canonical]").AttrOr("href", "")
		if canonical != "https://economy.test/accounts" {
			t.Errorf("the canonical address is %s", canonical)
		}
	})
}
