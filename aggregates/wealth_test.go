package aggregates

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"exchequer/ledger"
)

func TestWealthByKindOfAVillage(t *testing.T) {
	db, w := village(t)
	got, err := ComputeWealthByKind(t.Context(), db, w, NoParams{})
	if err != nil {
		t.Fatal(err)
	}
	want := &WealthByKind{Basis: basisOf(span{Start: at(t, "02-01 00:00"), End: w.Start}), Supply: sumOf(1040), Kinds: []KindWealth{
		{ledger.Personal, false, 5, 1, sumOf(370), 370.0 / 1040},
		{ledger.Business, false, 1, 0, sumOf(60), 60.0 / 1040},
		{ledger.Government, false, 1, 0, sumOf(610), 610.0 / 1040},
		{ledger.System, true, 1, 0, sumOf(-1040), -1},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("wealth by kind (-want +got):\n%s", diff)
	}
}
