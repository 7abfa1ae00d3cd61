package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"exchequer/internal/sample"
	"exchequer/views"
)

// Who mistypes a day must not take the numbers of now for those of that day.
func TestAnAddressThatCannotBeReadIsRefusedWithTheReason(t *testing.T) {
	walk(t, sampled(sample.Town(30)), func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		for address, want := range map[string]struct{ says, without string }{
			"/accounts?at=yesterday":                  {"“at” that it cannot have. It is a day, as 2026-08-31.", "/accounts"},
			"/accounts?sort=name&at=2026-02-30":       {"“at” that it cannot have. It is a day, as 2026-08-31.", "/accounts?sort=name"},
			"/economy?at=31.8.2026&days=7":            {"“at” that it cannot have. It is a day, as 2026-08-31.", "/economy?days=7"},
			"/economy?days=week":                      {"“days” that it cannot have. It is one of 7, 30, 90, 365, all.", "/economy"},
			"/economy?population=nobody&days=7":       {"“population” that it cannot have. It is one of personal, private, all.", "/economy?days=7"},
			"/accounts/ada?from=2026-13-01":           {"“from” that it cannot have. It is a day, as 2026-08-31.", "/accounts/ada"},
			"/accounts/ada?least=a+lot":               {"“least” that it cannot have. It is a number that is not below 0, as 12.50.", "/accounts/ada"},
			"/accounts/ada?after=x":                   {"“after” that it cannot have. It is what links to further rows have there.", "/accounts/ada"},
			"/market/shops?item=diamond&within=a+day": {"“within” that it cannot have. It is one of 100,", "/market/shops?item=diamond"},
		} {
			w := open(address)
			doc := parse(t, w.Body.String())
			if said := doc.Find("main p").Text(); w.Code != http.StatusBadRequest || !strings.Contains(said, want.says) {
				t.Errorf("%s: status %d, %q, want %q", address, w.Code, said, want.says)
			}
			if to := doc.Find("main .choices a").AttrOr("href", ""); to != want.without {
				t.Errorf("%s leads to %q, want %q", address, to, want.without)
			} else if next := open(to); next.Code != http.StatusOK {
				t.Errorf("%s: status %d", to, next.Code)
			}
		}
		for _, file := range []string{"/economy/overview.json?days=week", "/accounts/list.csv?kind=cats", "/accounts/list.json?sort=luck", "/embed/economy/activity?days=x"} {
			if w := open(file); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "cannot have") {
				t.Errorf("%s: status %d, %.200s", file, w.Code, w.Body)
			}
		}
		// What forms send of what is not chosen, and numbers that have a nearest one.
		for _, address := range []string{"/accounts?at=", "/accounts?q=&sort=", "/economy?days=31", "/economy?days=0", "/economy?days=99999999999999999999", "/transactions?least=0.00&since=&until=", "/market/shops?n=1,000&within=7", "/market/items?sold=off"} {
			if w := open(address); w.Code != http.StatusOK {
				t.Errorf("%s: status %d", address, w.Code)
			}
		}
	})
}

// Space around a value and what separates thousands change nothing.
func TestAValueIsReadAsItIsMeant(t *testing.T) {
	for given, want := range map[string]string{
		"at=2026-02-03+&days=1,000&population=all+": "?days=365&at=2026-02-03&population=all",
		"days=+7&population=private":                "?days=7&population=private",
	} {
		declared := []*views.Param{views.DaysParam, views.AtParam, views.PopulationParam}
		if d := views.Unreadable(declared, given); d != nil {
			t.Errorf("%s: %q cannot be read", given, d.Name)
		}
		if got := views.ParseParams(declared, "", given).Query(); got != want {
			t.Errorf("%s is read as %q, want %q", given, got, want)
		}
	}
	for given, want := range map[string]string{"1,250.5": "1250.5", "12": "12", "12,50": "", "-5": ""} {
		if got := views.LeastParam.Value(given); got != want {
			t.Errorf("at least %s is read as %q, want %q", given, got, want)
		}
	}
}
