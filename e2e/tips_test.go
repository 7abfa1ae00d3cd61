package e2e_test

import (
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// A box is a rectangle on the screen.
type box struct{ Left, Top, Right, Bottom float64 }

func (a box) overlaps(b box) bool {
	return a.Left < b.Right && b.Left < a.Right && a.Top < b.Bottom && b.Top < a.Bottom
}

// gap returns how far two boxes are apart.
func (a box) gap(b box) float64 {
	return max(0, max(a.Left-b.Right, b.Left-a.Right), max(a.Top-b.Bottom, b.Top-a.Bottom))
}

// bounds returns where the first element of a selector is.
func (b *tab) bounds(selector string) box {
	b.t.Helper()
	return value(b, chromedp.Evaluate[box](`(({left, top, right, bottom}) => ({left, top, right, bottom}))(document.querySelector("`+selector+`").getBoundingClientRect())`))
}

// hover moves the mouse to the middle of a box.
func (b *tab) hover(at box) {
	b.t.Helper()
	call(b, input.DispatchMouseEvent, input.DispatchMouseEventParams{
		Type: input.DispatchMouseEventTypeMouseMoved, X: (at.Left + at.Right) / 2, Y: (at.Top + at.Bottom) / 2,
	})
}

const tipShown = `!document.querySelector("#tip").hidden`

// still opens the page, waits for its numbers and stops its refreshes.
func still(t *testing.T, width, height int64) *tab {
	s, b := newSite(t), newTab(t)
	b.do(chromedp.EmulateViewport(width, height), chromedp.Navigate(s.URL+"/economy"))
	b.newWindow(b.asOf(), 3*window)
	b.do(chromedp.Click(chromedp.CSS("#live-pause")))
	return b
}

func TestATipStandsBesideWhatItDescribesOnAScrolledPage(t *testing.T) {
	b := still(t, 1280, 500)
	for _, c := range []struct {
		name, target string
	}{
		{"a column", "#activity .hit rect:nth-child(4)"},
		{"the last column", "#activity .hit rect:last-child"},
		{"the end of the curve", "#lorenz .hit rect:last-child"},
		{"a cell", "#rhythm .heat:nth-of-type(3) rect:nth-of-type(12)"},
	} {
		b.script(`document.querySelector("` + c.target + `").scrollIntoView({block: "center"})`)
		if !b.truth(`scrollY > 0`) {
			t.Fatal("the page has not scrolled")
		}
		target, panel := b.bounds(c.target), b.bounds("#activity")
		b.hover(target)
		b.within(10*time.Second, tipShown, "the tip of "+c.name)
		tip := b.bounds("#tip")
		if tip.gap(target) > 8 || tip.overlaps(target) {
			t.Errorf("%s is at %+v, its tip at %+v", c.name, target, tip)
		}
		if c.target[:9] == "#activity" && tip.Top < panel.Top+30 {
			t.Errorf("the tip of %s is at %v, over the title of a panel that begins at %v", c.name, tip.Top, panel.Top)
		}
	}
}

func TestTheFirstTapShowsATip(t *testing.T) {
	b := still(t, 390, 800)
	call(b, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: true})
	for _, target := range []string{"#activity .hit rect:nth-child(5)", "#lorenz .hit rect:nth-child(10)", "#rhythm .heat:nth-of-type(2) rect:nth-of-type(6)"} {
		b.script(`document.querySelector("` + target + `").scrollIntoView({block: "center"})`)
		at := b.bounds(target)
		call(b, input.SynthesizeTapGesture, input.SynthesizeTapGestureParams{
			X: (at.Left + at.Right) / 2, Y: (at.Top + at.Bottom) / 2, GestureSourceType: input.GestureSourceTypeTouch,
		})
		time.Sleep(200 * time.Millisecond) // the tap's focus comes after its pointer
		if !b.truth(tipShown) {
			t.Errorf("a tap on %s shows no tip", target)
			continue
		}
		if want := `document.querySelector("#tip").textContent === document.querySelector("` + target + `").dataset.tip`; !b.truth(want) {
			t.Errorf("a tap on %s shows another tip", target)
		}
		tip := b.bounds("#tip")
		if tip.Left < 0 || tip.Right > 390 || tip.Top < 0 || tip.Bottom > 800 {
			t.Errorf("the tip of %s is at %+v, beyond the screen", target, tip)
		}
	}
}

func TestEscapeClosesATip(t *testing.T) {
	b := still(t, 1280, 900)
	escape := chromedp.KeyEvent(kb.Escape)
	target := "#activity .hit rect:nth-child(4)"
	b.script(`document.querySelector("` + target + `").scrollIntoView({block: "center"})`)
	b.hover(b.bounds(target))
	b.within(10*time.Second, tipShown, "the tip under the pointer")
	b.do(escape)
	if b.truth(tipShown) {
		t.Error("the tip under the pointer stays")
	}
	b.script(`document.querySelector("#activity .chart").focus()`)
	b.do(chromedp.KeyEvent(kb.ArrowRight))
	b.within(10*time.Second, tipShown, "the tip by the keyboard")
	b.script(`scrollBy(0, 150)`) // the pointer rests, over something else now
	time.Sleep(200 * time.Millisecond)
	if !b.truth(tipShown + ` && document.querySelector("#tip").textContent === document.querySelector("#activity [data-tip]").dataset.tip`) {
		t.Error("scrolling under the pointer takes the tip from the keyboard")
	}
	b.do(escape)
	if b.truth(tipShown) {
		t.Error("the tip by the keyboard stays")
	}
}
