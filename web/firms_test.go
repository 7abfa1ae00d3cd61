package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"exchequer/aggregates"
	"exchequer/internal/sample"
)

func TestTheListOfFirmsIsFilteredSortedAndFollowed(t *testing.T) {
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
		first, next := rows("/firms")
		rest, last := rows(strings.TrimSuffix(next, "#list"))
		if len(first) != listRows || len(first)+len(rest) != 60 || last != "" || first[0] != "Firm 0" {
			t.Errorf("%d and %d firms are shown, first %v", len(first), len(rest), first[:2])
		}
		for address, want := range map[string]string{"/firms?q=deep+seam": "Ada Penrose", "/firms?sort=loss": "Firm 0", "/firms?sort=name&sold=yes&days=7": "Ada Penrose", "/firms?q=firm+59": "Firm 59"} {
			if names, _ := rows(address); len(names) == 0 || names[0] != want {
				t.Errorf("%s begins with %v, want %s", address, names[:min(3, len(names))], want)
			}
		}
		body := open("/firms").Body.String()
		contains(t, body, `href="/holders/ada"`, "Ferry &amp; Oak, The Deep Seam, Windelcor and 1 more", "with personal accounts", "1 of hidden holders are not listed", "Firms sold goods for")
		if w := open("/firms/list.json?after=nobody"); w.Code != http.StatusNotFound {
			t.Errorf("after an unknown firm: status %d", w.Code)
		}
		if lines := strings.Count(open("/firms/list.csv").Body.String(), "\n"); lines != 61 {
			t.Errorf("the file has %d lines, want a head and 60 firms", lines)
		}
	})
}

// A ledger without business accounts has no page of firms in its menu.
func TestTheMenuHasFirmsAndGovernmentWhereThereAreAny(t *testing.T) {
	tn := sampled(sample.Town(30))
	all := aggregates.Full()
	all.Firms, all.Government = false, false
	tn.profile = constant[aggregates.NoParams](all)
	walk(t, tn, func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		if doc := parse(t, open("/accounts").Body.String()); doc.Find("header.site nav a[href='/firms'], header.site nav a[href='/government']").Length() > 0 || doc.Find("header.site nav a[href='/accounts']").Length() == 0 {
			t.Error("the menu leads to firms or the government although there are none")
		}
	})
}
