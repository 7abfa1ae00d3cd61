package web

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// A row leads to the page of its item with the numbers that it shows.
func TestAnItemOfTheMarketKeepsThePeriodAndTheChoice(t *testing.T) {
	walk(t, samples()["town"], func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		for query, want := range map[string]string{"": "", "?days=7": "?days=7", "?days=7&circular=with": "?days=7&circular=with"} {
			links := parse(t, open("/market"+query).Body.String()).Find("table.items a.name")
			if href := links.First().AttrOr("href", ""); links.Length() == 0 || !strings.HasPrefix(href, "/market/items/") || !strings.HasSuffix(href, want) || want == "" && strings.Contains(href, "?") {
				t.Errorf("/market%s leads to %q", query, href)
			}
		}
	})
}
