package e2e_test

import (
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

func TestAColdPageShowsItsFrameAtOnceAndEachPanelWhenReadyWithoutJavaScript(t *testing.T) {
	s, b := newSite(t), newTab(t)
	// The producers that read this table wait; the others continue.
	tx, err := s.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), `LOCK TABLE account_days IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	loaded := make(chan error, 1)
	go func() { loaded <- chromedp.Do(b.ctx, chromedp.Navigate(s.URL+"/economy")) }()

	// Scripts of the test itself still run.
	ready := func(name string) string {
		return fmt.Sprintf(`!!document.querySelector("main > [slot=%s]")`, name)
	}
	b.within(5*time.Second, `!!document.querySelector("h1")`, "the frame")
	b.within(5*time.Second, ready("activity"), "a panel that need not wait")
	if b.truth(ready("overview")) {
		t.Error("a panel is there whose numbers cannot be computed yet")
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-loaded; err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"overview", "inequality", "activity", "lorenz", "distribution", "rhythm", "wealth", "richest"} {
		if !b.truth(ready(name)) {
			t.Errorf("the panel %s did not come", name)
		}
	}
	for what, expression := range map[string]string{
		"the time of its numbers":  `/^[0-9:]{8}/.test(document.getElementById("live-text").innerText)`,
		"the dates of its period":  `document.querySelector(".folio .dates").checkVisibility()`,
		"the lede under the title": `document.getElementById("lede").getBoundingClientRect().top < document.getElementById("overview").getBoundingClientRect().top`,
		"one line of time":         `document.querySelectorAll("main > [slot=folio]").length === 1`,
	} {
		if !b.truth(expression) {
			t.Errorf("once all is there, the page lacks %s", what)
		}
	}
}

// TestScreenshot makes the screenshot of the README if SCREENSHOT names a file.
func TestScreenshot(t *testing.T) {
	file := os.Getenv("SCREENSHOT")
	if file == "" {
		t.Skip("set SCREENSHOT=docs/screenshot.png to draw it, SCREENSHOT_URL to draw another site's")
	}
	b := newTab(t)
	address := os.Getenv("SCREENSHOT_URL")
	if address == "" {
		address = newSite(t).URL
	}
	b.do(chromedp.EmulateViewport(1440, 900), chromedp.Navigate(address), chromedp.Sleep(time.Second))
	picture := value(b, chromedp.CaptureScreenshot())
	const limit = 300 << 10
	if len(picture) > limit {
		t.Errorf("the screenshot has %d bytes, want at most %d", len(picture), limit)
	}
	if err := os.WriteFile(file, picture, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestTheListOfAllAccountsCanBeDownloadedWhole(t *testing.T) {
	s := newSite(t)
	response, err := http.Get(s.URL + "/economy/richest.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	rows, err := csv.NewReader(response.Body).ReadAll()
	if err != nil {
		t.Fatalf("read %s: %v", response.Header.Get("Content-Type"), err)
	}
	var want int
	const query = `SELECT count(*) FROM balances JOIN accounts ON id = account WHERE kind <> 'system' AND archived IS NULL`
	if err := s.db.QueryRow(t.Context(), query).Scan(&want); err != nil {
		t.Fatal(err)
	}
	if got := len(rows) - 1; got != want {
		t.Errorf("the download has %d accounts, want all %d", got, want)
	}
}

func TestALongNameLeavesTheOtherColumnsOfATableToBeSeen(t *testing.T) {
	s, b := newSite(t), newTab(t)
	b.open(s.URL + "/economy/richest")
	for _, class := range []string{"", "long"} {
		b.script(`{ const cell = document.querySelector(".data td"); cell.className = "` + class + `"; cell.textContent = "W".repeat(512) }`)
		for _, width := range []int64{390, 1280} {
			b.do(chromedp.EmulateViewport(width, 900))
			if !b.truth(`document.querySelector(".data td").offsetWidth <= document.querySelector(".scroll").clientWidth / 2`) {
				t.Errorf("at %d px the column that stays (%q) takes more than half of the table", width, class)
			}
		}
	}
}

func TestThePageIsPrintedOnThreeSheetsWithoutWhatPaperCannotDo(t *testing.T) {
	s, b := newSite(t), newTab(t)
	b.open(s.URL + "/economy")
	b.newWindow(b.asOf(), 3*window)
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	background := true
	for _, scale := range []float64{1, 1.06} { // other fonts and amounts are larger
		printed, err := chromedp.Call(ctx, page.PrintToPDF, page.PrintToPDFParams{PaperWidth: 8.27, PaperHeight: 11.69, Scale: scale, PrintBackground: &background})
		if err != nil {
			t.Fatal(err)
		}
		if n := len(regexp.MustCompile(`/Type\s*/Page\b`).FindAll(printed.Data, -1)); n != 3 {
			t.Errorf("at a scale of %.2f the page is printed on %d sheets, want 3", scale, n)
		}
	}
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	for what, expression := range map[string]string{
		"the next refresh": `document.querySelector("#live-next").offsetWidth === 0`,
		"other periods":    `[...document.querySelectorAll(".windows a:not([aria-current])")].every((e) => e.offsetWidth === 0)`,
		"tools":            `[...document.querySelectorAll(".tools")].every((e) => e.offsetWidth === 0)`,
	} {
		if !b.truth(expression) {
			t.Errorf("%s are on paper", what)
		}
	}
	if !b.truth(`document.querySelector("#live").dataset.print.endsWith(location.href)`) {
		t.Error("the address is not on paper")
	}
}

func TestTheChoiceOfPopulationCanBeHitByAFinger(t *testing.T) {
	s, b := newSite(t), newTab(t)
	b.do(chromedp.EmulateViewport(360, 800), chromedp.Navigate(s.URL+"/economy"))
	b.newWindow(b.asOf(), 3*window)
	if !b.truth(`[...document.querySelectorAll("#inequality .group a")].every((e) => e.getBoundingClientRect().height >= 24 && e.getBoundingClientRect().width >= 24)`) {
		t.Error("a link to another population is less than 24 px wide or high")
	}
}
