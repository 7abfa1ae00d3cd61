package web

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// bazaar is a site over a ledger in which apples were sold on many days until an hour
// ago, pears three days ago, and plums never.
func bazaar(t *testing.T) (server *httptest.Server, last time.Time) {
	t.Helper()
	db := testkit.Postgres(t)
	last = time.Now().UTC().Truncate(time.Hour).Add(-40 * time.Minute)
	b := ledger.Batch{
		Accounts: []ledger.Account{{Ref: "ann", Kind: ledger.Personal}, {Ref: "bob", Kind: ledger.Personal}, {Ref: "mint", Kind: ledger.System}},
		Items:    []ledger.Item{{Ref: "food/apple", Name: "Apple", Group: "Food"}, {Ref: "pear", Name: "Pear"}, {Ref: "plum", Name: "Plum"}},
		Transactions: []ledger.Transaction{{Origin: "test", Ref: "a", At: last.AddDate(-3, 0, 0), Source: "test",
			Postings: []ledger.Posting{{Account: "mint", Amount: -1}, {Account: "ann", Amount: 1}}},
			{Origin: "test", Ref: "b", At: last, Source: "test", Postings: []ledger.Posting{{Account: "mint", Amount: -1}, {Account: "ann", Amount: 1}}}},
	}
	sell := func(ref, item string, at time.Time, quantity, total int64) {
		b.Sales = append(b.Sales, ledger.Sale{Origin: "test", Ref: ref, At: at, Item: item, Direction: ledger.DirectionSale, Seller: "ann", Buyer: "bob", Quantity: quantity, Total: total})
	}
	for day := range 900 {
		sell(fmt.Sprint(day), "food/apple", last.AddDate(0, 0, -day), 2, 30)
	}
	sell("one", "food/apple", last.Add(time.Minute), 1, 21)
	sell("pear", "pear", last.AddDate(0, 0, -3), 4, 10)
	if _, err := ledger.New(db).Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	memos := cache.New(cache.Deps{Store: cache.NewMemory()})
	t.Cleanup(func() { _ = memos.Close(context.Background()) })
	tn := newTown()
	tn.change = func(d *Deps) { d.API = aggregates.NewAPI(memos, db) }
	return tn.start(t), last
}

var maxAge = regexp.MustCompile(`^public, max-age=([0-9]+)$`)

func TestProgramsGetThePricesOfAllItems(t *testing.T) {
	server, last := bazaar(t)
	response, body := ask(t, "GET", server.URL+"/api/v1/items")
	items := decoded(t, body)["value"].(map[string]any)
	if response.StatusCode != http.StatusOK || items["count"] != 3.0 || fmt.Sprint(items["items"].([]any)[0]) != "map[group:Food id:food/apple name:Apple]" {
		t.Errorf("items: status %d: %s", response.StatusCode, body)
	}
	response, body = ask(t, "GET", server.URL+"/api/v1/prices/latest")
	latest := decoded(t, body)
	if response.Header.Get("Access-Control-Allow-Origin") != "*" || response.Header.Get("ETag") == "" {
		t.Errorf("headers %v", response.Header)
	}
	if kept := response.Header.Get("Cache-Control"); !maxAge.MatchString(kept) && kept != "public, no-cache" { // at the very end of a window
		t.Errorf("Cache-Control: %s", kept)
	}
	prices := latest["value"].(map[string]any)["items"].(map[string]any)
	apple := prices["food/apple"].(map[string]any)
	asOf, err := time.Parse(time.RFC3339, latest["asOf"].(string))
	if err != nil {
		t.Fatal(err)
	}
	sales := 8.0 // a day one, and two on the last
	if asOf.Truncate(24 * time.Hour).After(last) {
		sales-- // nothing was sold today so far, which is one of the 7 days
	}
	if age := float64(asOf.Sub(last.Add(time.Minute)) / time.Second); apple["value"] != 15.0 || apple["basis"] != "7" || apple["sales"] != sales || apple["traders"] != 2.0 || apple["age"] != age {
		t.Errorf("the price of an apple is %v, want 15 of %g sales by 2 traders within 7 days, %g s old", apple, sales, age)
	}
	if _, there := prices["plum"]; there || len(prices) != 2 {
		t.Errorf("prices of %d items, want 2: nobody ever sold or offered a plum", len(prices))
	}
	again, _ := ask(t, "GET", server.URL+"/api/v1/prices/latest", "If-None-Match", response.Header.Get("ETag"))
	if again.StatusCode != http.StatusNotModified && time.Since(asOf) < 30*time.Second {
		t.Errorf("with its own tag: status %d", again.StatusCode)
	}
}

