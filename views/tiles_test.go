package views

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"exchequer/internal/sample"
)

func TestTilesCompareLikeWithLike(t *testing.T) {
	o := *sample.Town(7).Overview
	var got [][]string
	for _, tl := range overviewTiles(&o, pounds) {
		got = append(got, []string{tl.Key, plain(tl.Value), plain(tl.Change), tl.Class, tl.Since})
	}
	want := [][]string{
		{"supply", "£8,214,907", "+1.8_%", "up", "against the 7 days before"},
		{"active", "1,318", "−2.4_%", "down", "against the 7 days before"},
		{"transactions", "446,219", "+6.1_%", "up", "against the 7 days before"},
		{"velocity", "1.92_×", "+0.11", "up", "against the 7 days before"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tiles (-want +got):\n%s", diff)
	}
}

func TestADayThatIsNotOverDoesNotLookLikeAFall(t *testing.T) {
	o := *sample.Town(7).Overview
	running := overviewTiles(&o, pounds)
	o.Historical = true
	ended := overviewTiles(&o, pounds)
	for i, want := range []int{7, 7, 6, 6} {
		if got := len(running[i].Series); got != want {
			t.Errorf("%s shows %d days, want %d", running[i].Key, got, want)
		}
		if got := len(ended[i].Series); got != 7 {
			t.Errorf("%s of a ledger that ended shows %d days, want 7", ended[i].Key, got)
		}
	}
}

func TestATileWithoutAValueSaysWhy(t *testing.T) {
	for _, tl := range inequalityTiles(sample.Council().Inequality) {
		if tl.Key != "palma" {
			continue
		}
		if want := "Not defined here: the poorer 40 % together hold nothing, or owe more than they have."; tl.Why != want {
			t.Errorf("%q, want %q", tl.Why, want)
		}
	}
}

func TestAnAmountFitsItsTile(t *testing.T) {
	for amount, want := range map[int64]string{
		821490650: "£8,214,907", 999999949: "£9,999,999", 1_234_567_890_12: "£1.23_bn", -99_999_99: "−£100,000", 1: "£0.01",
	} {
		if got := plain(moneyTile(amount, pounds)); got != want {
			t.Errorf("moneyTile(%d) = %q, want %q", amount, got, want)
		}
	}
}
