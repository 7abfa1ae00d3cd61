package e2e_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

func TestTheMenuOpensAndLeadsOnWithoutJavaScript(t *testing.T) {
	s, b := newSite(t), newTab(t)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.do(chromedp.EmulateViewport(320, 700), chromedp.Navigate(s.URL+"/economy"))
	if b.truth(`document.querySelector(".sheet").checkVisibility()`) {
		t.Error("the menu is open")
	}
	if got := value(b, chromedp.Evaluate[string](`document.querySelector(".menu summary b").innerText`)); got != "Economy" {
		t.Errorf("the menu is called %q, want the name of the page", got)
	}
	b.do(chromedp.Click(chromedp.CSS(".menu summary")))
	for what, expression := range map[string]string{
		"opens":                     `document.querySelector(".sheet").checkVisibility()`,
		"fits the window":           `document.querySelector(".sheet").getBoundingClientRect().right <= 320`,
		"has targets of 44 px":      `[...document.querySelectorAll(".menu summary, .sheet a, .sheet button")].every((e) => e.getBoundingClientRect().height >= 44)`,
		"has the theme":             `document.querySelector(".sheet .themes").checkVisibility()`,
		"stands on what it covers":  `document.elementFromPoint(160, 100).closest(".sheet") !== null`,
		"marks the page one is on":  `document.querySelector(".sheet a[aria-current=page]").innerText === "Economy"`,
		"scrolls nothing sideways":  `document.documentElement.scrollWidth === 320`,
		"has the search":            `document.querySelector(".sheet form.find input").checkVisibility()`,
		"is the only menu in sight": `!document.querySelector("nav.pages").checkVisibility()`,
	} {
		if !b.truth(expression) {
			t.Errorf("it is not true that the menu %s", what)
		}
	}
	b.do(chromedp.Click(chromedp.CSS(`.sheet a[href="/market"]`)))
	b.within(patience, `location.pathname === "/market" && document.querySelector(".menu summary b")?.innerText === "Market"`, "the market opens")
}

func TestTwelvePagesAndASearchFitTheHead(t *testing.T) {
	s, b := newSite(t), newTab(t)
	b.open(s.URL + "/economy")
	b.script(`{
		const groups = [["Economy", "Health", "Money flow", "Government"], ["Market", "Shops", "Firms", "Appraise"], ["Accounts", "Transactions", "Reports", "Data"]];
		const lists = groups.map((names) => "<ul>" + names.map((n) => "<li><a href='/economy'>" + n + "</a></li>").join("") + "</ul>").join("");
		for (const nav of document.querySelectorAll("nav.pages, .sheet nav")) nav.innerHTML = lists;
		document.querySelector(".pages a").setAttribute("aria-current", "page");
	}`)
	for _, width := range []int64{320, 360, 390, 1239, 1240, 1440} {
		b.do(chromedp.EmulateViewport(width, 900))
		if wide := value(b, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`)); wide > width {
			t.Errorf("at %d px the page is %d px wide", width, wide)
		}
		if got, want := b.truth(`document.querySelector("nav.pages").checkVisibility()`), width >= 1240; got != want {
			t.Errorf("at %d px all pages are in the head: %v, want %v", width, got, want)
		}
		high := int64(47)
		if width >= 1240 {
			high = 85 // the pages have a row of their own
		}
		if got := value(b, chromedp.Evaluate[int64](`document.querySelector("header.site").offsetHeight`)); got != high {
			t.Errorf("at %d px the head is %d px high, want %d", width, got, high)
		}
		inside := fmt.Sprintf(`[...document.querySelectorAll("header.site .wrap > *")].every((e) => e.getBoundingClientRect().right <= %d)`, width)
		if !b.truth(inside) {
			t.Errorf("at %d px the head runs out of the window", width)
		}
	}
}
