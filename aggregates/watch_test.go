package aggregates

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// FuzzRefs reads any texts as lists of refs.
func FuzzRefs(f *testing.F) {
	for _, seed := range []string{"", "diamond~iron", "~~%", "%7E%25", "a\x00b", strings.Repeat("a~", 50), "<script>", strings.Repeat("x", 9000)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		refs := ParseRefs(text)
		if len(refs) > MostWatched+1 {
			t.Fatalf("%d refs", len(refs))
		}
		if again := ParseRefs(JoinRefs(refs)); strings.Join(again, "\x00") != strings.Join(refs, "\x00") {
			t.Fatalf("%q is written as %q, which is read as %q", refs, JoinRefs(refs), again)
		}
	})
}

// TestWhatIsWatchedIsWhatScanningSays compares balances and changes with sums of the
// postings, and prices with those of scanned sales.
func TestWhatIsWatchedIsWhatScanningSays(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 37))
	now := at(t, "03-11 15:00")
	r := randomRecord(random, now, 70, 200)
	sales := r.randomSales(random, 120)
	b := r.batch()
	for item := range 60 {
		ref := fmt.Sprintf("i/%02d", item)
		b.Items = append(b.Items, ledger.Item{Ref: ref, Name: itemName(ref)})
	}
	b.Sales = sales
	db, w := testkit.Postgres(t), windowAt(now)
	appendBatch(t, db, b)
	into, merged := r.twoOfAKind()
	appendBatch(t, db, ledger.Batch{Merges: []ledger.Merge{{Account: merged, Into: into}}})

	want := scannedHoldings(t, db, r.span(w, 30), PopulationAll)
	var refs []string
	var accounts []*Account
	for _, a := range append(want, HeldAccount{ID: merged}, HeldAccount{ID: "nobody"}) {
		account, err := ComputeAccount(t.Context(), db, w, AccountQuery{a.ID, WatchMonth})
		if err != nil {
			t.Fatal(err)
		}
		refs, accounts = append(refs, a.ID), append(accounts, account)
	}
	var ladders []*Ladder
	for _, p := range Populations() {
		l, err := ComputeLadder(t.Context(), db, w, p)
		if err != nil {
			t.Fatal(err)
		}
		ladders = append(ladders, l)
	}
	v := WatchAccounts(refs, accounts, ladders)
	if len(v.Accounts) != len(want) || strings.Join(v.Unknown, "~") != "nobody" {
		t.Fatalf("%d accounts, want %d; %q are unknown", len(v.Accounts), len(want), v.Unknown)
	}
	for n, a := range v.Accounts {
		wanted := want[n]
		if a.ID != wanted.ID || a.Balance != wanted.Balance || a.Day != sumOf(wanted.Day) || a.Week != sumOf(wanted.Week) || a.Month != sumOf(wanted.Month) || !sameTime(a.LastActive, wanted.LastActive) {
			t.Errorf("%+v, want %+v", a, wanted)
		}
		if a.ID == into && strings.Join(a.Refs, "~") != into+"~"+merged {
			t.Errorf("%s is named by %q", into, a.Refs)
		}
	}

	var items []*ItemWatch
	names := []string{"i/03", "nothing", "i/00"}
	for _, ref := range names {
		i, err := ComputeItemWatch(t.Context(), db, w, NewsQuery{ref})
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, i)
	}
	list, err := ComputeItems(t.Context(), db, w, WatchMonth)
	if err != nil {
		t.Fatal(err)
	}
	watched := WatchItems(list.Basis, names, items)
	if len(watched.Items) != 2 || len(watched.Unknown) != 1 || watched.Items[1].ID != "i/00" {
		t.Fatalf("watched are %+v", watched)
	}
	for _, i := range watched.Items {
		listed := list.Items[slices.IndexFunc(list.Items, func(l ListedItem) bool { return l.ID == i.ID })]
		if diff := gocmp.Diff(listed, i.ListedItem); diff != "" {
			t.Errorf("%s in the list of all items and among those watched:\n%s", i.ID, diff)
		}
		sold := slices.DeleteFunc(slices.Clone(sales), func(s ledger.Sale) bool { return s.Item != i.ID })
		got := []*float64{i.Price.Value, i.DayBefore, i.WeekBefore, i.Before}
		scanned := []*float64{scannedPrice(r.span(w, 0), sold).Value, scannedBefore(sold, r.span(w, WatchDay)), scannedBefore(sold, r.span(w, WatchWeek)), scannedBefore(sold, r.span(w, WatchMonth))}
		if diff := gocmp.Diff(scanned, got, cmpopts.EquateApprox(1e-9, 0)); diff != "" {
			t.Errorf("prices of %s (-scanned +got):\n%s", i.ID, diff)
		}
	}
}

func sameTime(a, b *time.Time) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Equal(*b)
}
