package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/sample"
	"exchequer/views"
)

func TestTheSearchForAShopIsBounded(t *testing.T) {
	tn := sampled(sample.Town(30))
	var asked aggregates.FindQuery
	e := sample.Town(30)
	tn.trade.Find = func(_ context.Context, _ *aggregates.Shops, q aggregates.FindQuery, _ int) (*aggregates.Found, error) {
		asked = q
		return e.Found, nil
	}
	server := tn.start(t)
	for query, want := range map[string]aggregates.FindQuery{
		"":                                      {Amount: 1, Stock: "some", Sort: "price"},
		"?n=-5&within=7":                        {Amount: 1, Within: 100, Stock: "some", Sort: "price"},
		"?n=99999999999999999999&within=900":    {Amount: 1_000_000, Within: 1000, Stock: "some", Sort: "price"},
		"?side=sell&n=1,000&stock=any&walk=2.5": {Sell: true, Amount: 1000, Stock: "any", Sort: "price", Walk: 250},
		"?item=%0A%E2%80%AE%3Cb%3E%22&walk=":    {Amount: 1, Item: "\n\u202e<b>\"", Stock: "some", Sort: "price"},
		"?walk=999999999.999999999&sort=both":   {Amount: 1, Stock: "some", Sort: "both", Walk: 99_999_999_999},
	} {
		response, body := ask(t, "GET", server.URL+"/market/shops"+query)
		if response.StatusCode != http.StatusOK || asked != want {
			t.Errorf("%s: status %d asks for %+v, want %+v", query, response.StatusCode, asked, want)
		}
		keepsToThePolicy(t, query, body)
	}
	for _, query := range []string{"?side=steal", "?n=many", "?within=far", "?sort=luck", "?item=" + strings.Repeat("x", 513), "?owner=%ff", "?near=%00", "?walk=-3"} {
		if response, _ := ask(t, "GET", server.URL+"/market/shops"+query); response.StatusCode != http.StatusBadRequest {
			t.Errorf("%.40s: status %d", query, response.StatusCode)
		}
	}
}

// Names and refs that are markup, break lines, or turn the writing around.
func TestHostileShopsAreHarmless(t *testing.T) {
	e := sample.Town(30)
	evil := "\"><script>alert(1)</script>\n\u202e'=1+1&{x}/../"
	for i := range e.Found.Offers {
		o := &e.Found.Offers[i]
		o.Shop, o.OwnerName, o.Place, o.World, o.Owner = evil, evil, evil, evil, evil
		o.Bearing = &aggregates.Bearing{Place: evil, Direction: "N", Blocks: 1}
	}
	e.Found.From.World, e.Found.From.Name, e.Found.Item.Name, e.Found.Query.Near = evil, evil, evil, evil
	e.Shops.Places[0].Name, e.Shops.Places[0].World, e.Shops.Worlds[0].World = evil, evil, evil
	e.Shop.ID, e.Shop.OwnerName, e.Shop.Place, e.Shop.Owner = evil, evil, evil, evil
	e.Shop.Offers[0].ItemName, e.Shop.Offers[0].Item, e.Shop.Offers[2].PricedIn = evil, evil, &evil
	e.ShopSales[0].CustomerName, e.ShopSales[0].ItemName, e.ShopSales[0].Item = evil, evil, evil
	e.Arbitrage.Trips[0].ItemName, e.Arbitrage.Trips[0].From.OwnerName, e.Arbitrage.Trips[0].From.Shop = evil, evil, evil
	e.Markers.Shops[0].Name, e.Markers.Shops[0].Shop, e.Markers.Shops[0].World = evil, evil, evil
	tn := sampled(e)
	tn.change = func(d *Deps) { d.MapURL = "https://map.test/#{world}:{x}:{y}:{z}" }
	server := tn.start(t)
	for _, address := range []string{"/market/shops", "/market/shops/" + url.PathEscape(evil), "/market/arbitrage", "/market/shops/ada/history", "/market/shops/ada/offers"} {
		response, body := ask(t, "GET", server.URL+address)
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", address, response.StatusCode)
		}
		keepsToThePolicy(t, address, body)
		if strings.Contains(body, "<script>alert") {
			t.Errorf("%s has the name as markup", address)
		}
	}
	_, body := ask(t, "GET", server.URL+"/market/shops")
	doc := parse(t, body)
	link := doc.Find("#found tbody tr").First().Find(".wide a").AttrOr("href", "")
	if !strings.HasPrefix(link, "https://map.test/#%22%3E%3Cscript%3E") || strings.ContainsAny(link, "<>\" ") {
		t.Errorf("the map is at %q", link)
	}
	shop := doc.Find("#found tbody th a").First().AttrOr("href", "")
	if response, _ := ask(t, "GET", server.URL+shop); !strings.HasPrefix(shop, "/market/shops/") || response.StatusCode != http.StatusOK {
		t.Errorf("the shop is at %q: status %d", shop, response.StatusCode)
	}
	for _, file := range []string{"/market/shops/found.csv", "/market/shops/ada/sales.csv", "/market/arbitrage/trips.csv"} {
		_, body := ask(t, "GET", server.URL+file)
		if strings.Contains(body, "\n\u202e") || strings.Contains(body, "'=1+1") && !strings.Contains(body, "''=1+1") {
			t.Errorf("%s has a formula or a broken line:\n%s", file, body)
		}
	}
	for _, format := range []string{"bluemap", "dynmap"} {
		_, body := ask(t, "GET", server.URL+"/api/v1/markers.json?format="+format)
		var any map[string]any
		if err := json.Unmarshal([]byte(body), &any); err != nil || strings.Contains(body, "<script") || strings.Contains(body, `\u003cscript`) {
			t.Errorf("%s: %v in %s", format, err, body)
		}
	}
}

