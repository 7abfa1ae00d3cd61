package web

import (
	"context"
	"encoding/json"
	"fmt"
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

// hostile are names and refs that must not become anything else.
var hostile = []string{
	"a/b/c", "..", ".", "~.", "~~..", "~", "~x", "...", "summary", "list.csv", "summary.json", "<script>alert(1)</script>", `"><svg onload=x>`, "شارع\u202egnp.exe", "two\nlines\r\n", "=HYPERLINK(1)", "%2F%00", "?a=b#c", "emoji 🪵", strings.Repeat("long ", 100),
}

func hostileItems() (*town, map[string]bool) {
	e := sample.Town(30)
	e.Items.Items = e.Items.Items[:0]
	for _, name := range hostile {
		e.Items.Items = append(e.Items.Items, aggregates.ListedItem{PricedItem: aggregates.PricedItem{ID: name, Name: name, Price: aggregates.Price{Confidence: aggregates.None}}})
	}
	tn := sampled(e)
	var asked sync.Mutex
	seen := map[string]bool{}
	tn.item = func(_ context.Context, _ cache.Window, q aggregates.ItemQuery) (*aggregates.Item, error) {
		asked.Lock()
		defer asked.Unlock()
		seen[q.Item] = true
		i := *e.Item
		i.ID, i.Name = q.Item, q.Item
		i.Offers.Selling = []aggregates.ShopOffer{i.Offers.Selling[0]}
		i.Offers.Selling[0].Place, i.Offers.Selling[0].OwnerName = q.Item, q.Item
		return &i, nil
	}
	return tn, seen
}

func TestHostileItemsAreFoundAndAreText(t *testing.T) {
	tn, seen := hostileItems()
	walk(t, tn, func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		doc := parse(t, open("/market/items").Body.String())
		links := map[string]string{}
		for _, a := range doc.Find("#list tbody th a").EachIter() {
			links[a.Text()] = a.AttrOr("href", "")
		}
		if len(links) != len(hostile) {
			t.Errorf("the list shows %d items, want %d", len(links), len(hostile))
		}
		for _, name := range hostile {
			href := links[name]
			if href == "" {
				href = links[strings.ReplaceAll(name, "\r\n", "\n")] // as HTML reads it
			}
			for part := range strings.SplitSeq(href, "/") {
				if plain, _ := url.PathUnescape(part); plain == "." || plain == ".." {
					t.Errorf("%.40q: browsers resolve %s", name, href)
				}
			}
			for _, suffix := range []string{"", "/price", "/figures.json", "/buy.csv", "/sellers.json", "/latest.json", "/latest.csv"} {
				w := open(href + suffix)
				if w.Code != http.StatusOK {
					t.Errorf("%.40q: %s%s: status %d", name, href, suffix, w.Code)
				}
				switch {
				case strings.HasSuffix(suffix, ".json"):
					if !json.Valid(w.Body.Bytes()) {
						t.Errorf("%.40q: %s is no JSON", name, suffix)
					}
				case !strings.HasSuffix(suffix, ".csv"):
					keepsToThePolicy(t, href+suffix, w.Body.String())
					if n := parse(t, w.Body.String()).Find("main script, svg[onload], [onload]").Length(); n > 0 {
						t.Errorf("%.40q: %d elements came from it", name, n)
					}
				}
			}
			if !seen[name] {
				t.Errorf("%.40q: its page asks for another item", name)
			}
			if csv := open(href + "/buy.csv").Body.String(); strings.Contains(csv, "\n=HYPERLINK") || strings.Count(csv, "\r\n") != 2 {
				t.Errorf("%.40q: the file is %q", name, csv)
			}
		}
	})
}

func TestUnknownItemsAreNotFound(t *testing.T) {
	tn := sampled(sample.Town(30))
	looked := 0
	tn.known = func(_ context.Context, ref string) (bool, error) { looked++; return ref == "ada", nil }
	walk(t, tn, func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		for _, ref := range []string{"nothing", "<b>", strings.Repeat("x", 10_000), "\xff", "a\x00b"} {
			for _, suffix := range []string{"", "/price", "/price.json", "/latest.csv"} {
				if w := open("/market/items/" + url.PathEscape(ref) + suffix); w.Code != http.StatusNotFound {
					t.Errorf("%.20q%s: status %d", ref, suffix, w.Code)
				}
			}
		}
		if looked > 8 {
			t.Errorf("%d look-ups, want one for each ref that may be, and page", looked)
		}
	})
}

