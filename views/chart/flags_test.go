package chart

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// flags draws events in the order of their columns, some of them beyond the chart.
func flags(t *rapid.T, columns int) []Flag {
	var all []Flag
	for range rapid.IntRange(0, 12).Draw(t, "flags") {
		first := rapid.IntRange(-3, columns+3).Draw(t, "first")
		all = append(all, Flag{First: first, Last: first + rapid.IntRange(-2, 30).Draw(t, "length"), Lasts: rapid.Bool().Draw(t, "lasts"), Title: "Fair"})
	}
	slices.SortStableFunc(all, func(a, b Flag) int { return cmp.Compare(a.First, b.First) })
	for i := range all {
		all[i].Number = i + 1
	}
	return all
}

func TestTheNumbersOfFlagsNeverTouchAndLoseNone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		columns := rapid.IntRange(1, 400).Draw(t, "columns")
		all := flags(t, columns)
		for _, width := range []float64{narrow, wide} {
			end, next := -2.0, 1
			for _, box := range flagBoxes(all, columns, width) {
				if box.from < end+2 || box.from < 0 || box.to > width {
					t.Fatalf("at %v px %q stands from %v to %v, after one that ends at %v", width, box.text, box.from, box.to, end)
				}
				first, last, _ := strings.Cut(box.text, "–")
				if first != number(next) {
					t.Fatalf("at %v px %q follows %d", width, box.text, next-1)
				}
				for next++; last != "" && number(next-1) != last; next++ {
					if next > len(all) {
						t.Fatalf("%q counts on", box.text)
					}
				}
				end = box.to
			}
			if next != len(all)+1 {
				t.Fatalf("at %v px %d of %d numbers are there", width, next-1, len(all))
			}
		}
	})
}

func number(n int) string { return numbers([]float64{float64(n)})[0] }

func TestAFlagIsInTheTipsOfItsColumns(t *testing.T) {
	all := []Flag{{1, 0, 2, true, "Fair\nof the harbour"}, {2, 1, 1, false, "Tax"}, {3, 1, 1, false, "Fee"}, {4, 1, 1, false, "Fine"}}
	for column, want := range []string{"£5\n1 Fair of the harbour", "£5\n1 Fair of the harbour\n2 Tax\n3 Fee\nand 1 more", "£5\n1 Fair of the harbour", "£5"} {
		if got := flagTip("£5", all, column, 4); got != want {
			t.Errorf("the tip of column %d is %q, want %q", column, got, want)
		}
	}
}

func TestTheNamesOfBrokenColumnsStandBelowTheNumbersOfFlags(t *testing.T) {
	peaks := days(30)
	peaks.Values[4].Value = 9000
	peaks.Flags = []Flag{{Number: 1, First: 4, Last: 4}}
	for _, n := range peaks.notes(narrow, []float64{0, 0, 0, 0, 9000}, 180) {
		if n.y-em < flagRow {
			t.Errorf("%q is at %v, among the numbers of events", n.text, n.y)
		}
	}
}
