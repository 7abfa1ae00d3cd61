package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/ledger"
)

// accountAddresses are those of an account, with the escaped ref left out.
var accountAddresses = []string{
	"/accounts/%s", "/accounts/%s?days=7", "/accounts/%s/moves", "/accounts/%s/moves.csv", "/accounts/%s/moves.json?days=all", "/accounts/%s/moves.meta.json",
	"/accounts/%s/statement.csv", "/accounts/%s/statement.json?before=2026-01-01", "/api/v1/accounts/%s?days=90",
}

func TestAMergedAccountIsAtTheAddressOfTheOtherUntilTheMergeIsUndone(t *testing.T) {
	tn := newTown()
	var undone atomic.Bool
	account := tn.account
	tn.account = func(ctx context.Context, w cache.Window, q aggregates.AccountQuery) (*aggregates.Account, error) {
		if q.Account == "old/ada" && !undone.Load() {
			q.Account = "ada:?"
		}
		return account(ctx, w, q)
	}
	walk(t, tn, func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		for range 2 { // cold and warm
			for _, address := range accountAddresses {
				w := open(fmt.Sprintf(address, "old%2Fada"))
				want := fmt.Sprintf(address, "ada:%3F")
				if got := w.Header().Get("Location"); w.Code != http.StatusMovedPermanently || got != want {
					t.Errorf("%s: status %d, to %q, want 301 to %q", address, w.Code, got, want)
				}
				if got := w.Header().Get("Cache-Control"); got != "public, max-age=60" {
					t.Errorf("%s may be kept as %q, want a minute", address, got)
				}
				if strings.Contains(address, ".json") || strings.HasPrefix(address, "/api/") {
					if w.Header().Get("Access-Control-Allow-Origin") != "*" {
						t.Errorf("%s: a script of another site cannot follow", address)
					}
				}
				if w := open(want); w.Code != http.StatusOK {
					t.Errorf("%s: status %d", want, w.Code)
				}
			}
		}
		undone.Store(true)
		time.Sleep(time.Minute)
		for _, address := range accountAddresses {
			open(fmt.Sprintf(address, "old%2Fada")) // the value of the last window, and a refresh begins
		}
		time.Sleep(time.Second)
		for _, address := range accountAddresses {
			if w := open(fmt.Sprintf(address, "old%2Fada")); w.Code != http.StatusOK {
				t.Errorf("%s after the merge was undone: status %d, to %q", address, w.Code, w.Header().Get("Location"))
			}
		}
	})
}

func TestAnAccountIsFoundByAName(t *testing.T) {
	tn := newTown()
	tn.known = func(_ context.Context, ref string) (bool, error) { return strings.HasPrefix(ref, "p:"), nil }
	var looks atomic.Int64
	tn.find = func(_ context.Context, name string) ([]ledger.Found, error) {
		looks.Add(1)
		switch name {
		case "Ada Lovelace":
			return []ledger.Found{{Ref: "p:ada", Name: "Ada King", Kind: ledger.Personal, Former: "Ada Lovelace"}}, nil
		case "Smith":
			var all []ledger.Found
			for i := range 12 {
				all = append(all, ledger.Found{Ref: fmt.Sprint("p:smith/", i), Name: fmt.Sprint("<Smith> ", i), Former: "Smith"})
			}
			return all, nil
		case "lost":
			return nil, errors.New("no database")
		}
		return nil, nil
	}
	walk(t, tn, func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		for _, suffix := range []string{"?days=7", "/moves.json", "/statement.csv"} {
			w := open("/accounts/Ada%20Lovelace" + suffix)
			if got := w.Header().Get("Location"); w.Code != http.StatusFound || got != "/accounts/p:ada"+suffix {
				t.Errorf("a former name%s: status %d, to %q", suffix, w.Code, got)
			}
		}
		w := open("/accounts/Smith")
		links := parse(t, w.Body.String()).Find("main .choices a")
		if href, _ := links.Eq(1).Attr("href"); w.Code != http.StatusNotFound || links.Length() != 10 || href != "/accounts/p:smith%2F1" || links.Eq(1).Text() != "<Smith> 1" {
			t.Errorf("a name of 12 accounts: status %d, %d links, the second to %q", w.Code, links.Length(), href)
		}
		contains(t, w.Body.String(), textSeveral, "p:smith/1, also known as Smith")
		keepsToThePolicy(t, "several accounts", w.Body.String())
		if w := open("/accounts/Smith/moves.json"); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), textSeveral) {
			t.Errorf("a file of a name of 12 accounts: status %d, %s", w.Code, w.Body)
		}
		if w := open("/accounts/zed"); w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), textSeveral) {
			t.Errorf("no name at all: status %d", w.Code)
		}
		if w := open("/accounts/lost"); w.Code != http.StatusServiceUnavailable {
			t.Errorf("without the database: status %d", w.Code)
		}
		if w := open("/api/v1/accounts/Ada%20Lovelace"); w.Code != http.StatusNotFound {
			t.Errorf("a name in the API, which takes ids only: status %d", w.Code)
		}
		before := looks.Load()
		if w := open("/accounts/p:ada"); w.Code != http.StatusOK || looks.Load() != before {
			t.Errorf("a ref: status %d, and names were searched %d times", w.Code, looks.Load()-before)
		}
	})
}

func TestNamesAreSearchedWithinThePlacesOfLookUps(t *testing.T) {
	tn := newTown()
	tn.known = func(context.Context, string) (bool, error) { return false, nil }
	var running, most atomic.Int64
	tn.find = func(context.Context, string) ([]ledger.Found, error) {
		most.Store(max(most.Load(), running.Add(1)))
		defer running.Add(-1)
		time.Sleep(10 * time.Millisecond)
		return nil, nil
	}
	synctest.Test(t, func(t *testing.T) {
		tn.store = cache.NewMemory() // of this bubble
		handler, leave := tn.handler(t)
		defer leave()
		var visitors sync.WaitGroup
		for i := range 50 {
			visitors.Go(func() {
				r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprint("/accounts/nobody", i), http.NoBody)
				handler.ServeHTTP(httptest.NewRecorder(), r)
			})
		}
		visitors.Wait()
		if most.Load() != 3 {
			t.Errorf("%d names were searched at a time, want 3", most.Load())
		}
	})
}

func TestEveryPageHasTheMenuOfTheLedger(t *testing.T) {
	tn := newTown()
	tn.profile = constant[aggregates.NoParams](aggregates.Profile{Transactions: true})
	walk(t, tn, func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		open("/economy") // the profile is known from now on
		for _, address := range []string{"/economy", "/nowhere", "/accounts/nobody", "/about/numbers", "/economy/activity", "/accounts/ada", "/accounts/ada/moves"} {
			doc := parse(t, open(address).Body.String())
			if menu := doc.Find("header.site nav, nav.index").Text(); !strings.Contains(menu, "Economy") || strings.Contains(menu, "Market") {
				t.Errorf("the menu of %s of a ledger without sales is %q", address, menu)
			}
		}
	})
}
