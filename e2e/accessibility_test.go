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
	s, b := newSite(t), newTab(t)
	for i, address := range s.addresses(t) {
		b.open(s.URL + address)
		b.script(string(axe))
		states := []state{{360, "light", false}, {1440, "dark", true}}
		if i%2 == 1 {
			states = []state{{360, "dark", true}, {1440, "light", false}}
		}
		for _, st := range states {
			b.do(chromedp.EmulateViewport(st.width, 900))
			call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: st.theme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
			})
			b.script(fmt.Sprintf(`for (const d of document.querySelectorAll("details.how")) d.open = %v`, st.open))
			found := value(b, chromedp.Evaluate[[]string](`axe.run(document, {resultTypes: ["violations"]}).then((r) =>
				r.violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.target.join(" ") + ": " + n.failureSummary)))`, chromedp.EvalAwaitPromise))
			for _, violation := range found {
				t.Errorf("%s at %d px, %s: %s", address, st.width, st.theme, violation)
			}
		}
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
