package web

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/sample"
)

// A readFeed is a feed of Atom as a reader takes it.
type readFeed struct {
	XMLName xml.Name `xml:"http://www.w3.org/2005/Atom feed"`
	ID      string   `xml:"id"`
	Title   string   `xml:"title"`
	Updated string   `xml:"updated"`
	Author  string   `xml:"author>name"`
	Links   []struct {
		Rel  string `xml:"rel,attr"`
		Href string `xml:"href,attr"`
	} `xml:"link"`
	Entries []struct {
		ID      string `xml:"id"`
		Title   string `xml:"title"`
		Updated string `xml:"updated"`
		Content string `xml:"content"`
		Link    struct {
			Href string `xml:"href,attr"`
		} `xml:"link"`
	} `xml:"entry"`
}

// readAtom reads a feed and reports what RFC 4287 does not allow.
func readAtom(t *testing.T, w *httptest.ResponseRecorder) readFeed {
	t.Helper()
	var f readFeed
	if err := xml.Unmarshal(w.Body.Bytes(), &f); err != nil {
		t.Fatalf("status %d, %v: %.300s", w.Code, err, w.Body)
	}
	if f.ID == "" || f.Title == "" || f.Author == "" || len(f.Links) != 2 || f.Links[0].Rel != "self" {
		t.Errorf("the feed lacks what it must have: %+v", f)
	}
	ids := map[string]bool{f.ID: true}
	newest := f.Updated
	for _, e := range f.Entries {
		if ids[e.ID] || !strings.HasPrefix(e.ID, "tag:") || strings.ContainsAny(e.ID, " <>\"{}|\\^`") || e.Title == "" || e.Content == "" {
			t.Errorf("a wrong entry: %+v", e)
		}
		ids[e.ID] = true
		if _, err := time.Parse(time.RFC3339, e.Updated); err != nil || e.Updated > newest {
			t.Errorf("%s was updated at %q, %v", e.ID, e.Updated, err)
		}
	}
	if _, err := time.Parse(time.RFC3339, f.Updated); err != nil {
		t.Error(err)
	}
	return f
}

func TestWhatIsWatchedHasAFeed(t *testing.T) {
	walk(t, samples()["town"], func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		page := parse(t, open("/watch?i=item0&a=ben~nobody").Body.String())
		address := page.Find(`link[rel=alternate][type="application/atom+xml"]`).AttrOr("href", "")
		if address != "/watch.atom?i=item0&a=ben~nobody" {
			t.Fatalf("the page leads to %q", address)
		}
		w := open(address)
		f := readAtom(t, w)
		if got := w.Header().Get("Content-Type"); got != "application/atom+xml; charset=utf-8" || w.Code != http.StatusOK {
			t.Errorf("status %d, %s", w.Code, got)
		}
		if f.Links[0].Href != "https://economy.test"+address || f.Links[1].Href != "https://economy.test/watch?i=item0&a=ben~nobody" {
			t.Errorf("its links are %+v", f.Links)
		}
		if len(f.Entries) != 4 || f.Updated != "2026-11-20T00:00:00Z" {
			t.Fatalf("%d entries, the newest of %s", len(f.Entries), f.Updated)
		}
		if e := f.Entries[0]; e.ID != "tag:economy.test,2026:watch/item/item0/price/2026-11-19" || strings.ReplaceAll(e.Title, "\u00a0", " ") != "item0 is 12.3 % dearer than a day before: ₤412.00 a piece" || e.Link.Href != "https://economy.test/market/items/item0" {
			t.Errorf("the first entry is %+v", e)
		}
		if e := f.Entries[2]; e.Title != "ben received ₤50,000.00, 12 times as much as usual" || !strings.Contains(e.Content, "16 Nov 2026") {
			t.Errorf("the third entry is %+v", e)
		}

		var doc struct {
			Version string
			Home    string `json:"home_page_url"`
			Items   []struct {
				ID, URL   string
				Published time.Time `json:"date_published"`
			}
		}
		if err := json.Unmarshal(open(strings.Replace(address, ".atom", ".json", 1)).Body.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		if doc.Version != "https://jsonfeed.org/version/1.1" || doc.Home != f.Links[1].Href || len(doc.Items) != 4 || doc.Items[0].ID != f.Entries[0].ID || doc.Items[0].Published.IsZero() {
			t.Errorf("as JSON: %+v", doc)
		}
		if n := len(readAtom(t, open("/watch.atom")).Entries); n != 0 {
			t.Errorf("a list of nothing has %d entries", n)
		}
	})
}

