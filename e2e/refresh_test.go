package e2e_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// hide makes the page see its tab as hidden, or as shown again.
const hide = `(hidden) => {
	Object.defineProperty(document, "visibilityState", {value: hidden ? "hidden" : "visible", configurable: true});
	Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
	document.dispatchEvent(new Event("visibilitychange"));
}`

func TestAfterEachBoundaryTheFirstRequestBringsTheNewWindow(t *testing.T) {
	s, b := newSite(t), newTab(t)
	b.open(s.URL + "/economy")
	start := b.asOf()
	b.newWindow(start, 3*window) // the first one may have been cold
	since := time.Now()
	for range 3 {
		b.newWindow(b.asOf(), 2*window)
	}
	visits := s.visits(since)
	if len(visits) < 3 || len(visits) > 4 {
		t.Errorf("3 boundaries took %d requests, want one each", len(visits))
	}
	for _, v := range visits {
		if v.status != http.StatusOK {
			t.Errorf("a refresh was answered %d, want 200 with the new window", v.status)
		}
	}
}

func TestTheClockOfAPageIsThatOfTheCommunity(t *testing.T) {
	t.Parallel() // it waits for most of its time
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	s, b := newSiteIn(t, zone.String(), ofHome), newTab(t)
	b.open(s.URL + "/economy")
	b.newWindow(b.asOf(), 3*window)
	b.newWindow(b.asOf(), 2*window) // a refresh brings the time with the numbers
	b.within(2*window, shown("· next in "), "the script counts down")
	line := value(b, chromedp.Evaluate[[]string](`[document.getElementById("folio").dataset.asOf, document.getElementById("live-text").textContent.trim()]`))
	asOf, err := strconv.ParseInt(line[0], 10, 64)
	if want := time.UnixMilli(asOf).In(zone).Format("15:04:05 MST, Monday 2 January 2006"); err != nil || line[1] != want {
		t.Errorf("the clock is %q, %v, want %q", line[1], err, want)
	}
}

func TestAHiddenTabIsSilentAndPromptOnReturn(t *testing.T) {
	t.Parallel() // it waits for most of its time
	s, b := newSite(t), newTab(t)
	b.open(s.URL + "/economy")
	b.newWindow(b.asOf(), 3*window)
	b.script("(" + hide + ")(true)")
	time.Sleep(200 * time.Millisecond) // a request under way may end
	hidden, old := time.Now(), b.asOf()
	time.Sleep(2*window + window/2)
	if n := len(s.visits(hidden)); n != 0 {
		t.Errorf("a hidden tab asked %d times, want silence", n)
	}
	b.script("(" + hide + ")(false)")
	b.newWindow(old, window/2)
}

func TestWhenTheServerGoesThePageSaysSoAndRecovers(t *testing.T) {
	t.Parallel() // it waits for most of its time
	s, b := newSite(t), newTab(t)
	b.open(s.URL + "/economy")
	b.newWindow(b.asOf(), 3*window)
	b.offline.Store(true)
	s.down.Store(true)
	s.CloseClientConnections()
	b.within(3*window, shown("connection lost"), "the page says that the connection is lost")
	old := b.asOf()
	s.down.Store(false)
	b.newWindow(old, 20*time.Second)
	b.within(window, "!"+shown("connection lost"), "the page no longer says that the connection is lost")
}

func TestABrowserClockFiveMinutesOffRefreshesInStep(t *testing.T) {
	t.Parallel() // it waits for most of its time
	for name, offset := range map[string]string{"ahead": "300000", "behind": "-300000"} {
		t.Run(name, func(t *testing.T) {
			s, b := newSite(t), newTab(t)
			shift := `{
				const real = Date;
				globalThis.Date = class extends real {
					constructor(...args) { args.length ? super(...args) : super(real.now() + ` + offset + `) }
					static now() { return real.now() + ` + offset + ` }
				};
			}`
			call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: shift})
			b.open(s.URL + "/economy")
			b.newWindow(b.asOf(), 3*window)
			since := time.Now()
			b.newWindow(b.asOf(), 2*window)
			b.newWindow(b.asOf(), 2*window)
			if n := len(s.visits(since)); n < 2 || n > 3 {
				t.Errorf("2 boundaries took %d requests, want one each", n)
			}
		})
	}
}

func TestARefreshKeepsFocusScrollAndOpenDetails(t *testing.T) {
	s, b := newSite(t), newTab(t)
	b.do(chromedp.EmulateViewport(390, 800), chromedp.Navigate(s.URL+"/economy"))
	b.newWindow(b.asOf(), 3*window)
	b.script(`{
		const last = [...document.querySelectorAll("main details")].at(-1);
		last.open = true;
		last.querySelector("summary").focus();
		window.focused = document.activeElement;
		window.scrollTo(0, 900);
		window.scrolled = window.scrollY;
	}`)
	b.newWindow(b.asOf(), 2*window)
	for what, expression := range map[string]string{
		"the focus":        `document.activeElement === window.focused && window.focused.isConnected`,
		"the scroll":       `window.scrollY === window.scrolled && window.scrolled > 500`,
		"the open details": `[...document.querySelectorAll("main details")].at(-1).open`,
	} {
		if !b.truth(expression) {
			t.Errorf("a refresh lost %s", what)
		}
	}
}

