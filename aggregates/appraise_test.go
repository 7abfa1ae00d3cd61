package aggregates

import (
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestAListIsReadAsPeopleWriteIt(t *testing.T) {
	m := goods("minecraft:diamond", "Diamond", "oak_log", "Oak Log", "music_disc_13", "Music Disc 13", "xylophone", "Xylophone", "i:17", "Odd")
	for text, want := range map[string][]Wanted{
		"64 diamond": {{"minecraft:diamond", "64"}}, "diamond x64": {{"minecraft:diamond", "64"}}, "diamond 64": {{"minecraft:diamond", "64"}},
		"diamond\t64": {{"minecraft:diamond", "64"}}, "64\tdiamond": {{"minecraft:diamond", "64"}}, "diamond": {{"minecraft:diamond", "1"}},
		"64x diamond": {{"minecraft:diamond", "64"}}, "64 x diamond": {{"minecraft:diamond", "64"}}, "x64 diamond": {{"minecraft:diamond", "64"}},
		"diamond × 64": {{"minecraft:diamond", "64"}}, "diamond 64x": {{"minecraft:diamond", "64"}}, "Diamonds: 64": {{"minecraft:diamond", "64"}}, "diamond,64": {{"minecraft:diamond", "64"}},
		"64\u00a0diamond": {{"minecraft:diamond", "64"}}, "64, diamond": {{"minecraft:diamond", "64"}}, "minecraft:diamond:64": {{"minecraft:diamond", "64"}},
		"1,234 diamond": {{"minecraft:diamond", "1234"}}, "diamond 1'234'567": {{"minecraft:diamond", "1234567"}}, "diamond 1\u202f000": {{"minecraft:diamond", "1000"}}, "diamond 1_000": {{"minecraft:diamond", "1000"}},
		"diamond\t 64 \tores\t3500": {{"minecraft:diamond", "64"}}, "\t\t64\tdiamond": {{"minecraft:diamond", "64"}},
		"music disc 13": {{"music_disc_13", "1"}}, "music disc 13 x4": {{"music_disc_13", "4"}}, "4 music disc 13": {{"music_disc_13", "4"}},
		"64,diamond": {{"minecraft:diamond", "64"}}, "64xdiamond": {{"minecraft:diamond", "64"}}, "64;diamond": {{"minecraft:diamond", "64"}},
		"1 000 diamond": {{"minecraft:diamond", "1000"}}, "12 345 678 x diamond": {{"minecraft:diamond", "12345678"}}, "1 000 zzz": {{"zzz", "1000"}},
		"13 music disc 13": {{"music_disc_13", "13"}}, "music disc 14": {{"music disc", "14"}},
		"64 xylophones": {{"xylophone", "64"}}, "i:17": {{"i:17", "1"}},
		"# mine\n\n 3 diamond\r\n#5 oak log\n2 OAK_LOG\ndiamond\n": {{"minecraft:diamond", "4"}, {"oak_log", "2"}},
		"0 diamond": {{"diamond", "0"}}, "diamond -5": {{"diamond", "-5"}}, "1.5 diamond": {{"diamond", "1.5"}}, "1,5 diamond": {{"diamond", "1,5"}},
		"nothing of that kind": {{"nothing of that kind", ""}}, "64": {{"64", ""}}, "": nil, "\x00\x01": nil, "3d printer": {{"3d printer", ""}},
		"1000000000 diamond\ndiamond": {{"minecraft:diamond", "1000000000"}, {"diamond", ""}},
	} {
		got, err := ReadList(text, m)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%q (-want +read): %s %v", text, diff, err)
		}
	}
	if _, err := ReadList(strings.Repeat("diamond\n", 500)+"\n# end\n", m); err != nil {
		t.Errorf("500 lines: %v", err)
	}
	if _, err := ReadList(strings.Repeat("diamond\n", 501), m); !errors.Is(err, ErrManyLines) {
		t.Errorf("501 lines: %v", err)
	}
}

func TestAListInAnAddressIsReadAgain(t *testing.T) {
	for value, want := range map[string][]Wanted{
		"minecraft:diamond:64~iron:128":  {{"minecraft:diamond", "64"}, {"iron", "128"}},
		"diamond":                        {{"diamond", ""}},
		"minecraft:diamond":              {{"minecraft:diamond", ""}},
		"a%7Eb:3~50%25 off:2~50% off":    {{"a~b", "3"}, {"50% off", "2"}, {"50% off", ""}},
		"~~:5~ ~x:1.5~y:-3":              {{"x", "1.5"}, {"y", "-3"}},
		"x:" + strings.Repeat("9", 5000): {{"x", strings.Repeat("9", 40)}},
	} {
		got, err := ReadAddress(value)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%.80q (-want +read): %s %v", value, diff, err)
		}
		again, err := ReadAddress(WriteAddress(got))
		for n := range got {
			if got[n].Amount == "" {
				got[n].Amount = "1"
			}
		}
		if diff := cmp.Diff(got, again); diff != "" || err != nil {
			t.Errorf("%.80q written and read again: %s %v", value, diff, err)
		}
	}
	if _, err := ReadAddress(strings.Repeat("x~", 501)); !errors.Is(err, ErrManyLines) {
		t.Errorf("501 entries: %v", err)
	}
}

