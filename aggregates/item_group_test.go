package aggregates

import (
	"fmt"
	"testing"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// Ranks are the places in the list of all items, and a group is the others of it there.
func TestGroupsAndRanksAreThoseOfTheList(t *testing.T) {
	db, w, _, _ := townMarket(t)
	for _, days := range []Days{7, 30, 0} {
		list, err := ComputeItems(t.Context(), db, w, days)
		if err != nil {
			t.Fatal(err)
		}
		want := &ItemRanks{Basis: list.Basis, Sold: list.Sold, Ranks: map[string]int64{}}
		groups := map[string][]ListedItem{}
		for n, i := range list.Items {
			if i.Sales > 0 {
				want.Ranks[i.ID] = int64(n) + 1
			}
			groups[i.Group] = append(groups[i.Group], i)
		}
		got, err := ComputeItemRanks(t.Context(), db, w, days)
		compare(t, "ranks", days, want, got, err)
		if len(groups) < 3 {
			t.Fatalf("the town has %d groups", len(groups))
		}
		seen := map[string]bool{}
		for _, i := range list.Items {
			if seen[i.Group] {
				continue
			}
			seen[i.Group] = true
			want := &ItemGroup{Basis: list.Basis, Group: i.Group, Items: []ListedItem{}}
			for _, other := range groups[i.Group] {
				if i.Group != "" && other.ID != i.ID {
					want.Items = append(want.Items, other)
					want.Count++
				}
			}
			want.Items = want.Items[:min(len(want.Items), mostOfGroup)]
			got, err := ComputeItemGroup(t.Context(), db, w, RoutesQuery{i.ID, days})
			compare(t, "group of "+i.ID, days, want, got, err)
		}
	}
}

func TestTheGroupOfAnItemIsTheOthers(t *testing.T) {
	db := testkit.Postgres(t)
	b := ledger.Batch{
		Accounts: []ledger.Account{{Ref: "ann", Kind: ledger.Personal}, {Ref: "mint", Kind: ledger.System}},
		Transactions: []ledger.Transaction{{Origin: "test", Ref: "1", Source: "gift", At: at(t, "03-10 12:00"),
			Postings: []ledger.Posting{{Account: "mint", Amount: -1}, {Account: "ann", Amount: 1}}}},
	}
	for n := range 70 {
		i := ledger.Item{Ref: fmt.Sprintf("ore%02d", n), Name: fmt.Sprintf("Ore %02d", n), Group: "ore"}
		b.Items = append(b.Items, i)
	}
	b.Items = append(b.Items, ledger.Item{Ref: "bread", Name: "Bread", Group: "food"}, ledger.Item{Ref: "hat", Name: "Hat"}, ledger.Item{Ref: "cap", Name: "Cap"})
	appendBatch(t, db, b)
	for ref, want := range map[string]string{"ore03": "ore 69: 50", "bread": "food 0: 0", "hat": " 0: 0"} {
		g, err := ComputeItemGroup(t.Context(), db, windowAt(at(t, "03-11 15:00")), RoutesQuery{ref, 30})
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%s %d: %d", g.Group, g.Count, len(g.Items)); got != want {
			t.Errorf("%s: %q, want %q", ref, got, want)
		}
	}
	if g, err := ComputeItemGroup(t.Context(), db, windowAt(at(t, "03-11 15:00")), RoutesQuery{"nothing", 30}); g != nil || err != nil {
		t.Errorf("no such item: %+v, %v", g, err)
	}
}
