package e2e_test

import (
	"testing"

	"github.com/chromedp/chromedp"
)

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