func TestMarkersHaveTheShapesThatMapsRead(t *testing.T) {
	server := sampled(sample.Town(30)).start(t)
	response, body := ask(t, "GET", server.URL+"/api/v1/markers.json?world=harbour")
	want := `{"exchequer-shops":{"label":"Shops","toggleable":true,"defaultHidden":false,"sorting":0,"markers":{` +
		`"seam":{"type":"poi","label":"The Deep Seam","detail":"\u003cbdi\u003eThe Deep Seam\u003c/bdi\u003e\u003cbr\u003e2 of 3 offers in stock\u003cbr\u003e\u003ca href=\"https://economy.test/market/shops/seam\"\u003ePrices\u003c/a\u003e",` +
		`"position":{"x":-84,"y":71,"z":-130},"icon":"assets/poi.svg","anchor":{"x":25,"y":45},"minDistance":0,"maxDistance":10000000}}}}`
	if strings.TrimSpace(body) != want || response.Header.Get("Access-Control-Allow-Origin") != "*" || response.Header.Get("ETag") == "" {
		t.Errorf("BlueMap reads %s\nwant %s\n%v", body, want, response.Header)
	}
	_, body = ask(t, "GET", server.URL+"/api/v1/markers.json?format=dynmap&world=nether")
	var d dynDocument
	if err := json.Unmarshal([]byte(body), &d); err != nil {
		t.Fatal(err)
	}
	m := d.Sets["exchequer-shops"].Markers["gate"]
	if len(d.Sets["exchequer-shops"].Markers) != 1 || m.Label != "‹Gate› + Co" || m.point != (point{1, 64, 2}) || m.Icon != "default" || m.Markup || d.Timestamp == 0 {
		t.Errorf("Dynmap reads %s", body)
	}
	for _, set := range []string{`"areas":{}`, `"lines":{}`, `"circles":{}`, `"layerprio":10`, `"hide":false`} {
		contains(t, body, set)
	}
	if response, _ := ask(t, "GET", server.URL+"/api/v1/markers.json?world=moon"); response.StatusCode != http.StatusNotFound {
		t.Errorf("a world without shops: status %d", response.StatusCode)
	}
}

func TestAnUnknownShopIsNotFound(t *testing.T) {
	tn := newTown()
	tn.shop = func(_ context.Context, _ cache.Window, q aggregates.ShopQuery) (*aggregates.Shop, error) {
		return nil, fmt.Errorf("%s was looked for", q.Shop)
	}
	server := tn.start(t)
	for _, address := range []string{"/market/shops/nobody", "/market/shops/nobody/offers.json", "/market/shops/nobody/sales.csv", "/market/shops/" + strings.Repeat("x", 600)} {
		if response, _ := ask(t, "GET", server.URL+address); response.StatusCode != http.StatusNotFound {
			t.Errorf("%.40s: status %d", address, response.StatusCode)
		}
	}
}

