package e2e_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// A state is how a page is looked at.
type state struct {
	width int64
	theme string
	open  bool // every explanation
}

func TestEveryPageIsAccessible(t *testing.T) {
	axe, err := os.ReadFile("testdata/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t)
	addresses := s.addresses(t)
	for shard := range shards {
		t.Run(fmt.Sprint(shard), func(t *testing.T) {
			t.Parallel()
			b := newTab(t)
			for i := shard; i < len(addresses); i += shards {
				// Half of the pages are dark while they are wide, the others while they are narrow.
				states := []state{{360, "light", false}, {1440, "dark", true}}
				if i/shards%2 == 1 {
					states = []state{{360, "dark", true}, {1440, "light", false}}
				}
				b.open(s.URL + addresses[i])
				b.script(string(axe))
				for _, st := range states {
					b.violations(addresses[i], st)
				}
			}
		})
	}
}

// shards is how many browsers share the walk over all pages.
const shards = 2

// violations reports what axe finds on a page in a state.
func (b *tab) violations(address string, st state) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(st.width, 900))
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: st.theme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	})
	b.script(fmt.Sprintf(`for (const d of document.querySelectorAll("details.how")) d.open = %v`, st.open))
	found := value(b, chromedp.Evaluate[[]string](`axe.run(document, {resultTypes: ["violations"]}).then((r) =>
		r.violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.target.join(" ") + ": " + n.failureSummary)))`, chromedp.EvalAwaitPromise))
	for _, violation := range found {
		b.t.Errorf("%s at %d px, %s: %s", address, st.width, st.theme, violation)
	}
}

func TestEveryPageWorksWithoutJavaScript(t *testing.T) {
	s, b := newSite(t), newTab(t)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	for _, address := range s.addresses(t) {
		b.open(s.URL + address)
		if !b.truth(`document.querySelectorAll("h1").length === 1 && document.querySelector("main").innerText.length > 80`) {
			t.Errorf("%s shows nothing without a script", address)
		}
		if !b.truth(`[...document.querySelectorAll("main section h2")].every((h) => h.getClientRects().length > 0)`) {
			t.Errorf("%s hides panels without a script", address)
		}
	}
}
