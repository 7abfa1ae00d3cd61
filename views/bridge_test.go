package views

import (
	"strings"
	"testing"

	"exchequer/aggregates"
	"exchequer/internal/sample"
	"exchequer/ledger"
)

func TestABridgeHasTwelveBarsAtMostAndItsLastTwoAlways(t *testing.T) {
	for name, e := range map[string]*sample.Economy{"town": sample.Town(30), "council": sample.Council()} {
		bars, _ := bridgeBars(Page{Site: Site{Settings: e.Settings}}, e.Bridge)
		if len(bars) != 12 {
			t.Errorf("%s: %d bars, want 12", name, len(bars))
		}
		n := len(bars)
		if bars[n-3].Name != "Moved in or out" || bars[n-2].Name != "Unexplained" || bars[n-2].Warn != (name == "council") {
			t.Errorf("%s: the last bars are %+v", name, bars[n-3:])
		}
	}
	bars, _ := bridgeBars(Page{Site: Site{Settings: pounds}}, &aggregates.Bridge{})
	if len(bars) != 4 {
		t.Errorf("%d bars where nothing was created, want the ends and the last two", len(bars))
	}
}

func TestABridgeLeadsToTheDaysOfASource(t *testing.T) {
	b := &aggregates.Bridge{Steps: []aggregates.BridgeStep{{Source: "state wage/ä", Change: ledger.SumOf(5)}}, Closing: ledger.SumOf(5)}
	p := Page{Site: Site{Settings: pounds}, Params: ParseParams([]*Param{DaysParam}, "", "days=7")}
	if got := render(t, Bridge(p, b).Body).Find("a").AttrOr("href", ""); got != "/economy/sources/state%20wage%2F%C3%A4?days=7" {
		t.Errorf("it leads to %q", got)
	}
}

func TestTheBridgesSentenceIsTrue(t *testing.T) {
	for want, b := range map[string]*aggregates.Bridge{
		"All of the *£2.00* by which money grew in 30_days is explained.":   {Opening: ledger.SumOf(100), Closing: ledger.SumOf(300)},
		"All of the *£1.00* by which money shrank in 30_days is explained.": {Opening: ledger.SumOf(100)},
		"The books are off by *£0.12* in 30_days.":                          {Unexplained: ledger.SumOf(-12)},
		"": {Opening: ledger.SumOf(100), Closing: ledger.SumOf(100)},
	} {
		b.Days = "30"
		if got := strings.ReplaceAll(lead(Lede([]Sentence{sayBridge(b, pounds)}, "")), "₤", "£"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
