package aggregates

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func TestASiteMapHasEachThingOnceAndNobodyHidden(t *testing.T) {
	db := testkit.Postgres(t)
	b := ledger.Batch{
		Accounts: []ledger.Account{{Ref: "mint", Kind: ledger.System}, {Ref: "secret", Kind: ledger.Business, Holder: "h:secret"}, {Ref: "old", Kind: ledger.Personal}},
		Holders:  []ledger.Holder{{Ref: "h:secret", Name: "Secret", Hidden: true}},
		Merges:   []ledger.Merge{{Account: "old", Into: "a0"}},
	}
	want := map[MappedKind][]string{MappedAccounts: {"mint"}, MappedFirms: {"baker"}, MappedItems: {}, MappedShops: {"stall"}, MappedReports: nil}
	for i := range 9 {
		ref := fmt.Sprint("a", i)
		a := ledger.Account{Ref: ref, Kind: ledger.Personal}
		if i > 6 {
			a.Kind, a.Holder = ledger.Business, "baker"
		}
		b.Accounts = append(b.Accounts, a)
		b.Items = append(b.Items, ledger.Item{Ref: "i:" + ref})
		want[MappedAccounts], want[MappedItems] = append(want[MappedAccounts], ref), append(want[MappedItems], "i:"+ref)
	}
	b.Shops = []ledger.Shop{{Ref: "stall", Owner: "a7", Active: true, Seen: time.Now()}, {Ref: "den", Owner: "secret", Active: true, Seen: time.Now()}}
	if _, err := ledger.New(db).Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	for _, most := range []int{1, 2, 5, 1000} {
		m, err := readSiteMap(t.Context(), db, most)
		if err != nil {
			t.Fatal(err)
		}
		got := map[MappedKind][]string{}
		for _, part := range m.Parts {
			n := 0
			err := (&Economy{reads: always(db)}).Mapped(t.Context(), part, func(ref string) error {
				got[part.Kind] = append(got[part.Kind], ref)
				n++
				return nil
			})
			if err != nil || n == 0 || n > most {
				t.Errorf("a part of at most %d %s has %d, %v", most, part.Kind, n, err)
			}
		}
		for kind, refs := range want {
			slices.Sort(refs)
			slices.Sort(got[kind])
			if !slices.Equal(got[kind], refs) {
				t.Errorf("parts of %d list the %s %v, want %v", most, kind, got[kind], refs)
			}
		}
	}
}
