package aggregates

import (
	"testing"

	"exchequer/ledger"
)

// Sources that know days and no times have an account archived at midnight. It is so from
// the day that begins, in whichever way the numbers of a day are found.
func TestAnAccountArchivedAtMidnightCountsOnTheDayBefore(t *testing.T) {
	db, w := village(t)
	appendBatch(t, db, ledger.Batch{Accounts: []ledger.Account{{Ref: "bob", Kind: ledger.Personal, Opened: at(t, "01-01 00:00"), Archived: at(t, "03-10 00:00")}}})
	if _, err := db.Exec(t.Context(), `UPDATE holder_fold SET at = '-infinity'`); err != nil {
		t.Fatal(err)
	}
	if folded, err := ledger.FoldHolders(t.Context(), db, 0); err != nil || !folded {
		t.Fatal(folded, err)
	}
	if _, err := UpdateSnapshots(t.Context(), db, w.Start, 0); err != nil {
		t.Fatal(err)
	}
	for day, want := range map[Date]struct{ holders, all, archived int64 }{
		"2026-03-09": {2, 3, 0}, // ann and bob, and the town
		"2026-03-10": {1, 3, 1}, // bob has a shop too
	} {
		for how, exact := range map[string]ExactUpTo{"by all balances": 1000, "by tallies": 0} {
			ctx := exact.within(t.Context())
			i, err := ComputePastInequality(ctx, db, w, AsOf[InequalityQuery]{InequalityQuery{Population: PopulationPersonal}, day})
			if err != nil || i.Holders != want.holders || i.Archived != want.archived {
				t.Errorf("%s, %s: %d holders, %d accounts archived, %v; want %+v", day, how, i.Holders, i.Archived, err, want)
			}
			f, err := ComputePastFlow(ctx, db, w, AsOf[Days]{30, day})
			if err != nil || f.Holders != want.all {
				t.Errorf("%s, %s: %d holders in all, %v; want %d", day, how, f.Holders, err, want.all)
			}
			v, err := ComputePastWealthByKind(ctx, db, w, AsOf[NoParams]{At: day})
			if err != nil {
				t.Fatal(err)
			}
			var archived int64
			for _, k := range v.Kinds {
				archived += k.Archived
			}
			if archived != want.archived {
				t.Errorf("%s, %s: %d accounts archived by kind, want %d", day, how, archived, want.archived)
			}
		}
		listed, err := ComputePastHoldings(t.Context(), db, w, AsOf[Population]{PopulationPersonal, day})
		if err != nil || listed.Count != want.holders+1 { // ann has two
			t.Errorf("%s: %d accounts are listed, %v; want %d", day, listed.Count, err, want.holders+1)
		}
	}
}

// A ledger that has ended ends at midnight too.
func TestAnAccountArchivedWhenTheLedgerHasEndedCounts(t *testing.T) {
	db, w := village(t)
	appendBatch(t, db, ledger.Batch{Accounts: []ledger.Account{{Ref: "bob", Kind: ledger.Personal, Opened: at(t, "01-01 00:00"), Archived: at(t, "03-12 00:00")}}})
	if folded, err := ledger.FoldHolders(t.Context(), db, 0); err != nil || !folded {
		t.Fatal(folded, err)
	}
	w = windowAt(w.Start.AddDate(0, 2, 0))
	for how, exact := range map[string]ExactUpTo{"by all balances": 1000, "by tallies": 0} {
		i, err := ComputeInequality(exact.within(t.Context()), db, w, InequalityQuery{Population: PopulationPersonal})
		if err != nil || !i.Historical || i.Holders != 2 { // ann and bob
			t.Errorf("%s: %d holders, ended is %t, %v; want 2", how, i.Holders, i.Historical, err)
		}
	}
}
