package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"exchequer/internal/sample"
)

func TestAnAddressOfOursIsAnsweredWithItsFrame(t *testing.T) {
	site := sampled(sample.Town(30)).start(t)
	for address, src := range map[string]string{
		"https://economy.test/economy/activity?days=7&x=1":  "https://economy.test/embed/economy/activity?days=7",
		"https://economy.test/economy":                      "https://economy.test/embed/economy/overview",
		"https://economy.test":                              "https://economy.test/embed/economy/overview",
		"http://economy.test/market/items/a%2Fb/price":      "https://economy.test/embed/market/items/a%2Fb/price",
		"https://economy.test/accounts/%22%3E%3Cb%3E/moves": "https://economy.test/embed/accounts/%22%3E%3Cb%3E/moves",
	} {
		r, body := ask(t, http.MethodGet, site.URL+"/oembed?format=json&maxwidth=500&url="+url.QueryEscape(address))
		var d oembedDocument
		if err := json.Unmarshal([]byte(body), &d); err != nil || r.StatusCode != http.StatusOK {
			t.Fatalf("%s: status %d, %v: %s", address, r.StatusCode, err, body)
		}
		frame := parse(t, d.HTML).Find("iframe")
		if got := frame.AttrOr("src", ""); got != src || frame.AttrOr("width", "") != "500" || d.Width != 500 || d.Version != "1.0" || d.Type != "rich" || d.Title == "" {
			t.Errorf("%s: %+v, want the frame of %s", address, d, src)
		}
		if parse(t, d.HTML).Find("b, script").Length() > 0 {
			t.Errorf("%s: the code has markup of a name: %s", address, d.HTML)
		}
		if origin := r.Header.Get("Access-Control-Allow-Origin"); origin != "*" {
			t.Errorf("scripts of other sites may not read it: %q", origin)
		}
		if page, _ := ask(t, http.MethodGet, site.URL+strings.TrimPrefix(src, "https://economy.test")); page.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", src, page.StatusCode)
		}
	}
}

func TestNoOtherAddressIsAnsweredWithAFrame(t *testing.T) {
	site := sampled(sample.Town(30)).start(t)
	for query, want := range map[string]int{
		"": 400,
		"url=https://economy.test/economy&format=xml":     501,
		"url=https://economy.test/economy&maxwidth=0":     400,
		"url=https://elsewhere.test/economy":              404,
		"url=https://economy.test.elsewhere.test/economy": 404,
		"url=https://me@economy.test/economy":             404,
		"url=ftp://economy.test/economy":                  404,
		"url=//economy.test/economy":                      404,
		"url=https://economy.test/static/app.css":         404,
		"url=https://economy.test/reports":                404, // no panel
		"url=https://economy.test/accounts/nobody/moves":  404,
		"url=%25zz": 404,
		"url=https://economy.test/" + strings.Repeat("economy/", 1000): 404,
	} {
		r, body := ask(t, http.MethodGet, site.URL+"/oembed?"+query, "Accept", "text/html")
		if r.StatusCode != want || r.Header.Get("Content-Type") != "application/json" || !strings.Contains(body, `"error"`) {
			t.Errorf("%.60s: status %d, want %d: %.200s", query, r.StatusCode, want, body)
		}
	}
}

func TestThePageOfAPanelSaysWhereItsFrameIs(t *testing.T) {
	site := sampled(sample.Town(30)).start(t)
	_, body := ask(t, http.MethodGet, site.URL+"/economy/activity?days=7")
	link := parse(t, body).Find(`link[type="application/json+oembed"]`).AttrOr("href", "")
	if want := "https://economy.test/oembed?format=json&url=" + url.QueryEscape("https://economy.test/economy/activity?days=7"); link != want {
		t.Errorf("the link is %q, want %q", link, want)
	}
}
