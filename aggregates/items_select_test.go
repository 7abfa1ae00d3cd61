package aggregates

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"exchequer/ledger"
)

// listed is n items, of which many are equal in what they are sorted by.
func listed(r *rand.Rand, n int) *Items {
	v := &Items{Count: int64(n)}
	for i := range n {
		item := ListedItem{PricedItem: PricedItem{ID: fmt.Sprint("r/", i), Name: []string{"Oak log", "oak Log", "Birch log", "İron"}[r.IntN(4)], Price: Price{Confidence: None}}}
		if r.IntN(4) > 0 {
			item.Sales, item.Volume = r.Int64N(4), ledger.SumOf(r.Int64N(4))
			last := time.Date(2026, 3, 11, 12, 0, 0, 0, time.UTC).Add(time.Duration(r.IntN(4)) * hour)
			item.Price = Price{Value: pointerTo(float64(1 + r.IntN(4))), LastAt: &last, Confidence: []Confidence{Firm, Thin, Guess}[r.IntN(3)]}
		}
		if r.IntN(2) == 0 {
			item.Before, item.Asks = pointerTo(float64(1+r.IntN(3))), 1
		}
		v.Items = append(v.Items, item)
	}
	slices.SortFunc(v.Items, func(a, b ListedItem) int { return b.Volume.Compare(a.Volume) })
	return v
}

func TestFollowingTheListShowsEveryItemOnce(t *testing.T) {
	v := listed(rand.New(rand.NewPCG(1, 5)), 230)
	for _, sort := range append(slices.Sorted(maps.Keys(itemOrders)), "", "nonsense") {
		whole, matching, _, _ := v.Select(ItemFilter{Sort: sort}, "", len(v.Items))
		var all []ListedItem
		after := ""
		for {
			rows, n, more, _ := v.Select(ItemFilter{Sort: sort}, after, 37)
			if n != 230 || matching != 230 {
				t.Fatalf("%s: %d items match, want all", sort, n)
			}
			if all = append(all, rows...); !more {
				break
			}
			after = rows[len(rows)-1].ID
		}
		if len(all) != 230 || !slices.EqualFunc(all, whole, func(a, b ListedItem) bool { return a.ID == b.ID }) {
			t.Errorf("sorted by %q: pages show %d items, want the 230 of the list, in its order", sort, len(all))
		}
	}
	if rows, _, _, err := v.Select(ItemFilter{}, "no such ref", 10); !errors.Is(err, ErrUnknownCursor) || rows != nil {
		t.Errorf("after an item that is not there: %d rows, %v, want an error", len(rows), err)
	}
}

func TestOrdersPutWhatIsMissingLast(t *testing.T) {
	v := listed(rand.New(rand.NewPCG(2, 5)), 120)
	for sort, number := range map[string]func(ListedItem) *float64{
		"cheap": func(i ListedItem) *float64 { return i.Price.Value },
		"rise": func(i ListedItem) *float64 {
			if c := i.Change(); c != nil {
				return pointerTo(-*c)
			}
			return nil
		},
		"last": func(i ListedItem) *float64 {
			if i.Price.LastAt == nil {
				return nil
			}
			return pointerTo(-float64(i.Price.LastAt.Unix()))
		},
	} {
		rows, _, _, _ := v.Select(ItemFilter{Sort: sort}, "", 120)
		for n := range rows[1:] {
			a, b := number(rows[n]), number(rows[n+1])
			if a == nil && b != nil || a != nil && b != nil && *a > *b {
				t.Errorf("%s: %v comes before %v", sort, a, b)
			}
		}
	}
}

func TestFiltersOfItems(t *testing.T) {
	v := &Items{Items: []ListedItem{
		{PricedItem: PricedItem{ID: "minecraft:oak_log", Name: "Oak log", Price: Price{Value: pointerTo(1.0), Confidence: Firm}}, Sales: 3, Asks: 1},
		{PricedItem: PricedItem{ID: "x", Name: "Log of OAK", Price: Price{Value: pointerTo(1.0), Confidence: Thin}}, Asks: 2},
		{PricedItem: PricedItem{ID: "y", Name: "Älg %_", Price: Price{Value: pointerTo(1.0), Confidence: Guess}}, Sales: 1},
		{PricedItem: PricedItem{ID: "z", Name: "", Price: Price{Confidence: None}}},
	}}
	for _, c := range []struct {
		f    ItemFilter
		want string
	}{
		{ItemFilter{}, "z y x minecraft:oak_log"}, {ItemFilter{Text: "oak log"}, "x minecraft:oak_log"}, {ItemFilter{Text: "MINECRAFT"}, "minecraft:oak_log"},
		{ItemFilter{Text: "älg"}, "y"}, {ItemFilter{Text: "%_"}, "y"}, {ItemFilter{Text: "birch"}, ""},
		{ItemFilter{Stocked: true}, "x minecraft:oak_log"}, {ItemFilter{Sold: true}, "y minecraft:oak_log"}, {ItemFilter{Sold: true, Stocked: true}, "minecraft:oak_log"},
		{ItemFilter{Confidence: "firm"}, "minecraft:oak_log"}, {ItemFilter{Confidence: "thin"}, "x minecraft:oak_log"}, {ItemFilter{Confidence: "priced"}, "y x minecraft:oak_log"}, {ItemFilter{Confidence: "all"}, "z y x minecraft:oak_log"},
	} {
		rows, n, _, _ := v.Select(c.f, "", 10)
		var refs []string
		for _, i := range rows {
			refs = append(refs, i.ID)
		}
		got := strings.Join(refs, " ")
		slices.Sort(refs)
		wanted := strings.Fields(c.want)
		slices.Sort(wanted)
		if !slices.Equal(refs, wanted) || n != len(rows) {
			t.Errorf("%+v: %q, want %q", c.f, got, c.want)
		}
	}
}
