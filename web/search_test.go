package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"exchequer/ledger"
)

// asking is a record that answers for the search.
type asking struct {
	record
	search func(ctx context.Context, text string) (*ledger.Hits, error)
}

func (a asking) Search(ctx context.Context, text string) (*ledger.Hits, error) {
	return a.search(ctx, text)
}

func searching(search func(ctx context.Context, text string) (*ledger.Hits, error)) *town {
	tn := newTown()
	tn.change = func(d *Deps) { d.Record = asking{record{tn.statement, tn.find}, search} }
	return tn
}

func someHits(context.Context, string) (*ledger.Hits, error) {
	x := int64(1)
	return &ledger.Hits{Groups: []ledger.HitGroup{
		{What: ledger.HitAccounts, More: true, Hits: []ledger.Hit{
			{Ref: "a/b?", Name: `<script>alert("1")</script>`, Said: "Old Name", Kind: ledger.Business, Match: ledger.MatchBegins, Gone: true}}},
		{What: ledger.HitHolders, Hits: []ledger.Hit{{Ref: "u", Name: "Wayland", Account: "p-7", Accounts: 3, Match: ledger.MatchBegins}}},
		{What: ledger.HitItems, More: true, Hits: []ledger.Hit{{Ref: "minecraft:bread", Name: "Bread", Note: "Food", Match: ledger.MatchContains}}},
		{What: ledger.HitShops, More: true, Hits: []ledger.Hit{{Ref: "s-1", Owner: "Ada", World: "overworld", Match: ledger.MatchContains}}},
		{What: ledger.HitPlaces, Hits: []ledger.Hit{{Name: "Old Harbour", World: "overworld", X: &x, Z: &x, Note: "town", Match: ledger.MatchContains}}},
		{What: ledger.HitTransactions, More: true, Hits: []ledger.Hit{{Ref: "t/1", Origin: "town", Name: "for\nbread", Source: "trade", At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Match: ledger.MatchContains}}},
	}}, nil
}

func TestTheSearchShowsWhatATextMayMean(t *testing.T) {
	server := searching(someHits).start(t)
	res, body := ask(t, "GET", server.URL+"/search?q=a%26b", "Accept", "text/html")
	if res.StatusCode != http.StatusOK {
		t.Fatalf("status %d", res.StatusCode)
	}
	doc := parse(t, body)
	links := doc.Find("main .panels a").Map(func(_ int, a *goquery.Selection) string {
		return strings.Join(strings.Fields(a.Parent().Text()), " ") + " " + a.AttrOr("href", "")
	})
	want := []string{
		"all accounts /accounts?q=a%26b&population=all",
		`<script>alert("1")</script> business · also known as Old Name · archived /accounts/a%2Fb%3F`,
		"Wayland 3 accounts /holders/u",
		"all items /market/items?q=a%26b",
		"Bread Food /market/items/minecraft:bread",
		"s-1 Ada · overworld /market/shops/s-1",
		"Old Harbour town · overworld /market/shops?near=Old+Harbour&world=overworld",
		"all transactions /transactions?text=a%26b",
		"for bread 1 Mar 2026 12:00 · trade /transactions/town/t%2F1",
	}
	if strings.Join(links, "\n") != strings.Join(want, "\n") {
		t.Errorf("links are\n%s\nwant\n%s", strings.Join(links, "\n"), strings.Join(want, "\n"))
	}
	if strings.Contains(body, "<script>alert") {
		t.Error("a name is not escaped")
	}
	doc.Find("form.find input").Each(func(_ int, input *goquery.Selection) {
		if input.AttrOr("value", "") != "a&b" {
			t.Errorf("a field has %q", input.AttrOr("value", ""))
		}
	})
	_, body = ask(t, "GET", server.URL+"/search.json?q=x")
	var d searchDocument
	if err := json.Unmarshal([]byte(body), &d); err != nil || d.Query != "x" || len(d.Groups) != 6 || d.Groups[2].Hits[0].Address != "/market/items/minecraft:bread" || d.Groups[2].Hits[0].Match != "contains" {
		t.Errorf("JSON is %s, %v", body, err)
	}
	if strings.Contains(body, "null") {
		t.Errorf("JSON has null: %s", body)
	}
}

// Every page has the search in its head, which needs no script.
func TestEveryPageHasTheSearch(t *testing.T) {
	server := newTown().start(t)
	for _, path := range []string{"/", "/market", "/items", "/about/numbers", "/nowhere", "/search"} {
		_, body := ask(t, "GET", server.URL+path, "Accept", "text/html")
		form := parse(t, body).Find("header.site > .wrap > form.find")
		if form.AttrOr("action", "") != "/search" || form.AttrOr("method", "get") != "get" || form.Find("input[name=q]").Length() != 1 {
			t.Errorf("%s has no search", path)
		}
	}
}