// What is at a fixed address below the list must be reserved, or the item with that
// ref would have no page.
func TestNothingStandsInTheWayOfAnItem(t *testing.T) {
	for _, p := range newTown().declared(t) {
		if p.exists == nil {
			continue
		}
		parent := strings.TrimSuffix(p.Path, "{ref}")
		reserved := map[string]bool{}
		for _, ref := range p.Reserved {
			reserved[ref] = true
		}
		for _, other := range newTown().declared(t) {
			if other.Path+"/" != parent {
				continue
			}
			names := []string{}
			for _, panel := range other.panels {
				names = append(names, panel.Name, panel.Name+".csv", panel.Name+".json", panel.Name+".meta.json")
			}
			if other.list != nil {
				names = append(names, other.list.Name+".csv", other.list.Name+".json")
			}
			for _, name := range names {
				if !reserved[name] {
					t.Errorf("%s is an address of %s, and is not reserved", name, other.Path)
				}
			}
		}
	}
}

func TestTheListOfItemsIsFilteredSortedAndFollowed(t *testing.T) {
	walk(t, sampled(sample.Town(30)), func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		rows := func(address string) (names []string, next string) {
			doc := parse(t, open(address).Body.String())
			for _, a := range doc.Find("#list tbody th a").EachIter() {
				names = append(names, a.Text())
			}
			next, _, _ = strings.Cut(doc.Find("#list nav a[rel~=next]").AttrOr("href", ""), "#")
			return names, next
		}
		first, next := rows("/market/items?sort=name")
		second, end := rows(next)
		if len(first) != listRows || len(second) != 12 || end != "" {
			t.Errorf("%d items and %d, then %q, want 50 and 12, and nothing", len(first), len(second), end)
		}
		for suffix, want := range map[string]string{"?after=gone": "Begin with its first rows", "/list.json?after=gone": "Begin with its first rows", "/list.csv?after=gone": "Begin with its first rows"} {
			if w := open("/market/items" + suffix); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: status %d, want one that ends the loop of a program, and what to do", suffix, w.Code)
			}
		}
		if found, _ := rows("/market/items?q=DIAM"); len(found) != 1 || found[0] != "Diamond" {
			t.Errorf("searching for diam finds %q", found)
		}
		if found, _ := rows("/market/items?q=" + url.QueryEscape(strings.Repeat("<x>", 4000))); len(found) != 0 {
			t.Errorf("a hostile text finds %q", found)
		}
		if stocked, _ := rows("/market/items?stock=yes&sold=yes&price=firm"); len(stocked) != 20 {
			t.Errorf("%d items with a firm price in stock, want 20", len(stocked))
		}
		canonical := parse(t, open("/market/items?sold=1&days=30&sort=value&q=++&junk=1").Body.String()).Find("link[rel=canonical]").AttrOr("href", "")
		if canonical != "https://economy.test/market/items?sold=yes" {
			t.Errorf("the canonical address is %s", canonical)
		}
		note := parse(t, open("/market/items/ada").Body.String()).Find("h1 small").Text()
		if note != "3rd of 60\u00a0items by value" {
			t.Errorf("beside the name stands %q", note)
		}
	})
}

// A page of the list of 5,000 items, each time with another text, as a crawler of
// searches asks.
func BenchmarkItemsPage(b *testing.B) {
	e := sample.Town(30)
	some := e.Items.Items[:60]
	e.Items.Items = nil
	for n := range 5000 {
		i := some[n%len(some)]
		i.ID, i.Name, i.Volume = fmt.Sprint("i", n), fmt.Sprint("Item ", n), ledger.SumOf(int64(10_000-n))
		e.Items.Items = append(e.Items.Items, i)
	}
	handler, leave := sampled(e).handler(b)
	defer leave()
	n := 0
	for b.Loop() {
		n++
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, fmt.Sprintf("/market/items?sort=rise&q=item+%d", n%10), http.NoBody))
		if w.Code != http.StatusOK {
			b.Fatalf("status %d", w.Code)
		}
	}
}
