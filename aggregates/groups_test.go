package aggregates

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

// Who counts, and who joined when, is the same of a large ledger, measures to within their
// bounds: as payments of any time come in, accounts are archived and merged, and days pass;
// added up or since.
func TestGroupsOfALargeLedgerAreThoseOfItsBalances(t *testing.T) {
	for _, zone := range []string{"UTC", "America/New_York"} {
		for i, days := range []int{60, 900} {
			for _, inOrder := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s, %d days, in their order %t", zone, days, inOrder), func(t *testing.T) {
					t.Parallel()
					random := rand.New(rand.NewPCG(uint64(i), 36))
					now := at(t, "03-11 15:00")
					r := randomRecord(random, now, days, 200)
					db := zonedLedger(t, zone)
					if inOrder {
						slices.SortFunc(r.transactions, func(a, b ledger.Transaction) int { return a.At.Compare(b.At) })
					} else {
						random.Shuffle(len(r.transactions), func(i, j int) { r.transactions[i], r.transactions[j] = r.transactions[j], r.transactions[i] })
					}
					check := func(when string) {
						t.Helper()
						if _, err := UpdateSnapshots(t.Context(), db, now, 0); err != nil {
							t.Fatal(err)
						}
						later := []time.Duration{0, 9 * hour, 40 * hour, 20 * day}[random.IntN(3)]
						sameGroups(t, db, windowAt(now.Add(later)), when)
						if t.Failed() {
							t.FailNow()
						}
					}
					parts := slices.Collect(slices.Chunk(r.transactions, 50))
					for n, part := range parts {
						b := record{r.accounts, part}.batch()
						if n > 0 {
							b.Accounts = nil // what was archived here stays so
						}
						appendBatch(t, db, b)
						appendBatch(t, db, newcomers(random, n, part))
						if n > 0 {
							check("with what came since")
						}
						foldAgain(t, db)
						check("added up")
						for ref, a := range r.accounts {
							if random.IntN(5) == 0 {
								a.Ref, a.Archived, a.InUse = ref, time.Time{}, a.Archived.IsZero() == (random.IntN(4) == 0)
								if !a.InUse {
									a.Archived = now.Add(time.Duration(random.IntN(40)-30) * day)
								}
								appendBatch(t, db, ledger.Batch{Accounts: []ledger.Account{a}})
							}
						}
						check("with some archived since")
					}
					appendBatch(t, db, ledger.Batch{Merges: r.merges()})
					check("merged since")
					foldAgain(t, db)
					check("merged")
					if report, err := ledger.New(db).Verify(t.Context()); err != nil || len(report.Differences) > 0 {
						t.Errorf("verify: %v, %v", report.Differences, err)
					}
				})
			}
		}
	}
}

// newcomers have a posting or two, at times of some transactions.
func newcomers(random *rand.Rand, n int, among []ledger.Transaction) ledger.Batch {
	b := ledger.Batch{Accounts: []ledger.Account{{Ref: "bank", Kind: ledger.System}}}
	for i := range 12 {
		a := ledger.Account{Ref: fmt.Sprint("new", n, " ", i), Kind: ledger.Kinds()[random.IntN(3)], Holder: fmt.Sprint("newcomer", n, " ", random.IntN(9))}
		b.Accounts = append(b.Accounts, a)
		for nr := range 1 + random.IntN(2) {
			amount := 1 + random.Int64N(1000)
			b.Transactions = append(b.Transactions, ledger.Transaction{
				Origin: "newcomers", Ref: fmt.Sprint(a.Ref, " ", nr), At: among[random.IntN(len(among))].At, Source: "grant",
				Postings: []ledger.Posting{{Account: "bank", Amount: -amount}, {Account: a.Ref, Amount: amount}},
			})
		}
	}
	return b
}

// foldAgain adds up what changed since the last time, however long ago that was.
func foldAgain(t *testing.T, db *pgxpool.Pool) {
	t.Helper()
	if _, err := db.Exec(t.Context(), `UPDATE holder_fold SET at = '-infinity', whole_at = '-infinity'`); err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.FoldHolders(t.Context(), db, 0); err != nil {
		t.Fatal(err)
	}
}