// Feeds are asked for often: an answer says for how long it is good, and after that
// costs no bytes.
func TestAFeedIsKeptUntilItIsDue(t *testing.T) {
	tn := samples()["town"]
	walk(t, tn, func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		w := open("/watch.atom?i=item0")
		if got := w.Header().Get("Cache-Control"); !strings.HasPrefix(got, "public, max-age=") || w.Header().Get("Etag") == "" {
			t.Errorf("Cache-Control %q, ETag %q", got, w.Header().Get("Etag"))
		}
		if again := open("/watch.atom?i=item0"); again.Header().Get("Etag") != w.Header().Get("Etag") {
			t.Error("the same feed has another tag")
		}
	})
}

func TestAFeedEscapesWhateverALedgerSays(t *testing.T) {
	tn := samples()["town"]
	const hostile = "<script>alert(1)</script>\x01\x1f]]>&\u202e\uffff \"'"
	tn.news = func(_ context.Context, _ cache.Window, q aggregates.NewsQuery) (*aggregates.News, error) {
		v := sample.News(q)
		for n := range v.Entries {
			v.Entries[n].Name = hostile
		}
		return v, nil
	}
	walk(t, tn, func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		f := readAtom(t, open("/watch.atom?i=%3Cb%3E%20%22%26&a=b%0Ab"))
		if len(f.Entries) != 4 || !strings.HasPrefix(f.Entries[0].Title, "<script>alert(1)</script>") {
			t.Errorf("%d entries: %+v", len(f.Entries), f.Entries)
		}
		if !json.Valid(open("/watch.json?i=%3Cb%3E%20%22%26").Body.Bytes()) {
			t.Error("not JSON")
		}
	})
}

func TestWhatIsNotableHasAFeedThatEveryPageLeadsTo(t *testing.T) {
	walk(t, samples()["town"], func(open func(string) *httptest.ResponseRecorder, pages []*page) {
		for _, p := range pages {
			if got := parse(t, open(p.address()).Body.String()).Find(`link[rel=alternate][href="/feeds/events.atom"]`).Length(); got != 1 {
				t.Errorf("%s leads to it %d times", p.address(), got)
			}
		}
		f := readAtom(t, open("/feeds/events.atom"))
		var titles []string
		for _, e := range f.Entries {
			titles = append(titles, strings.ReplaceAll(e.Title, "\u00a0", " "))
		}
		for _, want := range []string{
			"City Treasury paid ₤312,500.00 to several personal accounts, the largest transfer of a year",
			"Diamond costs ₤412.00 a piece, more than on any day of a year",
			"Richest tenth: good before, now to be watched",
		} {
			if !slices.Contains(titles, want) {
				t.Errorf("%q is not among %q", want, titles)
			}
		}
		if f.ID != "tag:economy.test,2026:feeds/events" || !strings.HasPrefix(f.Entries[0].ID, "tag:economy.test,2026:feeds/events/") {
			t.Errorf("ids %s, %s", f.ID, f.Entries[0].ID)
		}
		if !strings.Contains(open("/feeds/events.json").Body.String(), `"version":"https://jsonfeed.org/version/1.1"`) {
			t.Error("not a JSON feed")
		}
	})
}
