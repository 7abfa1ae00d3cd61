package aggregates

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// TestWhoTookPartIsWhatScanningThePostingsSays compares how many holders took part,
// by day and by cohort, with the same by scanning the postings: while batches of all
// times come in, after accounts are merged, and whichever snapshots are made.
func TestWhoTookPartIsWhatScanningThePostingsSays(t *testing.T) {
	for _, zone := range []string{"UTC", "America/New_York"} {
		for i, days := range []int{9, 45, 800, 2500} {
			t.Run(fmt.Sprintf("%s, %d days", zone, days), func(t *testing.T) {
				t.Parallel()
				random := rand.New(rand.NewPCG(uint64(i), 31))
				now := at(t, "03-11 15:00").Add(time.Duration(random.IntN(48)) * hour)
				r := randomRecord(random, now, days, 200)
				db := zonedLedger(t, zone)
				update := func() {
					t.Helper()
					if _, err := UpdateSnapshots(t.Context(), db, now, DefaultExact); err != nil {
						t.Fatal(err)
					}
				}
				windows := []cache.Window{
					windowAt(now), windowAt(now.Add(-25 * hour)), windowAt(now.Add(-time.Duration(random.IntN(24*days)) * hour)),
					windowAt(now.Add(5 * day)), windowAt(now.Add(40 * day)),
				}
				check := func(state string) {
					t.Helper()
					for _, w := range windows {
						checkPresence(t.Context(), t, db, w, state)
					}
				}
				for part := range r.parts(random) {
					appendBatch(t, db, part)
					check("after a batch")
					update()
					check("with all snapshots")
				}
				appendBatch(t, db, ledger.Batch{Merges: r.merges()})
				check("after merges")
				update()
				check("after merges, with all snapshots")
				if wrong, err := VerifySnapshots(t.Context(), db, now); err != nil || len(wrong) > 0 {
					t.Errorf("VerifySnapshots = %v, %v", wrong, err)
				}
				cut := plus(now, -random.IntN(days))
				if _, err := db.Exec(t.Context(), `DELETE FROM day_snapshots WHERE day >= $1::date`, cut); err != nil {
					t.Fatal(err)
				}
				check("without the last snapshots")
				if _, err := db.Exec(t.Context(), `UPDATE day_snapshots SET active = '{}', cohorts = '{}' WHERE day >= $1::date`, plus(cut, -9)); err != nil {
					t.Fatal(err)
				}
				check("with some of the release before")
				update()
				check("with all snapshots again")
			})
		}
	}
}

// TestWhoTookPartInALargeLedger is the same of a ledger whose holders are tallied, whose
// last days may be missing.
func TestWhoTookPartInALargeLedger(t *testing.T) {
	for _, zone := range []string{"UTC", "America/New_York"} {
		for i, days := range []int{9, 45, 800, 2500} {
			t.Run(fmt.Sprintf("%s, %d days", zone, days), func(t *testing.T) {
				t.Parallel()
				random := rand.New(rand.NewPCG(uint64(i), 35))
				now := at(t, "03-11 15:00").Add(time.Duration(random.IntN(48)) * hour)
				r := randomRecord(random, now, days, 200)
				db := zonedLedger(t, zone)
				ctx := ExactUpTo(0).within(t.Context())
				check := func(state string) {
					t.Helper()
					for _, w := range []cache.Window{windowAt(now), windowAt(now.Add(5 * day)), windowAt(now.Add(20 * day))} {
						checkPresence(ctx, t, db, w, state)
					}
				}
				update := func() {
					t.Helper()
					if _, err := ledger.FoldHolders(t.Context(), db, 0); err != nil {
						t.Fatal(err)
					}
					if _, err := UpdateSnapshots(t.Context(), db, now, 0); err != nil {
						t.Fatal(err)
					}
				}
				for part := range r.parts(random) {
					appendBatch(t, db, part)
					update()
					check("after a batch")
				}
				appendBatch(t, db, ledger.Batch{Merges: r.merges()})
				update()
				check("after merges")
				cut := plus(now, -random.IntN(min(days, 12)))
				for _, table := range []string{"day_snapshots", "day_tallies"} {
					if _, err := db.Exec(t.Context(), `DELETE FROM `+table+` WHERE day >= $1::date`, cut); err != nil {
						t.Fatal(err)
					}
				}
				check("without the last days")
			})
		}
	}
}

func zonedLedger(t *testing.T, zone string) *pgxpool.Pool {
	t.Helper()
	db := testkit.Postgres(t)
	if err := ledger.New(db).SetSettings(t.Context(), ledger.Settings{Name: "Port", Timezone: zone}); err != nil {
		t.Fatal(err)
	}
	return db
}