// sameGroups compares what a window says by tallies with the same by all balances.
func sameGroups(t *testing.T, db *pgxpool.Pool, w cache.Window, when string) {
	t.Helper()
	both := func(read func(ctx context.Context) error) {
		t.Helper()
		for _, exact := range []ExactUpTo{1000, 0} {
			if err := read(exact.within(t.Context())); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, p := range Populations() {
		for _, counted := range []Counted{CountedAll, CountedMoved, Counted90, Counted30} {
			var all []*Inequality
			both(func(ctx context.Context) error {
				v, err := ComputeInequality(ctx, db, w, InequalityQuery{p, counted})
				all = append(all, v)
				return err
			})
			name := fmt.Sprintf("%s, at %s, %s who count by %s", when, w.Start.Format(time.DateTime), p, counted)
			want, got := all[0], all[1]
			if want.Binned || !got.Binned {
				t.Errorf("%s: by bins is %t and %t, want false and true", name, want.Binned, got.Binned)
			}
			if diff := cmp.Diff(counts(want), counts(got)); diff != "" {
				t.Errorf("%s, by balances and by tallies:\n%s", name, diff)
			}
			for _, m := range []struct {
				name      string
				got, want Measure
			}{
				{"gini", got.Gini, want.Gini}, {"gini normal", got.GiniNormal, want.GiniNormal}, {"top 1 %", got.Top1, want.Top1}, {"top 10 %", got.Top10, want.Top10},
				{"bottom half", got.Bottom50, want.Bottom50}, {"palma", got.Palma, want.Palma}, {"theil", got.Theil, want.Theil}, {"hhi", got.HHI, want.HHI}, {"nakamoto", got.Nakamoto, want.Nakamoto},
			} {
				wantWithin(t, name+": "+m.name, m.got, m.want)
			}
			wantWithin(t, name+": median", Measure{Value: &got.Median, Bound: &got.MedianBound}, available(want.Median))
		}
	}
	var all []*Cohorts
	both(func(ctx context.Context) error {
		c, err := ComputeCohorts(ctx, db, w, NoParams{})
		all = append(all, c)
		return err
	})
	if diff := cmp.Diff(all[0], all[1], cmpopts.IgnoreFields(Cohort{}, "Median", "MedianBound")); diff != "" {
		t.Errorf("%s, at %s: cohorts by balances and by tallies:\n%s", when, w.Start, diff)
	}
	for i, want := range all[0].Cohorts {
		got := all[1].Cohorts[i]
		wantWithin(t, fmt.Sprintf("%s, at %s: median of those who joined in %s", when, w.Start, want.Start), Measure{Value: got.Median, Bound: &got.MedianBound}, Measure{Value: want.Median})
	}
}

// counts returns what has no bound.
func counts(v *Inequality) Inequality {
	return Inequality{
		Basis: v.Basis, Population: v.Population, Counted: v.Counted, Apart: v.Apart, Holders: v.Holders, Zero: v.Zero, Debtors: v.Debtors,
		Archived: v.Archived, Total: v.Total, Mean: v.Mean,
	}
}

// A process of the version before knows no groups. While others add up all it waits, and what
// it adds up alone is not taken for the groups.
func TestAFoldOfTheVersionBeforeIsNotTakenForAWholeOne(t *testing.T) {
	db, w := village(t)
	foldAgain(t, db)
	if _, err := UpdateSnapshots(t.Context(), db, w.Start, 0); err != nil {
		t.Fatal(err)
	}
	var due bool
	if err := db.QueryRow(t.Context(), `SELECT at < now() - interval '4 seconds' FROM holder_fold`).Scan(&due); err != nil || due {
		t.Errorf("the version before is to add up is %t, %v, want false", due, err)
	}
	// It adds up all, and then a little more.
	for _, step := range []string{
		`UPDATE holder_balances SET personal_latest = NULL, private_latest = NULL, personal_moved = NULL, private_moved = NULL, all_moved = NULL, joined = NULL`,
		`UPDATE holder_groups SET holders = holders + 7`,
		`UPDATE holder_fold SET at = now() - interval '1 minute'`,
	} {
		if _, err := db.Exec(t.Context(), step); err != nil {
			t.Fatal(err)
		}
	}
	lots := ExactUpTo(0).within(t.Context())
	read := func(counted Counted) *Inequality {
		t.Helper()
		v, err := ComputeInequality(lots, db, w, InequalityQuery{PopulationPersonal, counted})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := read(CountedAll); !v.Binned || v.Holders != 2 {
		t.Errorf("all holders: %+v, want 2 by bins", v)
	}
	moved := read(CountedMoved)
	if moved.Binned || moved.Holders+moved.Apart.Holders != 2 {
		t.Errorf("holders who moved: %+v, want those of the balances", moved)
	}
	cohorts, err := ComputeCohorts(lots, db, w, NoParams{})
	if err != nil {
		t.Fatal(err)
	}
	if folded, err := ledger.FoldHolders(t.Context(), db, 0); err != nil || !folded {
		t.Fatal("the next fold begins anew:", folded, err)
	}
	again := read(CountedMoved)
	if !again.Binned || again.Holders != moved.Holders || math.Abs(*again.Gini.Value-*moved.Gini.Value) > 1e-12 {
		t.Errorf("holders who moved, added up again: %+v, want %+v", again, moved)
	}
	sameGroups(t, db, w, "added up again")
	// Of windows long before the latest postings, the active ones are not kept.
	if v, err := ComputeInequality(lots, db, windowAt(w.Start.Add(-30*day)), InequalityQuery{PopulationPersonal, Counted90}); err != nil || v.Binned || v.Holders+v.Apart.Holders != 3 {
		t.Errorf("a window of a month before: by bins %t, %d holders, %v, want 3 of the balances", v.Binned, v.Holders, err)
	}
	tallied, err := ComputeCohorts(lots, db, w, NoParams{})
	if diff := cmp.Diff(cohorts, tallied); diff != "" || err != nil {
		t.Errorf("cohorts of balances, and added up again: %v\n%s", err, diff)
	}
}
