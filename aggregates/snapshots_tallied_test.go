package aggregates

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// What tallies say of the days of a ledger is what all balances say: sums and numbers the
// same, and measures to within what bins allow, whichever days are made at once, after appends
// into the past, archivings and merges.
func TestDaysFromTalliesAreThoseOfAllBalances(t *testing.T) {
	for i, days := range []int{9, 45, 800} {
		for _, zone := range []string{"UTC", "America/New_York"} {
			t.Run(fmt.Sprintf("%d days, %s", days, zone), func(t *testing.T) {
				t.Parallel()
				random := rand.New(rand.NewPCG(uint64(i), 34))
				now := at(t, "03-11 15:00")
				r := randomRecord(random, now, days, 200)
				db := zonedLedger(t, zone)
				check := func(atOnce int) {
					t.Helper()
					if _, err := updateTallied(t.Context(), db, now, atOnce); err != nil {
						t.Fatal(err)
					}
					sameDays(t, db, now)
				}
				for part := range r.parts(random) {
					appendBatch(t, db, part)
					check(1 + random.IntN(40))
				}
				// Few days at the end, of those holders alone who changed in them.
				if _, err := db.Exec(t.Context(), `DELETE FROM day_snapshots WHERE day >= $1::date`, plus(now, -6)); err != nil {
					t.Fatal(err)
				}
				if _, err := db.Exec(t.Context(), `DELETE FROM day_tallies WHERE day >= $1::date`, plus(now, -6)); err != nil {
					t.Fatal(err)
				}
				check(3)
				appendBatch(t, db, ledger.Batch{Merges: r.merges()})
				check(talliedAtOnce)
				for ref, a := range r.accounts {
					if a.Archived.IsZero() {
						a.Archived = plus(now, -random.IntN(days))
						appendBatch(t, db, ledger.Batch{Accounts: []ledger.Account{a}})
						delete(r.accounts, ref)
						break
					}
				}
				check(20)
				if wrong, err := VerifySnapshots(t.Context(), db, now); err != nil || len(wrong) > 0 {
					t.Errorf("VerifySnapshots = %v, %v", wrong, err)
				}
			})
		}
	}
}

