package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestTheSiteMapLeadsToAllThatEverybodyMaySee(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	db, _, _ := dealt(t)
	for mode, want := range map[Privacy]int{Open: http.StatusOK, Balances: http.StatusOK, Closed: http.StatusUnauthorized} {
		s, _ := privateSite(t, db, mode, t.TempDir())
		open := func(address string) (int, string) {
			w := httptest.NewRecorder()
			s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, address, http.NoBody))
			return w.Code, w.Body.String()
		}
		code, index := open("/sitemap.xml")
		if code != want {
			t.Errorf("%s: status %d, want %d", mode, code, want)
			continue
		}
		if want != http.StatusOK {
			continue
		}
		for name, page := range map[string]string{"pages": "/economy", "accounts-1": "/accounts/a11", "items-1": "/market/items/bread", "shops-1": "/market/shops/stall", "firms-1": "/holders/a0"} {
			if !strings.Contains(index, "<sitemap><loc>https://economy.test/sitemap/"+name+".xml</loc></sitemap>") {
				t.Errorf("%s: the index does not have %s:\n%s", mode, name, index)
			}
			code, text := open("/sitemap/" + name + ".xml")
			if code != http.StatusOK || !strings.Contains(text, "<loc>https://economy.test"+page+"</loc>") || !strings.HasSuffix(text, "</urlset>\n") || strings.Contains(text, hiddenName) || strings.Contains(text, "den<") {
				t.Errorf("%s: the %s: status %d, want %s and nobody hidden:\n%s", mode, name, code, page, text)
			}
		}
		for _, name := range []string{"accounts-2.xml", "accounts-0.xml", "accounts-1", "..xml", "nothing.xml"} {
			if code, _ := open("/sitemap/" + name); code != http.StatusNotFound {
				t.Errorf("/sitemap/%s: status %d, want 404", name, code)
			}
		}
		if _, robots := open("/robots.txt"); !strings.Contains(robots, "Sitemap: https://economy.test/sitemap.xml") {
			t.Errorf("%s: robots.txt does not lead to the site map", mode)
		}
	}
}