// parts returns three parts of the record, of all times.
func (r record) parts(random *rand.Rand) iter.Seq[ledger.Batch] {
	rest := slices.Clone(r.transactions)
	random.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
	return func(yield func(ledger.Batch) bool) {
		for part := range slices.Chunk(rest, (len(rest)+2)/3) {
			if !yield(record{r.accounts, part}.batch()) {
				return
			}
		}
	}
}

// merges merges one account of each party into another one.
func (r record) merges() (all []ledger.Merge) {
	first := map[string]string{}
	for _, ref := range slices.Sorted(maps.Keys(r.accounts)) {
		party := fmt.Sprint(r.accounts[ref].Kind, r.issues(ref))
		if into, ok := first[party]; ok && into != "" {
			all = append(all, ledger.Merge{Account: ref, Into: into})
			first[party] = ""
		} else if !ok {
			first[party] = ref
		}
	}
	return all
}

// A scannedPresence is the days on which each holder had postings, numbered.
type scannedPresence map[string][]int

func scanPresence(t *testing.T, tx pgx.Tx, s span) scannedPresence {
	t.Helper()
	rows, _ := tx.Query(t.Context(), `
		SELECT DISTINCT holder, (at AT TIME ZONE $1)::date FROM postings JOIN account_holders ON id = account WHERE NOT issuer`, s.zone().String())
	all := scannedPresence{}
	var holder string
	var on time.Time
	_, err := pgx.ForEachRow(rows, []any{&holder, &on}, func() error {
		if day := ledger.DayNumber(on); day <= ledger.DayNumber(s.Today) {
			all[holder] = append(all[holder], day)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// between returns how many holders had a posting from one day to another, of those
// who joined from one day to another.
func (p scannedPresence) between(from, to, joinedFrom, joinedTo int) (n int64) {
	for _, days := range p {
		joined := slices.Min(days)
		if joined >= joinedFrom && joined <= joinedTo && slices.ContainsFunc(days, func(day int) bool { return day >= from && day <= to }) {
			n++
		}
	}
	return n
}

func checkPresence(ctx context.Context, t *testing.T, db *pgxpool.Pool, w cache.Window, state string) {
	t.Helper()
	for _, days := range []Days{7, 90, 0} {
		var b Basis
		err := b.read(ctx, db, w, days, func(ctx context.Context, tx pgx.Tx, s span) error {
			scanned := scanPresence(t, tx, s)
			from, today := ledger.DayNumber(s.Start), ledger.DayNumber(s.Today)
			active, err := readActiveDays(ctx, tx, s, -8)
			if err != nil {
				return err
			}
			const ever = -1 << 40
			for on := from - 8; on <= today; on++ {
				for of := 1; of <= weekDays; of++ {
					if got, want := active.on(on, of), scanned.between(on-of+1, on, ever, today); got != want {
						t.Errorf("%s, at %s, %s days: in %d days to %s %d holders were active, want %d", state, w.Start, days.Key(), of, dateOfDay(on), got, want)
					}
				}
			}
			r := &signReading{span: s, long: s, last: s.days() - 1}
			if err := r.readTurnout(ctx, tx); err != nil {
				return err
			}
			for i := range r.joined {
				if got, want := r.joined[i], scanned.between(from+i, from+i, from+i, from+i); got != want {
					t.Errorf("%s, at %s, %s days: on %s %d joined, want %d", state, w.Start, days.Key(), dateOfDay(from+i), got, want)
				}
			}
			if days == 0 {
				scanned.checkCohorts(ctx, t, db, w, s, state)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (p scannedPresence) checkCohorts(ctx context.Context, t *testing.T, db *pgxpool.Pool, w cache.Window, s span, state string) {
	t.Helper()
	got, err := ComputeCohorts(ctx, db, w, NoParams{})
	if err != nil {
		t.Fatal(err)
	}
	today := ledger.DayNumber(s.Today)
	starts := make([]int, 0, len(got.Cohorts)+1)
	for _, c := range got.Cohorts {
		starts = append(starts, ledger.DayNumber(c.Start))
	}
	starts = append(starts, today+1)
	earlier := p.between(-1<<40, today, -1<<40, starts[0]-1)
	if got.Earlier != earlier {
		t.Errorf("%s, at %s: %d holders joined earlier, want %d", state, w.Start, got.Earlier, earlier)
	}
	for i, c := range got.Cohorts {
		var want []int64
		for j := i; j < len(got.Cohorts); j++ {
			want = append(want, p.between(starts[j], starts[j+1]-1, starts[i], starts[i+1]-1))
		}
		if diff := cmp.Diff(want, c.Active); diff != "" || c.Holders != want[0] {
			t.Errorf("%s, at %s: of the %d holders who joined in the %s of %s, want %d (-scanned +got):\n%s", state, w.Start, c.Holders, got.Unit, c.Start, want[0], diff)
		}
	}
}
