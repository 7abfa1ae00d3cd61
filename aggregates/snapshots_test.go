package aggregates

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func TestSnapshotsOfAVillage(t *testing.T) {
	db, w := village(t)
	made, err := UpdateSnapshots(t.Context(), db, w.Start, DefaultExact)
	if err != nil {
		t.Fatal(err)
	}
	got := snapshots(t, db, w.Start)
	if made != 6 || len(got) != 38 { // 1 February to 10 March, with postings on six days
		t.Fatalf("%d snapshots made, of %d days, want 6 of 38", made, len(got))
	}
	on := func(s string) snapshot { return got[ledger.DayNumber(at(t, s+" 00:00"))-ledger.DayNumber(got[0].Day)] }
	if s := on("02-25"); s.Supply != sumOf(1000) || s.Holders != 0 || s.Gini != nil {
		t.Errorf("25 February: only the town has money, but %+v", s)
	}
	if s := on("02-26"); s.Supply != sumOf(1000) || s.Holders != 1 || *s.Gini != 0 || *s.Top10 != 0.1 {
		t.Errorf("26 February: Ann alone has money, but %+v", s)
	}
	// Ann 260 and 60, Bob 40: (40 + 2·320) · 2 / (2 · 360) − 3/2.
	if s := on("03-05"); s.Supply != sumOf(1060) || s.Holders != 2 || *s.Gini != 7.0/18 {
		t.Errorf("5 March: Ann 320, Bob 40, but %+v, Gini %v", s, *s.Gini)
	}
	if made, err := UpdateSnapshots(t.Context(), db, w.Start, DefaultExact); made != 0 || err != nil {
		t.Errorf("made %d again, %v", made, err)
	}
}

func TestAPostingOfThePastRemakesItsDayAndAllLaterOnes(t *testing.T) {
	db, w := village(t)
	if _, err := UpdateSnapshots(t.Context(), db, w.Start, DefaultExact); err != nil {
		t.Fatal(err)
	}
	before := snapshots(t, db, w.Start)
	appendBatch(t, db, ledger.Batch{Transactions: []ledger.Transaction{{
		Origin: "test", Ref: "late", At: at(t, "03-02 12:00"), Source: "grant",
		Postings: []ledger.Posting{{Account: "mint", Amount: -500}, {Account: "dan", Amount: 500}},
	}}})
	made, err := UpdateSnapshots(t.Context(), db, w.Start, DefaultExact)
	if err != nil || made != 5 { // of 2, 4, 6, 9 and 10 March
		t.Fatalf("%d snapshots remade, %v, want 5", made, err)
	}
	after := snapshots(t, db, w.Start)
	for i, s := range after {
		want := before[i].Supply
		if !s.Day.Before(at(t, "03-02 00:00")) {
			want = want.Add(500)
		} else if diff := cmp.Diff(before[i], s); diff != "" {
			t.Errorf("%s changed:\n%s", s.Day, diff)
		}
		if s.Supply != want {
			t.Errorf("%s: supply %s, want %s", s.Day.Format(time.DateOnly), s.Supply, want)
		}
	}
}

func TestArchivingInThePastRemakesSnapshots(t *testing.T) {
	db, w := village(t)
	if _, err := UpdateSnapshots(t.Context(), db, w.Start, DefaultExact); err != nil {
		t.Fatal(err)
	}
	holders := func(archived string) (made int, holders []int64) {
		t.Helper()
		appendBatch(t, db, ledger.Batch{Accounts: []ledger.Account{
			{Ref: "bob", Kind: ledger.Personal, Opened: at(t, "01-01 00:00"), Archived: at(t, archived)},
		}})
		made, err := UpdateSnapshots(t.Context(), db, w.Start, DefaultExact)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range snapshots(t, db, w.Start)[34:] { // 7 to 10 March
			holders = append(holders, s.Holders)
		}
		return made, holders
	}
	// 8 March, a quiet day, gets a snapshot of its own.
	if made, got := holders("03-08 12:00"); made != 3 || !slices.Equal(got, []int64{2, 1, 1, 1}) {
		t.Errorf("after Bob's account was archived on 8 March: %d snapshots made, %d holders", made, got)
	}
	if made, got := holders("03-08 00:00"); made != 3 || !slices.Equal(got, []int64{2, 1, 1, 1}) {
		t.Errorf("after it was archived at the midnight before: %d snapshots made, %d holders", made, got)
	}
	if made, err := UpdateSnapshots(t.Context(), db, w.Start, DefaultExact); made != 0 || err != nil {
		t.Errorf("made %d again, %v", made, err)
	}
}

