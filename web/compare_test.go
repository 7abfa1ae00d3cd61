package web

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/sample"
	"exchequer/ledger"
)

func TestComparisonsAreAsApproved(t *testing.T) {
	approved(t, map[string]string{
		"compare-index":       "/compare?s=item:ada~supply~account:ben&as=index",
		"compare-values":      "/compare?s=supply~item:ada~source:tax&days=90",
		"compare-together":    "/compare?s=source:tax~sold:ada~source:shop&scale=log",
		"compare-heads":       "/compare?s=supply~source:tax&as=head&population=all&days=all",
		"compare-six":         "/compare?s=supply~holders~gini~top10~item:ada~account:ben&as=index&scale=log&days=365",
		"panel-compare-index": "/compare/chart?s=item:ada~supply&as=index",
	})
}

// approved compares addresses with files of pages, by name.
func approved(t *testing.T, addresses map[string]string) {
	t.Helper()
	hashed := regexp.MustCompile(`(/static/[a-z/]+)[.-][0-9a-f]{6,}(\.[a-z]+)`)
	walk(t, samples()["town"], func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		for name, address := range addresses {
			w := open(address)
			got := strings.ReplaceAll(hashed.ReplaceAllString(w.Body.String(), "$1$2"), "><", ">\n<") + "\n"
			keepsToThePolicy(t, address, w.Body.String())
			if n := zipped(t, w.Body.Bytes()); n > 30<<10 {
				t.Errorf("%s: %d bytes of gzip, at most 30 KB", address, n)
			}
			path := filepath.Join("testdata", name+".html")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-approved +drawn), -update approves it:\n%.3000s", name, diff)
			}
		}
	})
}

func TestTheAddressOfAComparisonIsItsWholeState(t *testing.T) {
	walk(t, samples()["town"], func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		doc := parse(t, open("/compare?days=90&as=index&s=supply~item:ada~supply~source:tax&scale=log").Body.String())
		if got, want := doc.Find("link[rel=canonical]").AttrOr("href", ""), "https://economy.test/compare?s=supply~item:ada~source:tax&as=index&scale=log&days=90"; got != want {
			t.Errorf("canonical %q, want %q", got, want)
		}
		if got, want := doc.Find("a.remove").Eq(1).AttrOr("href", ""), "/compare?s=supply~source:tax&as=index&scale=log&days=90"; got != want {
			t.Errorf("the item is removed by %q, want %q", got, want)
		}
		if got, want := doc.Find("#chart .tools a").Eq(1).AttrOr("href", ""), "/compare/chart.csv?s=supply~item:ada~source:tax&as=index&scale=log&days=90"; got != want {
			t.Errorf("the file is at %q, want %q", got, want)
		}
		hidden := map[string]string{}
		for _, input := range doc.Find("form.filters input[type=hidden]").EachIter() {
			hidden[input.AttrOr("name", "")] = input.AttrOr("value", "")
		}
		if diff := cmp.Diff(map[string]string{"s": "supply~item:ada~source:tax", "as": "index", "scale": "log", "days": "90"}, hidden); diff != "" {
			t.Errorf("the form carries (-want +got):\n%s", diff)
		}
	})
}

// Numbers of different units never share an axis.
func TestUnitsAreNotMixed(t *testing.T) {
	walk(t, samples()["town"], func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		for address, want := range map[string][2]int{ // charts with two lines or more, and charts
			"/compare?s=supply~holders":             {0, 2},
			"/compare?s=supply~holders&as=index":    {1, 3},
			"/compare?s=supply~account:ben":         {1, 3},
			"/compare?s=supply~item:ada~source:tax": {0, 3},
			"/compare?s=source:tax~sold:ada":        {1, 3},
			"/compare?s=item:ada~sold:ada&as=head":  {0, 2},
			"/compare?s=gini":                       {0, 1},
		} {
			charts := parse(t, open(address).Body.String()).Find("#chart svg.chart")
			mixed := 0
			for _, chart := range charts.EachIter() {
				if chart.Find("path.line").Length() > 1 {
					mixed++
				}
			}
			if mixed != want[0] || charts.Length() != want[1] {
				t.Errorf("%s: %d charts, %d of them with several lines, want %v", address, charts.Length(), mixed, want)
			}
		}
	})
}

func TestALogarithmicScaleSaysWhenItCannotBe(t *testing.T) {
	const sentence = "values of zero or below"
	walk(t, samples()["town"], func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		for address, want := range map[string]bool{
			"/compare?s=source:tax&scale=log":          true,
			"/compare?s=source:tax":                    false,
			"/compare?s=supply&scale=log":              false,
			"/compare?s=account:ben&scale=log&days=30": true, // owes something in the end
			"/compare?s=supply~gini&scale=log":         false,
		} {
			if got := strings.Contains(open(address).Body.String(), sentence); got != want {
				t.Errorf("%s says that it cannot be: %v, want %v", address, got, want)
			}
		}
	})
}

