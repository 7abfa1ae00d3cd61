package web

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/sample"
	"exchequer/ledger"
)

func TestWhatIsWatchedIsAsApproved(t *testing.T) {
	approved(t, map[string]string{
		"watch-both":          "/watch?i=item0~item4~dimond&a=ben~carl",
		"panel-watched-items": "/watch/items?i=item0~item4",
	})
}

func TestTheAddressOfAListIsItsWholeState(t *testing.T) {
	walk(t, samples()["town"], func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		doc := parse(t, open("/watch?a=ben&i=item4~item0~item4~~"+strings.Repeat("x", 600)).Body.String())
		if got, want := doc.Find("link[rel=canonical]").AttrOr("href", ""), "https://economy.test/watch?i=item4~item0&a=ben"; got != want {
			t.Errorf("canonical %q, want %q", got, want)
		}
		if got, want := doc.Find("#items a.remove").First().AttrOr("href", ""), "/watch?i=item0&a=ben"; got != want {
			t.Errorf("the item is removed by %q, want %q", got, want)
		}
		if got, want := doc.Find("#accounts a.remove").First().AttrOr("href", ""), "/watch?i=item4~item0"; got != want {
			t.Errorf("the account is removed by %q, want %q", got, want)
		}
		if got, want := doc.Find("#items .tools a").Eq(1).AttrOr("href", ""), "/watch/items.csv?i=item4~item0"; got != want {
			t.Errorf("the file is at %q, want %q", got, want)
		}
		for _, form := range doc.Find("form.filters").EachIter() {
			if i, a := form.Find("[name=i]").AttrOr("value", ""), form.Find("[name=a]").AttrOr("value", ""); i != "item4~item0" || a != "ben" {
				t.Errorf("a form carries i=%s, a=%s", i, a)
			}
		}
	})
}

// A list stays good where a thing of it is not there, or is hidden since.
func TestWhatIsNotThereIsSaidInTheList(t *testing.T) {
	tn := samples()["town"]
	account := tn.account
	var asked sync.Map
	tn.account = func(ctx context.Context, w cache.Window, q aggregates.AccountQuery) (*aggregates.Account, error) {
		asked.Store(q.Account, true)
		if q.Account == "hidden" {
			return nil, nil
		}
		return account(ctx, w, q)
	}
	walk(t, tn, func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		for range 2 { // cold and warm
			w := open("/watch?i=item0~%3Cb%3Ebread&a=nobody~ben~hidden")
			doc := parse(t, w.Body.String())
			if w.Code != http.StatusOK {
				t.Fatalf("status %d", w.Code)
			}
			var unknown []string
			for _, line := range doc.Find("ul.wrong li").EachIter() {
				unknown = append(unknown, line.Find("bdi").Text())
			}
			if got := strings.Join(unknown, " "); got != "<b>bread nobody hidden" {
				t.Errorf("not known are %q", got)
			}
			if n := doc.Find("tbody tr th[scope=row]").Length(); n != 2 {
				t.Errorf("%d things are shown, want 2", n)
			}
		}
		if _, ok := asked.Load("nobody"); ok {
			t.Error("an account that is not there became a key")
		}
		var got struct{ Value aggregates.WatchedAccounts }
		if err := json.Unmarshal(open("/watch/accounts.json?a=nobody~ben~hidden").Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if v := got.Value; len(v.Accounts) != 1 || v.Accounts[0].ID != "ben" || strings.Join(v.Unknown, "~") != "nobody~hidden" {
			t.Errorf("as JSON: %+v", v)
		}
		for _, address := range []string{"/watch?a=nobody", "/watch?i=nothing", "/watch/accounts?a=nobody"} {
			if w := open(address); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "is not known here") {
				t.Errorf("%s: status %d", address, w.Code)
			}
		}
	})
}