func TestTheTrendOfAQuietLedgerHasEveryDay(t *testing.T) {
	db, _ := village(t)
	w := windowAt(at(t, "03-16 10:30"))
	trend := func() []DayMeasures {
		t.Helper()
		v, err := ComputeInequality(t.Context(), db, w, InequalityQuery{Population: PopulationPersonal})
		if err != nil {
			t.Fatal(err)
		}
		return v.Trend
	}
	if got := trend(); len(got) != 1 {
		t.Errorf("before any snapshot is made the trend has %d days, want today alone", len(got))
	}
	if _, err := UpdateSnapshots(t.Context(), db, w.Start, DefaultExact); err != nil {
		t.Fatal(err)
	}
	got := trend()
	if n := len(got); n != 31 || !got[0].Day.Equal(at(t, "02-14 00:00")) || *got[n-2].Gini != *got[n-5].Gini {
		t.Errorf("the trend is %+v, want 14 February to 16 March, the same since the 11th", got)
	}
	appendBatch(t, db, ledger.Batch{Transactions: []ledger.Transaction{{
		Origin: "test", Ref: "late", At: at(t, "03-12 12:00"), Source: "grant",
		Postings: []ledger.Posting{{Account: "mint", Amount: -500}, {Account: "dan", Amount: 500}},
	}}})
	if got := trend(); len(got) != 27 || !got[25].Day.Equal(at(t, "03-11 00:00")) {
		t.Errorf("after a late posting of the 12th the trend has %d days, want those to the 11th and today", len(got))
	}
}

func TestSnapshotsAreRightWhileOthersAppendAndUpdate(t *testing.T) {
	for _, exact := range []ExactUpTo{DefaultExact, 0} {
		t.Run(fmt.Sprint(exact), func(t *testing.T) { snapshotsBesideAppends(t, exact) })
	}
}

func snapshotsBesideAppends(t *testing.T, exact ExactUpTo) {
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
				if _, err := UpdateSnapshots(t.Context(), db, w.Start, exact); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if _, err := UpdateSnapshots(t.Context(), db, w.Start, exact); err != nil {
		t.Fatal(err)
	}
	got := snapshots(t, db, w.Start)
	if n := len(got); n != 38 || got[n-1].Supply != sumOf(1040+400) {
		t.Errorf("%d snapshots, the last %+v", n, got[max(0, n-1):])
	}
	report, err := ledger.New(db).Verify(t.Context())
	if err != nil || len(report.Differences) > 0 {
		t.Errorf("%v, %v", report, err)
	}
}

// Whatever is wrong with the snapshots, VerifySnapshots finds it, and a repair makes
// them as they were.
func TestARepairMakesTheSnapshotsThatUpdateWouldMake(t *testing.T) {
	for i, days := range []int{9, 200, longAgo} {
		t.Run(fmt.Sprint(days, " days"), func(t *testing.T) {
			random := rand.New(rand.NewPCG(uint64(i), 5))
			now := at(t, "03-11 15:00")
			db := testkit.Postgres(t)
			appendBatch(t, db, randomRecord(random, now, days, transactionsIn(days)).batch())
			if _, err := UpdateSnapshots(t.Context(), db, now, DefaultExact); err != nil {
				t.Fatal(err)
			}
			want := keptSnapshots(t, db)
			middle := want[len(want)/2].Day
			for _, damage := range []string{
				"", // nothing
				`UPDATE day_snapshots SET gini = 0.123`,
				`UPDATE day_snapshots SET active[7] = active[7] + 1 WHERE day = $1`,
				`UPDATE day_snapshots SET cohorts[30] = 9`,
				`UPDATE day_snapshots SET supply = supply + 1 WHERE day >= $1`,
				`DELETE FROM day_snapshots WHERE day = $1`,
				`INSERT INTO day_snapshots (day, supply, holders) SELECT date '0001-01-01', 1, 1 WHERE $1::date IS NOT NULL`,
			} {
				var args []any
				if strings.Contains(damage, "$1") {
					args = append(args, middle)
				}
				if _, err := db.Exec(t.Context(), damage, args...); err != nil {
					t.Fatal(err)
				}
				wrong, err := VerifySnapshots(t.Context(), db, now)
				if err != nil || (len(wrong) == 0) != (damage == "") {
					t.Errorf("after %q, VerifySnapshots = %v, %v", damage, wrong, err)
				}
				_, err = ledger.New(db).Repair(t.Context(), ledger.Repair{
					Snapshots: func(ctx context.Context, tx pgx.Tx, from time.Time) (time.Time, error) {
						return RemakeSnapshots(ctx, tx, from, now)
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, keptSnapshots(t, db)); diff != "" {
					t.Errorf("after %q and a repair (-made first +repaired):\n%s", damage, diff)
				}
				if wrong, err := VerifySnapshots(t.Context(), db, now); err != nil || len(wrong) > 0 {
					t.Errorf("after %q and a repair, VerifySnapshots = %v, %v", damage, wrong, err)
				}
			}
		})
	}
}