func TestAComparisonSaysOnlyWhatItsNumbersBear(t *testing.T) {
	walk(t, samples()["town"], func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		for address, want := range map[string]string{
			"/compare?s=item:ada~supply&as=index":  "Diamond’s price rose 11.9 % from 22 Oct 2026 to 19 Nov 2026, while the money supply rose 3.7 %.",
			"/compare?s=supply~item:ada":           "The money supply rose 3.7 % from 22 Oct 2026 to 19 Nov 2026, while Diamond’s price rose 11.9 %.",
			"/compare?s=gini":                      "The Gini rose from 0.638 to 0.642 from 22 Oct 2026 to 19 Nov 2026.",
			"/compare?s=supply~source:tax":         "The money supply rose 3.7 % from 22 Oct 2026 to 19 Nov 2026.",
			"/compare?s=source:tax~supply":         "Numbers of Port Exchequer side by side: money, holders, inequality, prices, sources and accounts.",
			"/compare?s=supply~item:ada&as=head":   "Numbers of Port Exchequer side by side: money, holders, inequality, prices, sources and accounts.",
			"/compare?s=account:ben~supply&days=7": "Numbers of Port Exchequer side by side: money, holders, inequality, prices, sources and accounts.",
		} {
			got := strings.ReplaceAll(strings.TrimSpace(parse(t, open(address).Body.String()).Find(".lede").Text()), "\u00a0", " ")
			if got != want {
				t.Errorf("%s says %q, want %q", address, got, want)
			}
		}
	})
}

func TestAComparisonOfNothingOffersSome(t *testing.T) {
	walk(t, samples()["town"], func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		links := parse(t, open("/compare?days=90").Body.String()).Find(".choices a")
		if links.Length() != 3 {
			t.Fatalf("%d ready comparisons", links.Length())
		}
		for _, link := range links.EachIter() {
			address := link.AttrOr("href", "")
			w := open(address)
			if n := parse(t, w.Body.String()).Find(".compared li").Length(); w.Code != http.StatusOK || n < 2 || !strings.Contains(address, "days=90") {
				t.Errorf("%s: status %d, %d series", address, w.Code, n)
			}
		}
	})
}

func TestTooManySeriesAreRefusedInWords(t *testing.T) {
	seven := "/compare?s=supply~holders~gini~top10~item:a~item:b~item:c"
	walk(t, samples()["town"], func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		for _, address := range []string{seven, strings.Replace(seven, "?", "/chart.json?", 1), strings.Replace(seven, "?", "/chart.csv?", 1), seven + "~item:d~item:e", strings.Replace(seven, "?", "/add?kind=item&name=ada&", 1)} {
			if w := open(address); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "At most 6 series can be compared.") {
				t.Errorf("%s: status %d, %.200s", address, w.Code, w.Body)
			}
		}
		if n := parse(t, open(strings.TrimSuffix(seven, "~item:c")).Body.String()).Find("form.filters").Length(); n != 0 {
			t.Error("a comparison of six offers to add another")
		}
	})
}

func TestWhatIsNotThereIsNotCompared(t *testing.T) {
	tn := samples()["town"]
	series := tn.series
	tn.series = func(ctx context.Context, w cache.Window, q aggregates.SeriesQuery) (*aggregates.Series, error) {
		if q.Ref == "hidden" {
			return nil, nil
		}
		return series(ctx, w, q)
	}
	walk(t, tn, func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		for _, s := range []string{"item:nobody", "sold:nobody", "source:nobody", "account:nobody", "account:hidden", "supply~account:hidden"} {
			for _, address := range []string{"/compare?s=" + s, "/compare/chart?s=" + s, "/compare/chart.json?as=index&s=" + s, "/compare/chart.csv?s=" + s, "/compare/chart.meta.json?s=" + s} {
				for range 2 { // cold and warm
					if w := open(address); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "The ledger knows no ") {
						t.Errorf("%s: status %d, %.200s", address, w.Code, w.Body)
					}
				}
			}
		}
	})
}

