package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// shards is how many browsers share the walk over all pages.
const shards = 2

// TestEveryPage goes through all pages of a site, with scripts and without.
func TestEveryPage(t *testing.T) {
	axe, err := os.ReadFile("testdata/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	s := newSiteIn(t, "UTC", func(string) bool { return false }) // no page is refreshed while it is looked at
	addresses, pages := s.addresses(t), s.pages(t)
	for shard := range shards {
		t.Run(fmt.Sprint(shard), func(t *testing.T) {
			t.Parallel()
			b := newTab(t)
			for i := shard; i < len(addresses); i += shards {
				b.do(chromedp.EmulateViewport(1440, 900), chromedp.Navigate(s.URL+addresses[i]))
				if slices.Contains(pages, addresses[i]) {
					b.keyboard(addresses[i])
				}
				b.sideways(addresses[i])
				b.paper(addresses[i])
				// Half of the pages are dark while they are wide, the others while they are narrow.
				states := []state{{360, "light", false}, {1440, "dark", true}}
				if i/shards%2 == 1 {
					states = []state{{360, "dark", true}, {1440, "light", false}}
				}
				b.script(string(axe))
				for _, st := range states {
					b.violations(addresses[i], st)
				}
			}
			if shard == 0 {
				b.offline.Store(true) // the browser reports its 404
				b.open(s.URL + "/nothing-here")
				b.sideways("/nothing-here")
			}
		})
	}
	t.Run("without JavaScript", func(t *testing.T) {
		t.Parallel()
		b := newTab(t)
		call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		for _, address := range addresses {
			b.open(s.URL + address)
			if !b.truth(`document.querySelectorAll("h1").length === 1 && document.querySelector("main").innerText.length > 80`) {
				t.Errorf("%s shows nothing without a script", address)
			}
			if !b.truth(`[...document.querySelectorAll("main section h2")].every((h) => h.getClientRects().length > 0)`) {
				t.Errorf("%s hides panels without a script", address)
			}
		}
	})
}

// sideways fails if a page scrolls sideways at any width.
func (b *tab) sideways(address string) {
	b.t.Helper()
	for _, width := range []int64{320, 360, 390, 640, 768, 1440, 2560} { // 640 px: a window of 1280 px, zoomed to 200 %
		b.do(chromedp.EmulateViewport(width, 900))
		if wide := value(b, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`)); wide > width {
			b.t.Errorf("%s at %d px is %d px wide, by %s", address, width, wide, value(b, chromedp.Evaluate[string](widest)))
		}
	}
}

// widest names the elements that end where the page does, innermost last.
const widest = `[...document.querySelectorAll("body *")].map((e) => [e.getBoundingClientRect().right, e])
	.filter(([right]) => right > innerWidth && Math.abs(right - document.documentElement.scrollWidth) < 2)
	.map(([right, e]) => e.tagName + "." + (e.getAttribute("class") || e.id) + " to " + Math.round(right)).join(", ")`

// paper looks at a page as wide as a sheet of A4 without its margins, and prints it.
func (b *tab) paper(address string) {
	b.t.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	b.do(chromedp.EmulateViewport(794-76, 1000))
	for what, expression := range map[string]string{
		"has what can only be clicked": `[...document.querySelectorAll(".tools, .menu, nav.pages, .themes, .find, #live-next, #live button, .filters")].some((e) => e.checkVisibility())`,
		"is cut at the right":          `document.documentElement.scrollWidth > innerWidth`,
		"scrolls sideways within":      `[...document.querySelectorAll("main *")].some((e) => !e.matches("svg *, svg, .vh, .flags li, thead, thead *") && e.clientWidth > 0 && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX !== "visible")`,
		"hides a panel":                `[...document.querySelectorAll("main section")].some((e) => !e.checkVisibility())`,
		"breaks an amount":             broken,
		"has no title":                 `!document.querySelector("h1").checkVisibility()`,
	} {
		if b.truth(expression) {
			b.t.Errorf("%s on paper %s", address, what)
		}
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	printed, err := chromedp.Call(ctx, page.PrintToPDF, page.PrintToPDFParams{PaperWidth: 8.27, PaperHeight: 11.69})
	if err != nil {
		b.t.Fatal(err)
	}
	if n := len(regexp.MustCompile(`/Type\s*/Page\b`).FindAll(printed.Data, -1)); n == 0 || n > 12 {
		b.t.Errorf("%s is printed on %d sheets", address, n)
	}
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{})
}

// broken reports whether an amount in a table stands on two lines.
const broken = `[...document.querySelectorAll("main td.n:not(.data *)")].some((cell) => {
	const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
	while (texts.nextNode()) {
		for (const word of texts.currentNode.data.matchAll(/[^\s–]*\d[^\s–]*/g)) {
			const range = new Range();
			range.setStart(texts.currentNode, word.index);
			range.setEnd(texts.currentNode, word.index + word[0].length);
			if (new Set([...range.getClientRects()].map((at) => Math.round(at.top))).size > 1) return true;
		}
	}
})`

// TestEveryPageSaysThatItsNumbersCouldNotBeComputed asks for each page for the
// first time while the database is away.
func TestEveryPageSaysThatItsNumbersCouldNotBeComputed(t *testing.T) {
	s := newSite(t)
	addresses := s.addresses(t)
	s.db.Close()
	// Of the cache, the numbers are those of the process.
	without := []string{"/economy/health/cache", "/economy/stand", "/api"}
	for _, address := range addresses {
		for _, suffix := range []string{"", ".json"} {
			path, query, _ := strings.Cut(address, "?")
			if slices.Contains(without, path) {
				continue
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path+suffix+"?"+query, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Accept", "text/html")
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(response.Body)
			response.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(path, "/about/") {
				continue
			}
			if suffix != "" && response.StatusCode == http.StatusNotFound && !bytes.Contains(body, []byte("could not be computed")) {
				continue // a page has no file
			}
			if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusServiceUnavailable && response.StatusCode != http.StatusInternalServerError {
				t.Errorf("%s%s: status %d", path, suffix, response.StatusCode)
			}
			if response.StatusCode == http.StatusOK && suffix != "" && path != "/economy/health" { // which has those of the cache
				t.Errorf("%s%s has numbers", path, suffix)
			}
			if suffix == "" && (!bytes.Contains(body, []byte("<h1>")) || !bytes.HasSuffix(bytes.TrimSpace(body), []byte("</html>"))) {
				t.Errorf("%s is no whole page: %.300s", path, body)
			}
			if suffix == "" && bytes.Contains(body, []byte("<section id=")) && !bytes.Contains(body, []byte("could not be computed")) {
				t.Errorf("%s does not say that its numbers are missing", path)
			}
			if bytes.Contains(body, []byte("closed pool")) {
				t.Errorf("%s%s says what is for operators", path, suffix)
			}
		}
	}
}

// TestTheTabKeyGoesThroughAPageInReadingOrder presses Tab until the browser leaves
// the page.
func TestTheTabKeyGoesThroughAPageInReadingOrder(t *testing.T) {
	s, b := newSite(t), newTab(t)
	b.do(chromedp.EmulateViewport(1440, 900), chromedp.Navigate(s.URL+"/economy"))
	b.newWindow(b.asOf(), 3*window)
	b.do(chromedp.Click(chromedp.CSS("#live-pause")))
	const here = `(() => {
		const e = document.activeElement;
		if (e === document.body) return "";
		const part = e.closest(".skip, header.site, #folio, main section, footer.site");
		const ring = e.matches(".skip") || getComputedStyle(e).outlineStyle !== "none"; // a script focuses the first
		return (part?.id || part?.className || e.outerHTML.slice(0, 60)) + (ring ? "" : " without a ring");
	})()`
	b.script(`document.querySelector(".skip").focus()`)
	var parts []string
	for range 120 {
		at := value(b, chromedp.Evaluate[string](here))
		if at == "" || at == "skip" && len(parts) > 1 {
			break
		}
		if len(parts) == 0 || parts[len(parts)-1] != at {
			parts = append(parts, at)
		}
		b.do(chromedp.KeyEvent(kb.Tab))
	}
	want := append([]string{"skip", "site", "folio"}, value(b, chromedp.Evaluate[[]string](`[...document.querySelectorAll("main section")]
		.map((e) => ({id: e.id, at: e.getBoundingClientRect()}))
		.sort((a, b) => Math.abs(a.at.top - b.at.top) > 20 ? a.at.top - b.at.top : a.at.left - b.at.left).map((e) => e.id)`))...)
	want = append(want, "site")
	if !slices.Equal(parts, want) {
		t.Errorf("the tab key goes to %v, the eye to %v", parts, want)
	}
}

// keyboard compares the order in which the keyboard reaches the panels of a page with the
// order in which they stand there.
func (b *tab) keyboard(address string) {
	b.t.Helper()
	type order struct{ Keyboard, Eye []string }
	got := value(b, chromedp.Evaluate[order](`(() => {
		const reached = [...document.querySelectorAll("main :is(a[href], button, input, select, textarea, summary, [tabindex])")]
			.filter((e) => e.tabIndex >= 0 && e.checkVisibility());
		const keyboard = [];
		for (const e of reached.sort((a, b) => b.tabIndex - a.tabIndex)) {
			const id = e.closest("main section")?.id;
			if (id && keyboard.at(-1) !== id) keyboard.push(id);
		}
		const eye = [...document.querySelectorAll("main section")].filter((e) => keyboard.includes(e.id))
			.map((e) => ({id: e.id, at: e.getBoundingClientRect()}))
			.sort((a, b) => Math.abs(a.at.top - b.at.top) > 20 ? a.at.top - b.at.top : a.at.left - b.at.left).map((e) => e.id);
		return {Keyboard: keyboard, Eye: eye};
	})()`))
	if len(got.Keyboard) == 0 || !slices.Equal(got.Keyboard, got.Eye) {
		b.t.Errorf("%s: the keyboard goes to %v, the eye to %v", address, got.Keyboard, got.Eye)
	}
}