func TestWhatIsWrongWithALineIsSaidAndLeavesTheOthersAlone(t *testing.T) {
	items := []QuotedItem{
		{PricedItem: PricedItem{ID: "minecraft:diamond", Name: "Diamond", Price: Price{Value: pointerTo(10.25), Basis: "7", Sales: 9, Confidence: Firm}}, Ask: &BestOffer{Price: 7, Batch: 3}, Bid: &BestOffer{Price: 5, Batch: 2, Pieces: pointerTo(int64(1))}},
		{PricedItem: PricedItem{ID: "a:ruby", Name: "Ruby", Price: Price{Basis: "all", Confidence: None}}}, {PricedItem: PricedItem{ID: "b:ruby", Name: "Ruby", Price: Price{Basis: "all", Confidence: None}}},
		{PricedItem: PricedItem{ID: "stick", Name: "Stick", Price: Price{Basis: "all", Confidence: None}}},
	}
	m := NewMatcher(items)
	list := []Wanted{
		{"minecraft:diamond", "5"}, {"ruby", "1"}, {"dimond", "2"}, {"stick", "7"}, {"diamond", "0"}, {"diamond", "-3"}, {"diamond", "2.5"}, {"diamond", "99999999999999999999999"}, {"Diamonds", "1"}, {"diamond", "1000000000"},
	}
	a := Appraise(&AllPrices{Items: items, Count: 4}, m, list)
	type line struct {
		Name, Problem, Why string
		Amount             int64
		Choices            string
	}
	var got []line
	for _, l := range a.Lines {
		choices := ""
		for _, c := range l.Choices {
			choices += c.Ref + " "
		}
		got = append(got, line{l.Name, l.Problem, l.Why, l.Amount, choices})
	}
	want := []line{
		{"Diamond", "", "", 6, ""}, {"ruby", "several", "Several items have this name.", 1, "a:ruby b:ruby "}, {"dimond", "unknown", "No item has this name.", 2, "minecraft:diamond "}, {"Stick", "", "", 7, ""},
		{"Diamond", "amount", "The amount is zero.", 0, ""}, {"Diamond", "amount", "The amount is below zero.", 0, ""}, {"Diamond", "amount", "The amount is not a whole number of pieces.", 0, ""},
		{"Diamond", "amount", "The amount is more than 1,000,000,000.", 0, ""}, {"Diamond", "amount", "With the other lines of this item, the amount is more than 1,000,000,000.", 1000000000, ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got): %s", diff)
	}
	left := func(more ...string) []string {
		all := []string{"ruby", "dimond"}
		return append(append(all, more...), "Diamond", "Diamond", "Diamond", "Diamond", "Diamond")
	}
	for what, sums := range map[string][2]AppraisedSum{
		"buy":    {a.Buy, {Sum: sumOf(14), Lines: 1, LeftOut: left("Stick")}},    // 6 × 7/3
		"sell":   {a.Sell, {Sum: sumOf(15), Lines: 1, LeftOut: left("Stick")}},   // 6 × 5/2
		"median": {a.Median, {Sum: sumOf(62), Lines: 1, LeftOut: left("Stick")}}, // 61.5
	} {
		if diff := cmp.Diff(sums[1], sums[0]); diff != "" {
			t.Errorf("%s (-want +got): %s", what, diff)
		}
	}
	if rows := a.Table().Rows; len(rows) != len(a.Lines) {
		t.Errorf("%d rows of %d lines", len(rows), len(a.Lines))
	}
	fixed := a.Fixed(2, "minecraft:diamond")
	if fixed[2] != (Wanted{"minecraft:diamond", "2"}) || a.List[2].Name != "dimond" {
		t.Errorf("the list put right is %v, of %v", fixed[2], a.List[2])
	}
	again, err := ReadList(a.Text, m)
	if err != nil {
		t.Fatal(err)
	}
	b := Appraise(&AllPrices{Items: items}, m, again)
	if diff := cmp.Diff(a.Lines, b.Lines, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Entry" }, cmp.Ignore())); diff != "" {
		t.Errorf("the text of a list means another one (-list +text): %s", diff)
	}
}