func TestProgramsGetAnyHour(t *testing.T) {
	server, last := bazaar(t)
	past := last.AddDate(0, 0, -3)
	for name, c := range map[string]struct {
		query, want string
		long        bool
	}{
		"the last whole hour":        {"", "food/apple 2 3 51 21 15 17", false},
		"an hour of the past":        {"?at=" + past.Format(time.RFC3339), "food/apple 1 2 30 15 15 15; pear 1 4 10 2.5 2.5 2.5", true},
		"the same, in seconds":       {fmt.Sprint("?at=", past.Unix()), "food/apple 1 2 30 15 15 15; pear 1 4 10 2.5 2.5 2.5", true},
		"in another zone, unescaped": {"?at=" + past.In(time.FixedZone("", 2*60*60)).Format(time.RFC3339), "food/apple 1 2 30 15 15 15; pear 1 4 10 2.5 2.5 2.5", true},
	} {
		response, body := ask(t, "GET", server.URL+"/api/v1/prices/1h"+c.query)
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d: %s", name, response.StatusCode, body)
			continue
		}
		var got []string
		for _, of := range decoded(t, body)["value"].(map[string]any)["items"].([]any) {
			i := of.(map[string]any)
			got = append(got, fmt.Sprint(i["id"], " ", i["sales"], " ", i["quantity"], " ", i["volume"], " ", i["high"], " ", i["low"], " ", i["mean"]))
		}
		if items := strings.Join(got, "; "); items != c.want {
			t.Errorf("%s: %s; want %s", name, items, c.want)
		}
		kept := maxAge.FindStringSubmatch(response.Header.Get("Cache-Control"))
		if long := kept != nil && len(kept[1]) == 5; long != c.long {
			t.Errorf("%s: Cache-Control %q", name, response.Header.Get("Cache-Control"))
		}
	}
	for query, want := range map[string]string{
		"?at=1000-01-01T00:00:00Z": "begins later", "?at=" + past.AddDate(-4, 0, 0).Format(time.RFC3339): "begins later",
		"?at=yesterday": "seconds since 1970", "?at=99999999999999999999": "seconds since 1970", "?at=" + fmt.Sprint(time.Now().Add(2*time.Hour).Unix()): "has not begun",
	} {
		response, body := ask(t, "GET", server.URL+"/api/v1/prices/1h"+query)
		if detail, _ := decoded(t, body)["detail"].(string); response.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(detail, want) {
			t.Errorf("%s: status %d: %s", query, response.StatusCode, body)
		}
	}
}