func TestARefreshCanBePaused(t *testing.T) {
	t.Parallel() // it waits for most of its time
	s, b := newSite(t), newTab(t)
	b.open(s.URL + "/economy")
	b.newWindow(b.asOf(), 3*window)
	b.do(chromedp.Click(chromedp.CSS("#live-pause")))
	time.Sleep(200 * time.Millisecond)
	since, old := time.Now(), b.asOf()
	time.Sleep(2 * window)
	if n := len(s.visits(since)); n != 0 || b.asOf() != old {
		t.Errorf("a paused page asked %d times", n)
	}
	b.do(chromedp.Click(chromedp.CSS("#live-pause")))
	b.newWindow(old, 2*window)
}

func TestALostConnectionIsAnnouncedOnceAndCanBeTriedAgain(t *testing.T) {
	t.Parallel() // it waits for most of its time
	s, b := newSite(t), newTab(t)
	b.open(s.URL + "/economy")
	b.newWindow(b.asOf(), 3*window)
	b.script(`{
		window.said = [];
		const news = document.querySelector("#live [aria-live=polite]");
		new MutationObserver(() => window.said.push(news.textContent)).observe(news, {childList: true, characterData: true, subtree: true});
	}`)
	b.offline.Store(true)
	s.down.Store(true)
	s.CloseClientConnections()
	const again = `[...document.querySelectorAll("#live button")].find((e) => e.textContent === "try now" && !e.hidden)`
	b.within(3*window, "!!"+again, "a button to try again")
	time.Sleep(3 * time.Second) // more attempts fail
	if !b.truth(`said.join() === "Connection lost"`) {
		t.Errorf("announced %s", value(b, chromedp.Evaluate[string](`said.join()`)))
	}
	s.down.Store(false)
	b.script(again + ".click()")
	b.within(window, `said.join() === "Connection lost,Connected again"`, "the end of the outage is announced")
}

func TestWhatIsBeingTypedOutlivesARefresh(t *testing.T) {
	t.Parallel() // it waits for most of its time
	s, b := newSite(t), newTab(t)
	b.open(s.URL + "/economy")
	b.newWindow(b.asOf(), 3*window) // the first one may have been cold
	b.script(`document.getElementById("balance").value = "1,234"; document.activeElement.blur()`)
	for range 2 {
		b.newWindow(b.asOf(), 3*window)
	}
	if got := value(b, chromedp.Evaluate[string](`document.getElementById("balance").value`)); got != "1,234" {
		t.Errorf("after a refresh the field has %q, want what was typed", got)
	}
}

// TestEveryPageKeepsStillWhenItIsRefreshed opens each page in a tab of its own, each
// second one on a phone, reads down to its middle, opens an explanation, and waits for new numbers.
func TestEveryPageKeepsStillWhenItIsRefreshed(t *testing.T) {
	s := newSiteIn(t, "UTC", func(string) bool { return true })
	first := newTab(t)
	var tabs []*tab
	var shown []string                                                                                                      // the windows that they show
	addresses := slices.DeleteFunc(s.pages(t), func(address string) bool { return strings.HasPrefix(address, "/reports") }) // they have no time
	for i, address := range addresses {
		b := first.another()
		call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watchShifts})
		b.do(chromedp.EmulateViewport([]int64{390, 1440}[i%2], 800), chromedp.Navigate(s.URL+address))
		tabs, shown = append(tabs, b), append(shown, b.asOf())
	}
	for i, b := range tabs {
		b.newWindow(shown[i], 5*window) // the first one may have been cold
		b.script(`{
			const all = [...document.querySelectorAll("main details.how")], one = all[all.length >> 1];
				one.open = true;
				one.querySelector("summary").focus();
				window.read = () => [document.activeElement === one.querySelector("summary") && one.isConnected, one.open, window.scrollY].join();
				window.left = window.read();
				window.shifted = 0;
				window.movers = [];
			}`)
		shown[i] = b.asOf()
	}
	for i, b := range tabs {
		b.newWindow(shown[i], 5*window)
		if got, want := value(b, chromedp.Evaluate[string](`window.read()`)), value(b, chromedp.Evaluate[string](`window.left`)); got != want {
			t.Errorf("%s: focus, open and scroll are %s after a refresh, were %s", addresses[i], got, want)
		}
		if got := value(b, chromedp.Evaluate[float64](`window.shifted`)); got > 0 {
			t.Errorf("%s shifts by %.3f: %v", addresses[i], got, value(b, chromedp.Evaluate[[]string](`window.movers`)))
		}
	}
}
