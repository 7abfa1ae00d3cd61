package e2e_test

import (
	"fmt"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// A state is how a page is looked at.
type state struct {
	width int64
	theme string
	open  bool // every explanation
}

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