// sameDays compares all snapshots with those of all balances.
func sameDays(t *testing.T, db *pgxpool.Pool, now time.Time) {
	t.Helper()
	err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
		kept, err := allSnapshots(t.Context(), tx)
		if err != nil {
			return err
		}
		today, err := today(t.Context(), tx, now)
		if err != nil {
			return err
		}
		var want []daySnapshot
		for from := kept[0].Day; !from.After(plus(today, -1)); {
			to, rows, err := snapshotsFrom(t.Context(), tx, from, today)
			if err != nil {
				return err
			}
			want, from = append(want, rows...), plus(to, 1)
		}
		if len(kept) != len(want) {
			t.Fatalf("%d days have snapshots, want %d", len(kept), len(want))
		}
		for i, w := range want {
			sameDay(t, kept[i], w)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func allSnapshots(ctx context.Context, tx pgx.Tx) ([]daySnapshot, error) {
	rows, _ := tx.Query(ctx, `SELECT `+strings.Join(snapshotColumns, ", ")+` FROM day_snapshots ORDER BY day`)
	return pgx.CollectRows(rows, readSnapshot)
}

func sameDay(t *testing.T, got, want daySnapshot) {
	t.Helper()
	about := func(name string, got, want *float64) {
		t.Helper()
		if (got == nil) != (want == nil) || got != nil && math.Abs(*got-*want) > 0.02*(1+math.Abs(*want)) {
			t.Errorf("%s is %v, want about %v", name, orNil(got), orNil(want))
		}
	}
	if !got.Day.Equal(want.Day) || got.Supply != want.Supply || got.Holders != want.Holders ||
		!slices.Equal(got.Active, want.Active) || !slices.Equal(got.Cohorts, want.Cohorts) {
		t.Errorf("%s: %s\nwant %s of %s", got.Day.Format(time.DateOnly), got.whole(), want.whole(), want.Day.Format(time.DateOnly))
	}
	about("gini", got.Gini, want.Gini)
	about("top 1 %", got.Top1, want.Top1)
	about("top 10 %", got.Top10, want.Top10)
	for i, p := range want.Populations {
		of := got.Populations[i]
		if of.Holders != p.Holders || of.Total != p.Total {
			t.Errorf("%s, population %d: %d holders with %s, want %d with %s", got.Day.Format(time.DateOnly), i, of.Holders, of.Total, p.Holders, p.Total)
		}
		about("gini of a population", of.Gini, p.Gini)
		if len(of.Curve) != len(p.Curve) {
			t.Errorf("%s: the curve has %d points, want %d", got.Day.Format(time.DateOnly), len(of.Curve), len(p.Curve))
		}
		for j := range p.Curve {
			if math.Abs(float64(of.Curve[j]-p.Curve[j])) > 0.02*(1+math.Abs(float64(p.Curve[j]))) {
				t.Errorf("%s: the poorest %d/1000 hold %v, want about %v", got.Day.Format(time.DateOnly), curveShares[j], of.Curve[j], p.Curve[j])
			}
		}
	}
}

// Whatever is wrong with the days of a large ledger, VerifySnapshots finds it, and they are
// made anew once they are deleted, as a repair does.
func TestVerifyingFindsWrongTallies(t *testing.T) {
	now := at(t, "03-11 15:00")
	db := testkit.Postgres(t)
	appendBatch(t, db, randomRecord(rand.New(rand.NewPCG(1, 36)), now, 60, 150).batch())
	update := func() {
		t.Helper()
		if _, err := UpdateSnapshots(t.Context(), db, now, 0); err != nil {
			t.Fatal(err)
		}
	}
	update()
	for _, damage := range []string{
		"", // nothing
		`UPDATE day_snapshots SET gini = 0.123 WHERE day = (SELECT max(day) FROM day_snapshots)`,
		`UPDATE day_tallies SET holders[1] = holders[1] + 1 WHERE tally = 'kinds' AND day = (SELECT max(day) FROM day_tallies)`,
		`UPDATE day_tallies SET totals[1] = totals[1] + 1 WHERE tally = 'single' AND day = (SELECT min(day) FROM day_tallies)`,
		`DELETE FROM day_snapshots WHERE day = (SELECT min(day) FROM day_snapshots)`,
		`DELETE FROM day_tallies WHERE day = (SELECT min(day) FROM day_tallies)`,
	} {
		changed, err := db.Exec(t.Context(), damage)
		if err != nil || (changed.RowsAffected() == 0) != (damage == "") {
			t.Fatalf("%q changed %d rows, %v", damage, changed.RowsAffected(), err)
		}
		wrong, err := VerifySnapshots(t.Context(), db, now)
		if err != nil || (len(wrong) == 0) != (damage == "") {
			t.Errorf("after %q, VerifySnapshots = %v, %v", damage, wrong, err)
		}
		if _, err := ledger.New(db).Repair(t.Context(), ledger.Repair{}); err != nil {
			t.Fatal(err)
		}
		update()
		if wrong, err := VerifySnapshots(t.Context(), db, now); err != nil || len(wrong) > 0 {
			t.Errorf("after %q and a repair, VerifySnapshots = %v, %v", damage, wrong, err)
		}
	}
}

// A ledger that grows beyond the limit keeps its exact snapshots, which are within the bounds
// of its tallies, so that its reports have nothing to correct. One that is wrong is made anew.
func TestALedgerThatGrowsKeepsItsSnapshots(t *testing.T) {
	now := at(t, "03-11 15:00")
	db := testkit.Postgres(t)
	r := randomRecord(rand.New(rand.NewPCG(2, 39)), now, 80, 150)
	for i := range r.transactions { // so that bins have more than one balance
		for j := range r.transactions[i].Postings {
			r.transactions[i].Postings[j].Amount *= 1001
		}
	}
	appendBatch(t, db, r.batch())
	state := func() (all []string) {
		t.Helper()
		rows, _ := db.Query(t.Context(), `SELECT day_snapshots::text FROM day_snapshots ORDER BY day`)
		all, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	for _, exact := range []ExactUpTo{DefaultExact, 0} {
		if _, err := UpdateSnapshots(t.Context(), db, now, exact); err != nil {
			t.Fatal(err)
		}
		if wrong, err := VerifySnapshots(t.Context(), db, now); err != nil || len(wrong) > 0 {
			t.Errorf("up to %d, VerifySnapshots = %v, %v", exact, wrong, err)
		}
		if exact == DefaultExact {
			before := state()
			defer func() {
				if after := state(); !slices.Equal(before, after) {
					t.Errorf("snapshots of %d days, now %d, are not all as they were", len(before), len(after))
				}
			}()
		}
	}
	var tallied int
	if err := db.QueryRow(t.Context(), `SELECT count(DISTINCT day) FROM day_tallies`).Scan(&tallied); err != nil || tallied == 0 {
		t.Errorf("%d days have tallies, %v", tallied, err)
	}
}
