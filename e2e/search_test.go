package e2e_test

import (
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const suggested = `!!document.querySelector(".find [role=listbox]")?.checkVisibility()`

// press presses a key as a keyboard does: what the page prevents is not written, and
// sends no form.
func (b *tab) press(key, text string) {
	b.t.Helper()
	for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeKeyDown, input.DispatchKeyEventTypeKeyUp} {
		call(b, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: kind, Key: key, Text: text})
	}
}

// A reader finds an item by the keys alone.
func TestSuggestionsAreChosenByTheKeys(t *testing.T) {
	s, b := newSite(t), newTab(t)
	b.do(chromedp.EmulateViewport(1440, 900), chromedp.Navigate(s.URL+"/economy"))
	b.within(patience, `document.readyState === "complete"`, "the page is there")
	b.press("/", "/")
	b.within(patience, `document.activeElement.id === "find" && document.activeElement.value === ""`, "the slash goes to the search, and is not written there")
	b.do(chromedp.KeyEvent("diam"))
	b.within(patience, suggested, "suggestions appear")
	for what, expression := range map[string]string{
		"names its list":            `document.getElementById(find.getAttribute("aria-controls")).getAttribute("role") === "listbox"`,
		"is said to be open":        `find.role === "combobox" && find.ariaExpanded === "true"`,
		"has chosen nothing":        `!find.hasAttribute("aria-activedescendant")`,
		"stays within the window":   `document.documentElement.scrollWidth === 1440`,
		"has options that lead on":  `[...document.querySelectorAll("[role=option] a")].every((a) => a.getAttribute("href").startsWith("/"))`,
		"stands on what it covers":  `(({left, top}) => document.elementFromPoint(left + 20, top + 10).closest("[role=option]"))(document.querySelector("[role=option]").getBoundingClientRect())`,
		"says what each thing is":   `document.querySelector("[role=option] small").textContent.startsWith("Items")`,
		"is no stop of the tab key": `[...document.querySelectorAll("[role=option] a")].every((a) => a.tabIndex < 0)`,
	} {
		if !b.truth(`(() => { const find = document.getElementById("find"); return !!(` + expression + `) })()`) {
			t.Errorf("it is not true that the field %s", what)
		}
	}
	chosen := `document.querySelector("[aria-selected=true]")?.id === document.activeElement.getAttribute("aria-activedescendant") && !!document.querySelector("[aria-selected=true]")`
	b.do(chromedp.KeyEvent(kb.ArrowUp))
	b.do(chromedp.KeyEvent(kb.ArrowDown))
	b.do(chromedp.KeyEvent(kb.ArrowDown))
	b.within(patience, chosen, "the arrows choose a suggestion")
	b.do(chromedp.KeyEvent(kb.Escape))
	b.within(patience, `!document.querySelector("[role=listbox]") && document.activeElement.value === "diam"`, "Escape closes the list and leaves the text")
	b.do(chromedp.KeyEvent(kb.ArrowDown))
	b.within(patience, suggested, "an arrow opens it again")
	b.do(chromedp.KeyEvent(kb.ArrowDown))
	b.press("Enter", "\r")
	b.within(patience, `location.pathname.startsWith("/market/items/")`, "Enter leads to what is chosen")
	b.within(patience, `document.readyState === "complete"`, "its page is there")
	b.press("/", "/")
	b.within(patience, `document.activeElement.id === "find"`, "the slash goes to the search")
	b.do(chromedp.KeyEvent("harbour"))
	b.press("Enter", "\r")
	b.within(patience, `location.pathname === "/search" && location.search === "?q=harbour"`, "Enter without a choice searches")
	if b.truth(`document.querySelectorAll("main .panels a").length === 0`) {
		t.Error("nothing is found")
	}
}

// In a narrow window the search is in the menu, which the slash opens.
func TestTheSearchOfANarrowWindowIsInTheMenu(t *testing.T) {
	s, b := newSite(t), newTab(t)
	b.do(chromedp.EmulateViewport(390, 844), chromedp.Navigate(s.URL+"/market"))
	b.within(patience, `document.readyState === "complete"`, "the page is there")
	b.press("/", "/")
	b.within(patience, `document.activeElement.id === "find-in-menu"`, "the slash opens the menu")
	b.do(chromedp.KeyEvent("diam"))
	b.within(patience, suggested, "suggestions appear")
	for what, expression := range map[string]string{
		"within the window":    `document.querySelector("[role=listbox]").getBoundingClientRect().right <= 390 && document.querySelector("[role=listbox]").getBoundingClientRect().left >= 0`,
		"as large as a finger": `[...document.querySelectorAll("[role=option] a")].every((a) => a.getBoundingClientRect().height >= 43.5)`,
	} {
		if !b.truth(expression) {
			t.Errorf("the suggestions are not %s", what)
		}
	}
	b.do(chromedp.Click(chromedp.CSS("[role=option] a")))
	b.within(patience, `location.pathname.startsWith("/market/items/")`, "a tap leads to a suggestion")
}