func TestWhatIsFoundExactlyIsGoneTo(t *testing.T) {
	exact := func(what, ref, account string) ledger.HitGroup {
		return ledger.HitGroup{What: what, Hits: []ledger.Hit{
			{Ref: ref, Name: ref, Account: account, Accounts: 2, Kind: ledger.Personal, Origin: "town"}, {Ref: ref + "-2", Account: "z", Accounts: 1, Match: ledger.MatchBegins}}}
	}
	for what, c := range map[string]struct {
		groups []ledger.HitGroup
		want   string
	}{
		"an item":                       {[]ledger.HitGroup{exact(ledger.HitItems, "minecraft:bread", "")}, "/market/items/minecraft:bread"},
		"a transaction":                 {[]ledger.HitGroup{exact(ledger.HitTransactions, "a/b", "")}, "/transactions/town/a%2Fb"},
		"an account and its holder":     {[]ledger.HitGroup{exact(ledger.HitAccounts, "ann", ""), exact(ledger.HitHolders, "ann", "ann")}, "/accounts/ann"},
		"an account and an item":        {[]ledger.HitGroup{exact(ledger.HitAccounts, "ann", ""), exact(ledger.HitItems, "ann", "")}, ""},
		"an account named by dots":      {[]ledger.HitGroup{exact(ledger.HitAccounts, "..", "")}, "/accounts/~.."},
		"an account like another place": {[]ledger.HitGroup{exact(ledger.HitAccounts, "//evil.example", "")}, "/accounts/%2F%2Fevil.example"},
	} {
		server := searching(func(context.Context, string) (*ledger.Hits, error) { return &ledger.Hits{Groups: c.groups}, nil }).start(t)
		res, _ := ask(t, "GET", server.URL+"/search?q=x", "Accept", "text/html")
		if got := res.Header.Get("Location"); got != c.want || (got != "") != (res.StatusCode == http.StatusFound) {
			t.Errorf("%s: %d %q, want %q", what, res.StatusCode, got, c.want)
		}
		if res, _ := ask(t, "GET", server.URL+"/search.json?q=x"); res.StatusCode != http.StatusOK {
			t.Errorf("%s: JSON answers %d", what, res.StatusCode)
		}
	}
}

// Texts that no ledger has are looked for nowhere, and long ones by their beginning.
func TestHostileTextsAreSearchedFor(t *testing.T) {
	var asked atomic.Pointer[string]
	server := searching(func(_ context.Context, text string) (*ledger.Hits, error) {
		asked.Store(&text)
		return &ledger.Hits{}, nil
	}).start(t)
	for text, want := range map[string]string{
		"": "", "  ": "", "a\x00b": "", "\xff\xfe": "", " a ": "a", "<b>": "<b>", "\u202egnp": "\u202egnp", "'; DROP TABLE accounts; --": "'; DROP TABLE accounts; --",
		strings.Repeat("é", 700): strings.Repeat("é", 256), "x" + strings.Repeat("é", 700): "x" + strings.Repeat("é", 255), "line\nbreak": "line\nbreak",
	} {
		none := ""
		asked.Store(&none)
		res, body := ask(t, "GET", server.URL+"/search?q="+url.QueryEscape(text), "Accept", "text/html")
		if got := *asked.Load(); res.StatusCode != http.StatusOK || got != want {
			t.Errorf("%.20q: status %d, looked for %.20q", text, res.StatusCode, got)
		}
		if strings.Contains(body, "<b>b") || strings.Contains(parse(t, body).Find("main p").Text(), "\u202e") {
			t.Errorf("%.20q is shown as it is", text)
		}
	}
}

// A search that fails, or finds all its places taken, is said to be tried again.
func TestASearchLeavesPlacesForLists(t *testing.T) {
	release := make(chan struct{})
	var running, most atomic.Int64
	tn := searching(func(ctx context.Context, text string) (*ledger.Hits, error) {
		if text == "broken" {
			return nil, errors.New("no database")
		}
		if n := running.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer running.Add(-1)
		<-release
		return &ledger.Hits{}, nil
	})
	server := tn.start(t)
	if res, _ := ask(t, "GET", server.URL+"/search?q=broken", "Accept", "text/html"); res.StatusCode != http.StatusInternalServerError {
		t.Errorf("a broken search answers %d", res.StatusCode)
	}
	done := make(chan int)
	texts := []string{"a", "b", "c", "d", "e"}
	for _, text := range texts {
		go func() {
			res, _ := ask(t, "GET", server.URL+"/search.json?q="+text)
			done <- res.StatusCode
		}()
	}
	var codes []int
	for range len(texts) - searchPlaces {
		codes = append(codes, <-done)
	}
	for _, code := range codes {
		if code != http.StatusServiceUnavailable && code != http.StatusTooManyRequests {
			t.Errorf("a search without a place answers %d", code)
		}
	}
	if most.Load() != searchPlaces {
		t.Errorf("%d searches ran at once", most.Load())
	}
	close(release)
	for range searchPlaces {
		if code := <-done; code != http.StatusOK {
			t.Errorf("a search with a place answers %d", code)
		}
	}
}
