package aggregates

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exchequer/ledger"
)

func TestSnapshotsOfAVillage(t *testing.T) {
	db, w := village(t)
	made, err := UpdateSnapshots(t.Context(), db, w.Start)
	if err != nil {
		t.Fatal(err)
	}
	got := snapshots(t, db)
	if made != 38 || len(got) != 38 { // 1 February to 10 March
		t.Fatalf("%d snapshots made, %d there, want 38", made, len(got))
	}
	on := func(s string) snapshot { return got[int(at(t, s+" 00:00").Sub(got[0].Day)/day)] }
	if s := on("02-25"); s.Supply != 1000 || s.Holders != 0 || s.Gini != nil {
		t.Errorf("25 February: only the town has money, but %+v", s)
	}
	if s := on("02-26"); s.Supply != 1000 || s.Holders != 1 || *s.Gini != 0 || *s.Top10 != 0.1 {
		t.Errorf("26 February: Ann alone has money, but %+v", s)
	}
	// Ann 260 and 60, Bob 40: (40 + 2·320) · 2 / (2 · 360) − 3/2.
	if s := on("03-05"); s.Supply != 1060 || s.Holders != 2 || *s.Gini != 7.0/18 {
		t.Errorf("5 March: Ann 320, Bob 40, but %+v, Gini %v", s, *s.Gini)
	}
	if made, err := UpdateSnapshots(t.Context(), db, w.Start); made != 0 || err != nil {
		t.Errorf("made %d again, %v", made, err)
	}
}

func TestAPostingOfThePastRemakesItsDayAndAllLaterOnes(t *testing.T) {
	db, w := village(t)
	if _, err := UpdateSnapshots(t.Context(), db, w.Start); err != nil {
		t.Fatal(err)
	}
	before := snapshots(t, db)
	appendBatch(t, db, ledger.Batch{Transactions: []ledger.Transaction{{
		Origin: "test", Ref: "late", At: at(t, "03-02 12:00"), Source: "grant",
		Postings: []ledger.Posting{{Account: "mint", Amount: -500}, {Account: "dan", Amount: 500}},
	}}})
	made, err := UpdateSnapshots(t.Context(), db, w.Start)
	if err != nil || made != 9 { // 2 to 10 March
		t.Fatalf("%d snapshots remade, %v, want 9", made, err)
	}
	after := snapshots(t, db)
	for i, s := range after {
		want := before[i].Supply
		if !s.Day.Before(at(t, "03-02 00:00")) {
			want += 500
		} else if diff := cmp.Diff(before[i], s); diff != "" {
			t.Errorf("%s changed:\n%s", s.Day, diff)
		}
		if s.Supply != want {
			t.Errorf("%s: supply %d, want %d", s.Day.Format(time.DateOnly), s.Supply, want)
		}
	}
}

func TestArchivingInThePastRemakesSnapshots(t *testing.T) {
	db, w := village(t)
	if _, err := UpdateSnapshots(t.Context(), db, w.Start); err != nil {
		t.Fatal(err)
	}
	appendBatch(t, db, ledger.Batch{Accounts: []ledger.Account{
		{Ref: "bob", Kind: ledger.Personal, Opened: at(t, "01-01 00:00"), Archived: at(t, "03-08 12:00")},
	}})
	if _, err := UpdateSnapshots(t.Context(), db, w.Start); err != nil {
		t.Fatal(err)
	}
	got := snapshots(t, db)
	if n := len(got); n != 38 || got[n-1].Holders != 1 || got[n-4].Holders != 2 {
		t.Errorf("after Bob's account was archived on 8 March: %+v", got[max(0, n-4):])
	}
}

func TestSnapshotsAreRightWhileOthersAppendAndUpdate(t *testing.T) {
	db, w := village(t)
	first := at(t, "02-01 12:00")
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 10 {
				_, err := ledger.New(db).Append(t.Context(), ledger.Batch{Transactions: []ledger.Transaction{{
					Origin: "test", Ref: string(rune('A'+i)) + string(rune('a'+j)), Source: "grant",
					At:       first.Add(time.Duration(i*7+j) * 25 * hour),
					Postings: []ledger.Posting{{Account: "mint", Amount: -10}, {Account: "dan", Amount: 10}},
				}}})
				if err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for range 5 {
				if _, err := UpdateSnapshots(t.Context(), db, w.Start); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if _, err := UpdateSnapshots(t.Context(), db, w.Start); err != nil {
		t.Fatal(err)
	}
	got := snapshots(t, db)
	if n := len(got); n != 38 || got[n-1].Supply != 1040+400 {
		t.Errorf("%d snapshots, the last %+v", n, got[max(0, n-1):])
	}
	report, err := ledger.New(db).Verify(t.Context())
	if err != nil || len(report.Differences) > 0 {
		t.Errorf("%v, %v", report, err)
	}
}