func TestTheFormAddsASeries(t *testing.T) {
	tn := samples()["town"]
	tn.known = func(_ context.Context, ref string) (bool, error) { return ref == "ada" || ref == "tax~%&", nil }
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
			"kind=item&name=ada&s=supply&as=index&days=7":                            "/compare?s=supply~item:ada&as=index&days=7",
			"kind=sold&name=+ada+":                                                   "/compare?s=sold:ada",
			"kind=holders&s=supply":                                                  "/compare?s=supply~holders",
			"kind=source&name=" + url.QueryEscape("tax~%&"):                          "/compare?s=source:tax%257E%2525%26",
			"kind=account&name=ben":                                                  "/compare?s=account:a1",
			"kind=supply&name=whatever&s=supply":                                     "/compare?s=supply",
			"kind=item&name=" + url.QueryEscape(sample.Town(30).Items.Items[0].Name): "/compare?s=item:" + url.QueryEscape(sample.Town(30).Items.Items[0].ID),
		} {
			if w := open("/compare/add?" + query); w.Code != http.StatusSeeOther || w.Header().Get("Location") != want {
				t.Errorf("%s: status %d to %q, want %q", query, w.Code, w.Header().Get("Location"), want)
			}
		}
		for query, want := range map[string]int{"kind=account&name=both&s=supply": 2, "kind=account&name=nobody": 0, "kind=item&name=zzzz": 0, "kind=nonsense&name=ada": 0, "kind=account&name=": 0, "kind=item&name=": 10, "": 0} {
			w := open("/compare/add?" + query)
			links := parse(t, w.Body.String()).Find("main .choices a")
			code, title := http.StatusNotFound, "Page not found"
			if want > 0 {
				code, title = http.StatusMultipleChoices, "Which one?"
			}
			if got := parse(t, w.Body.String()).Find("h1").Text(); w.Code != code || got != title || w.Header().Get("Location") != "" {
				t.Errorf("%s: status %d, titled %q, want %d, %q", query, w.Code, got, code, title)
			}
			if links.Length() != want {
				t.Errorf("%s: %d choices, want %d", query, links.Length(), want)
			}
			if href := links.First().AttrOr("href", ""); want == 2 && href != "/compare?s=supply~account:a1" {
				t.Errorf("the first choice leads to %q", href)
			}
		}
	})
}

func TestTheNumbersOfAComparisonAreInItsFiles(t *testing.T) {
	walk(t, samples()["town"], func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		rows := strings.Split(strings.TrimSpace(open("/compare/chart.csv?s=supply~item:ada~holders~top10&days=7").Body.String()), "\r\n")
		if want := `First day,Last day,Money supply (₤),"Diamond, price, minor units",Holders,Share of the richest tenth (share of 1)`; len(rows) != 7 || rows[0] != want {
			t.Errorf("%d rows under %s", len(rows), rows[0])
		}
		if want := "2026-11-14,2026-11-14,7900000.00,36500,2200,0.36"; rows[1] != want {
			t.Errorf("the first row is %s, want %s", rows[1], want)
		}
		var got struct {
			Value aggregates.Comparison
		}
		if err := json.Unmarshal(open("/compare/chart.json?s=supply&as=index&days=7").Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if s := got.Value.Series[0]; len(s.Values) != 6 || *s.Values[0] != 100 || s.Unit != aggregates.UnitIndex {
			t.Errorf("as JSON: %+v", s)
		}
	})
}

// FuzzCompare asks for comparisons of anything: no answer is a failure of the server,
// and only what there is becomes a key.
func FuzzCompare(f *testing.F) {
	for _, query := range []string{"", "s=supply~item:ada&as=index&scale=log&days=90", "s=~~~:::~item:~item:%25", "s=item%3A%FF~source:%00&days=-1&as=%", "s=account:nobody", "kind=item&name=dia&s=gini",
		"s=item:" + strings.Repeat("a", 600), strings.Repeat("s=supply~", 2000), "s=supply&s=holders&population=all", "name=%ff&kind=account", "s=item:a%257Eb~top10:x"} {
		f.Add(query)
	}
	tn := samples()["town"]
	var asked sync.Map
	tn.series = func(_ context.Context, _ cache.Window, q aggregates.SeriesQuery) (*aggregates.Series, error) {
		asked.Store(q, true)
		return sample.Series(q), nil
	}
	tn.known = func(_ context.Context, ref string) (bool, error) { return ref == "ada" || ref == "a~b", nil }
	handler, leave := tn.handler(f)
	f.Cleanup(leave)
	f.Fuzz(func(t *testing.T, query string) {
		for _, path := range []string{"/compare", "/compare/add", "/compare/chart", "/compare/chart.csv", "/compare/chart.json", "/compare/chart.meta.json"} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
			r.URL.RawQuery = query
			r.Header.Set("Accept", "text/html")
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code >= http.StatusInternalServerError {
				t.Errorf("%s?%s: status %d", path, query, w.Code)
			}
		}
		asked.Range(func(key, _ any) bool {
			q := key.(aggregates.SeriesQuery)
			if !slices.Contains(aggregates.SeriesKinds(), q.Kind) || !slices.Contains(aggregates.AllDays(), q.Days) || !slices.Contains(aggregates.Populations(), q.Population) ||
				q.Kind.HasRef() != (q.Ref != "") || q.Ref != "" && q.Ref != "ada" && q.Ref != "a~b" {
				t.Errorf("%s: %q became a key", query, q.Key())
			}
			return true
		})
	})
}

func TestASeriesThatThereCannotBeIsRefused(t *testing.T) {
	walk(t, samples()["town"], func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		for _, query := range []string{"s=supply~nonsense", "s=item:%FF", "s=item:", "s=supply~item:" + strings.Repeat("a", 600)} {
			for _, path := range []string{"/compare?", "/compare/chart.json?", "/compare/chart.csv?"} {
				if w := open(path + query); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "a series that there cannot be") {
					t.Errorf("%s%.40s: %d %.300s", path, query, w.Code, w.Body)
				}
			}
		}
	})
}