func TestValuesAreExactHoweverLarge(t *testing.T) {
	for _, c := range [][3]int64{{1, 5, 2}, {1_000_000_000, 1<<63 - 1, 1}, {999_999_999, 1<<63 - 1, 1<<62 - 1}, {7, 0, 64}, {64, 3500, 64}, {1, 1<<63 - 1, 1<<63 - 1}} {
		exact := new(big.Rat).SetFrac(new(big.Int).Mul(big.NewInt(c[0]), big.NewInt(c[1])), big.NewInt(c[2]))
		if got, want := piecesAt(c[0], c[1], c[2]).String(), exact.FloatString(0); got != want {
			t.Errorf("%d pieces at %d for %d = %s, want %s", c[0], c[1], c[2], got, want)
		}
	}
	for x, want := range map[float64]string{0.5: "500000000", 9.2e18: "9200000000000000000000000000", 1e-12: "0", 0.1234567896: "123456790"} {
		if got := roundedTimes(x, 1_000_000_000).String(); got != want {
			t.Errorf("%g × 10^9 = %s, want %s", x, got, want)
		}
	}
}

// The example is of what is sold most, and is a list like any other.
func TestTheExampleIsOfTheItemsThatAreTradedMost(t *testing.T) {
	var items []QuotedItem
	for n, basis := range []string{"30", "7", "all", "7", "90", "7", "365"} {
		items = append(items, QuotedItem{PricedItem: PricedItem{ID: fmt.Sprint("i", n), Name: fmt.Sprint("Item ", n), Price: Price{Value: pointerTo(1.0), Basis: basis, Sales: int64(5 + n)}}})
	}
	items = append(items, QuotedItem{PricedItem: PricedItem{ID: "never", Name: "Never sold"}})
	a := Appraise(&AllPrices{Items: items}, NewMatcher(items), nil)
	if diff := cmp.Diff([]Wanted{{"i5", "64"}, {"i3", "32"}, {"i1", "16"}, {"i0", "8"}, {"i4", "1"}}, a.Example); diff != "" {
		t.Error(diff)
	}
	if len(Appraise(&AllPrices{Items: items[7:]}, NewMatcher(items[7:]), nil).Example) > 0 {
		t.Error("an example of what was never sold")
	}
}

func FuzzLists(f *testing.F) {
	m := goods("minecraft:diamond", "Diamond", "oak_log", "Oak Log", "music_disc_13", "Music Disc 13", "a~b", "50% off:3", "b:c", "Diamond")
	for _, text := range []string{"64 diamond", "a~b\t3\n50% off:3 x2", "#\n\n1,000 oak logs", "x x x64 x", "-5\u00a0\u202f7 \u2212 diamond:", "diamond:1e9~", "%7E%25:5"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := ReadList(text, m)
		if err != nil {
			return
		}
		value := WriteAddress(list)
		if unescaped, err := url.QueryUnescape(url.QueryEscape(value)); err != nil || unescaped != value || !utf8.ValidString(value) {
			t.Fatalf("%q cannot be part of an address", value)
		}
		again, err := ReadAddress(value)
		if err != nil {
			t.Fatal(err)
		}
		if got := WriteAddress(again); got != value {
			t.Errorf("%q becomes %q", value, got)
		}
		all := &AllPrices{Items: m.items}
		a, b := Appraise(all, m, list), Appraise(all, m, again)
		a.List, b.List = nil, nil
		a.Text, b.Text = "", ""
		if diff := cmp.Diff(a, b); diff != "" {
			t.Errorf("the address of %q means another list: %s", text, diff)
		}
		for _, l := range a.Lines {
			if l.Amount < 0 || l.Amount > MostPieces || (l.Problem == "") != (l.Amount > 0 && l.ID != "" && l.Why == "") && l.Problem == "" {
				t.Errorf("%q has the line %+v", text, l)
			}
		}
	})
}

func TestAnItemThatMayBeAmongThoseLeftOutIsNotSaidToBeMissing(t *testing.T) {
	all := &AllPrices{Count: 20_001, Items: []QuotedItem{{PricedItem: PricedItem{ID: "diamond", Name: "Diamond"}}}}
	a := Appraise(all, NewMatcher(all.Items), []Wanted{{Name: "ruby", Amount: "1"}})
	if want := "None of the 1 items that are looked through has this name; this ledger has more."; a.Lines[0].Why != want {
		t.Errorf("%q, want %q", a.Lines[0].Why, want)
	}
}
