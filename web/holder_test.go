package web

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/sample"
)

// A holder who was hidden a moment ago is answered like one that nobody knows.
func TestAHiddenHolderIsAnsweredLikeAnUnknownOne(t *testing.T) {
	tn := sampled(sample.Town(30))
	tn.holder = func(context.Context, cache.Window, aggregates.HolderQuery) (*aggregates.Holder, error) {
		return nil, nil
	}
	tn.holding = func(context.Context, cache.Window, aggregates.HolderQuery) (*aggregates.HolderSides, error) {
		return nil, nil
	}
	site := tn.start(t)
	for _, suffix := range []string{"", "/months", "/rank", "/staff.csv", "/figures.json", "/income.meta.json"} {
		unknown, text := ask(t, http.MethodGet, site.URL+"/holders/nobody"+suffix, "Accept", "text/html")
		hidden, same := ask(t, http.MethodGet, site.URL+"/holders/hidden"+suffix, "Accept", "text/html")
		if unknown.StatusCode != http.StatusNotFound || hidden.StatusCode != http.StatusNotFound || strings.ReplaceAll(same, "hidden", "nobody") != strings.ReplaceAll(text, "hidden", "nobody") && !strings.HasSuffix(suffix, ".json") {
			t.Errorf("%s: %d and %d:\n%s\n%s", suffix, unknown.StatusCode, hidden.StatusCode, text, same)
		}
	}
}

func TestAnAccountLeadsToItsHolder(t *testing.T) {
	site := sampled(sample.Town(30)).start(t)
	_, body := ask(t, http.MethodGet, site.URL+"/accounts/ada", "Accept", "text/html")
	contains(t, body, `href="/holders/ada"`)
	_, body = ask(t, http.MethodGet, site.URL+"/holders/ada", "Accept", "text/html")
	contains(t, body, "Profit and loss", `href="/accounts/ferry"`, `href="/market/shops/seam"`, `href="/holders/corin"`, `href="https://penrose.example/"`, "hidden holder")
}