func TestTooLongAListIsRefusedInWords(t *testing.T) {
	var refs []string
	for n := range aggregates.MostWatched + 1 {
		refs = append(refs, "x"+strings.Repeat("y", n))
	}
	many, most := strings.Join(refs, "~"), strings.Join(refs[1:], "~")
	long := url.QueryEscape(strings.Repeat("é", 200))
	var longer []string
	for _, end := range "abcdefghij" {
		longer = append(longer, long+string(end))
	}
	walk(t, samples()["town"], func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		for _, address := range []string{"/watch?i=" + many, "/watch?a=" + many, "/watch/items.json?i=" + many, "/watch/add?what=item&name=ada&i=" + many, "/watch/add?what=item&name=ada&i=" + most} {
			if w := open(address); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "At most 20 items and 20 accounts") {
				t.Errorf("%s: status %d, %.200s", address, w.Code, w.Body)
			}
		}
		if w := open("/watch?i=" + strings.Join(longer, "~")); w.Code != http.StatusRequestURITooLong || !strings.Contains(w.Body.String(), "8 KB") {
			t.Errorf("a long address: status %d", w.Code)
		}
		w := open("/watch?i=" + most + "&a=" + most)
		if doc := parse(t, w.Body.String()); w.Code != http.StatusOK || doc.Find("form.filters").Length() != 0 || !strings.Contains(doc.Find("main").Text(), "20 are the most") {
			t.Errorf("a list of twenty and twenty: status %d, %d forms", w.Code, doc.Find("form.filters").Length())
		}
	})
}

func TestTheFormAddsToAList(t *testing.T) {
	tn := samples()["town"]
	tn.known = func(_ context.Context, ref string) (bool, error) { return ref == "ada" || ref == "50%~", nil }
	tn.find = func(_ context.Context, name string) ([]ledger.Found, error) {
		ben := ledger.Found{Ref: "a1", Name: "Ben"}
		switch name {
		case "ben":
			return []ledger.Found{ben}, nil
		case "both":
			return []ledger.Found{ben, {Ref: "a2", Name: "Ben"}}, nil
		}
		return nil, nil
	}
	walk(t, tn, func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		for query, want := range map[string]string{
			"what=item&name=ada&i=item0&a=carl":                                      "/watch?i=item0~ada&a=carl",
			"what=item&name=ada&i=ada":                                               "/watch?i=ada",
			"name=" + url.QueryEscape("50%~"):                                        "/watch?i=50%2525%257E",
			"what=account&name=+ben+&i=item0":                                        "/watch?i=item0&a=a1",
			"what=item&name=" + url.QueryEscape(sample.Town(30).Items.Items[0].Name): "/watch?i=" + url.QueryEscape(sample.Town(30).Items.Items[0].ID),
		} {
			if w := open("/watch/add?" + query); w.Code != http.StatusSeeOther || w.Header().Get("Location") != want {
				t.Errorf("%s: status %d to %q, want %q", query, w.Code, w.Header().Get("Location"), want)
			}
		}
		w := open("/watch/add?what=account&name=both&i=item0")
		links := parse(t, w.Body.String()).Find("main .choices a")
		if w.Code != http.StatusMultipleChoices || links.Length() != 2 || links.First().AttrOr("href", "") != "/watch?i=item0&a=a1" {
			t.Errorf("two of a name: status %d, %d choices, the first to %q", w.Code, links.Length(), links.First().AttrOr("href", ""))
		}
		for _, query := range []string{"what=account&name=nobody", "what=item&name=zzzz", "what=account&name=", ""} {
			if w := open("/watch/add?" + query); query != "" && w.Code != http.StatusNotFound {
				t.Errorf("%s: status %d", query, w.Code)
			}
		}
	})
}

func TestPagesLeadToAListThatBeginsWithTheirThing(t *testing.T) {
	walk(t, samples()["town"], func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		for address, want := range map[string]string{"/market/items/ada": "/watch?i=ada", "/accounts/ben": "/watch?a=ben"} {
			if got := parse(t, open(address).Body.String()).Find(`main a[href^="/watch"]`).AttrOr("href", ""); got != want {
				t.Errorf("%s leads to %q, want %q", address, got, want)
			}
		}
	})
}
