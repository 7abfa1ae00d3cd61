package views

import (
	"strings"
	"testing"

	"exchequer/aggregates"
)

func TestMyPageSaysThatMoreItemsWereSold(t *testing.T) {
	k := &aggregates.Keeper{Sold: []aggregates.KeptSale{{Item: "bread", Sales: 1}}, Kinds: 60, Sales: 60}
	if got := render(t, mineSold(k, pounds)).Text(); !strings.Contains(got, "the 1 of 60 items") {
		t.Errorf("of 60 items it shows one and says %q", got)
	}
	k.Kinds = 1
	if got := render(t, mineSold(k, pounds)).Text(); strings.Contains(got, "These are") {
		t.Errorf("of all items it says %q", got)
	}
}