func TestAMapIsOnTheWeb(t *testing.T) {
	for _, good := range []string{"https://map.test/#{world}:{x}:{y}:{z}", "http://127.0.0.1:8100/?w={world}&x={x}&z={z}", "https://map.test#{world}:{x}:{z}", "https://map.test?x={x}&z={z}", "http://127.0.0.1:8100?x={x}&z={z}"} {
		if _, err := views.ParseMapURL(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "javascript:alert({x}{z})", "https://{world}.test/{x}/{z}", "https://{world}.test?{x}#{z}", "https://map.test:{x}?{z}", "https://map.test{x}#{z}", "https://map.test/{x}", "https://map.test/{x}{z}{evil}", "//map.test/{x}/{z}", "https://u:p@map.test/{x}{z}", "https://map.test/{x}\"{z}"} {
		if _, err := views.ParseMapURL(bad); err == nil {
			t.Errorf("%q is taken for a map", bad)
		}
	}
}

// Names of the other direction, and of any length, leave what stands beside them as
// it is.
func TestNamesDoNotTurnTheWritingAround(t *testing.T) {
	e := sample.Town(30)
	name := "שלום\u202e\u2066" + strings.Repeat("ד", 10_000)
	e.Found.From.Name, e.Found.Item.Name, e.Found.Query.Near, e.Found.Query.Owner = name, name, name, name
	e.Found.NoPlace, e.Found.NoOwner = true, true
	for i := range e.Found.Offers {
		o := &e.Found.Offers[i]
		o.OwnerName, o.Place = name, name
		o.Bearing = &aggregates.Bearing{Place: name, Direction: "N", Blocks: 1}
	}
	for i := range e.Markers.Shops {
		e.Markers.Shops[i].Name = name
	}
	server := sampled(e).start(t)
	_, body := ask(t, "GET", server.URL+"/market/shops")
	found := parse(t, body).Find("#found")
	if text := found.Text(); strings.ContainsAny(text, "\u202e\u2066") || strings.Contains(text, strings.Repeat("ד", 61)) {
		t.Errorf("a name is too long, or turns the writing around: %.300s", text)
	}
	for _, places := range []string{"h2", ".note", "tbody th", "tbody td"} {
		inside, isolated := found.Find(places).Text(), found.Find(places).Find("bdi").Text()
		if n := strings.Count(inside, "ש"); n == 0 || n != strings.Count(isolated, "ש") {
			t.Errorf("%s: %d names, of which %d are isolated", places, n, strings.Count(isolated, "ש"))
		}
	}
	for _, format := range []string{"bluemap", "dynmap"} {
		_, body := ask(t, "GET", server.URL+"/api/v1/markers.json?format="+format)
		if !json.Valid([]byte(body)) || strings.ContainsAny(body, "\u202e\u2066") || strings.Contains(body, strings.Repeat("ד", 61)) || !strings.Contains(body, "\\u003cbdi\\u003eשלום") {
			t.Errorf("%s: a label is too long, or turns the writing around: %.600s", format, body)
		}
	}
	// A whole link that somebody may follow.
	for query, want := range map[string]int{"?near=" + url.QueryEscape("שלום\u202e") + "&item=%E2%80%AE%D7%A9": 200, "?owner=" + strings.Repeat("%D7%A9", 250): 200, "?near=" + strings.Repeat("x", 10_000): 400} {
		if response, _ := ask(t, "GET", server.URL+"/market/shops"+query); response.StatusCode != want {
			t.Errorf("%.40s: status %d", query, response.StatusCode)
		}
	}
}

// The drawing has all offers that stand, also those that the list leaves out, and
// leads to them as rows.
func TestAllAsksAreDrawn(t *testing.T) {
	e := sample.Town(30)
	e.Found.Item.Ref = e.Prices.Items[0].ID
	e.Prices.Items[0].Price.Value = new(float64)
	*e.Prices.Items[0].Price.Value = 38_40
	e.Found.Standing[0].OwnerName = "<b>Gilda"
	tn := sampled(e)
	var asked aggregates.FindQuery
	tn.trade.Find = func(_ context.Context, _ *aggregates.Shops, q aggregates.FindQuery, _ int) (*aggregates.Found, error) {
		asked = q
		return e.Found, nil
	}
	server := tn.start(t)
	_, body := ask(t, "GET", server.URL+"/market/shops?item=diamond&n=16&near=Spawn&within=500&stock=enough")
	panel := parse(t, body).Find("#asked")
	if title := panel.Find("h2").Text(); title != "What all 17\u00a0offers ask" {
		t.Errorf("the title is %q", title)
	}
	for _, text := range []string{"median of offers ₤39.00", "usually sold at ₤38.40", "1 more above ₤44.00"} {
		if !strings.Contains(panel.Text(), text) {
			t.Errorf("%q is not said", text)
		}
	}
	if tip := panel.Find("[data-tip]").First().AttrOr("data-tip", ""); tip != "₤35.00  <b>Gilda" {
		t.Errorf("the first tip is %q", tip)
	}
	if n := panel.Find(".if-wide .full").Length(); n != 1 {
		t.Errorf("%d rings are filled", n)
	}
	table := panel.Find("#asked-table").AttrOr("href", "")
	if response, _ := ask(t, "GET", server.URL+table); response.StatusCode != http.StatusOK || asked.Within != 0 || asked.Stock != aggregates.InStock || asked.Amount != 16 {
		t.Errorf("%s asks for %+v", table, asked)
	}
	e.Found.Standing = e.Found.Standing[:1]
	_, body = ask(t, "GET", server.URL+"/market/shops?item=diamond&n=17")
	if parse(t, body).Find("#asked").Length() != 0 {
		t.Error("a single offer is drawn")
	}
}