func TestProgramsGetAllOfASeries(t *testing.T) {
	server, last := bazaar(t)
	series := server.URL + "/api/v1/prices/food%2Fapple/series"
	points, address := 0, series
	for pages := 1; ; pages++ {
		response, body := ask(t, "GET", address)
		if response.StatusCode != http.StatusOK {
			t.Fatalf("page %d: status %d: %s", pages, response.StatusCode, body)
		}
		page := decoded(t, body)["value"].(map[string]any)
		for _, of := range page["points"].([]any) {
			p := of.(map[string]any)
			if start, _ := time.Parse(time.RFC3339, p["start"].(string)); !start.Equal(last.AddDate(0, 0, points-899).Truncate(24 * time.Hour)) {
				t.Fatalf("point %d begins at %s", points, start)
			}
			points++
		}
		link := response.Header.Get("Link")
		if page["next"] == nil {
			if link != "" || pages != 3 {
				t.Errorf("the last page is the %dth, with the link %q", pages, link)
			}
			break
		}
		address = server.URL + strings.TrimPrefix(strings.TrimSuffix(link, `>; rel="next"`), "<")
		if address != series+"?after="+url.QueryEscape(page["next"].(string))+"&step=1d" {
			t.Fatalf("next is %v, and the link %s", page["next"], link)
		}
	}
	if response, _ := ask(t, "GET", server.URL+"/api/v1/prices/%66ood%2F%61pple/series?step=4h"); !strings.HasPrefix(response.Header.Get("Link"), "</api/v1/prices/food%2Fapple/series?") {
		t.Errorf("a reader who spells the item in another way is led to %s", response.Header.Get("Link"))
	}
	var asOf []any
	for i := range 2 { // of one day
		_, body := ask(t, "GET", fmt.Sprint(series, "?from=", last.AddDate(0, 0, -9).Truncate(24*time.Hour).Unix()+int64(i)))
		asOf = append(asOf, decoded(t, body)["asOf"])
	}
	if asOf[0] != asOf[1] && time.Now().Second() > 2 {
		t.Errorf("two readers of the same days have a reading each, as of %v", asOf)
	}
	if points != 900 {
		t.Errorf("%d days, want all 900", points)
	}
	for address, want := range map[string]int{
		series + "?step=2h": 422, series + "?after=*": 422, series + "?from=never": 422, server.URL + "/api/v1/prices/fig/series": 404,
		series + "?step=1w&from=" + fmt.Sprint(last.Unix()): 200, series + "?step=1h&from=9999-12-31T23:00:00Z": 200,
	} {
		if response, body := ask(t, "GET", address); response.StatusCode != want {
			t.Errorf("%s: status %d, want %d: %s", address, response.StatusCode, want, body)
		}
	}
}

func TestPricesAreAsDescribed(t *testing.T) {
	server, last := bazaar(t)
	description := describedAPI(t, server.URL)
	for path, address := range map[string]string{
		"/items": "/items", "/prices/latest": "/prices/latest", "/prices/1h": "/prices/1h?at=" + fmt.Sprint(last.Unix()),
		"/prices/{item}/series": "/prices/pear/series?step=1w",
	} {
		_, body := ask(t, "GET", server.URL+"/api/v1"+address)
		schema := description.Paths.Find(path).Get.Responses.Status(http.StatusOK).Value.Content["application/json"].Schema.Value
		if err := schema.VisitJSON(decoded(t, body), openapi3.EnableJSONSchema2020()); err != nil {
			t.Errorf("%s is not as described: %v\n%s", address, err, body)
		}
	}
}

// documentedCurl finds the addresses in the examples of docs/api.md.
var documentedCurl = regexp.MustCompile(`(?m)^curl --compressed -A '([^']+)' "\$EXCHEQUER(/[^"]+)"$`)

func TestTheDocumentedRequestsWork(t *testing.T) {
	page, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	server, _ := bazaar(t)
	examples := documentedCurl.FindAllStringSubmatch(string(page), -1)
	if len(examples) != 4 {
		t.Errorf("%d examples, want 4", len(examples))
	}
	for _, of := range examples {
		address := strings.Replace(of[2], "item:diamond", "pear", 1)
		response, body := ask(t, "GET", server.URL+address, "User-Agent", of[1])
		if response.StatusCode != http.StatusOK || decoded(t, body)["value"] == nil || !saysWho(of[1]) {
			t.Errorf("%s as %s: status %d: %.500s", address, of[1], response.StatusCode, body)
		}
	}
}
