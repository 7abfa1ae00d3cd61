package aggregates

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exchequer/ledger"
	"exchequer/ledger/archive"
)

// Marks of archived days stay when all others are judged anew, and those of what was
// archived are the same when it is back.
func TestMarksOfArchivedDaysStay(t *testing.T) {
	f := newFair(t)
	for range 3 {
		for _, day := range []int{2, 12, 19} { // of March
			f.sell(day, 2, "a", "b")
			f.sell(day, 2, "b", "a")
		}
	}
	judge := func() {
		t.Helper()
		if _, err := UpdateOffsetting(t.Context(), f.db); err != nil {
			t.Fatal(err)
		}
	}
	marks := func() (days []string) {
		t.Helper()
		rows, _ := f.db.Query(t.Context(), `SELECT concat(day, ' ', sales, ' ', volume) FROM offsetting_days ORDER BY day`)
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			days = append(days, line)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return days
	}
	judge()
	before := marks()
	if len(before) != 3 {
		t.Fatalf("marks are %v, want those of three days", before)
	}
	// Months are what is archived; for the rule, any day is a border.
	dir, l := t.TempDir(), ledger.New(f.db)
	if err := archive.Write(t.Context(), l, f.db, archive.Options{Before: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC), Dir: dir}); err != nil {
		t.Fatal(err)
	}
	// A merge is another basis, by which everything is judged anew.
	appendBatch(t, f.db, ledger.Batch{Merges: []ledger.Merge{{Account: "c", Into: "d"}}})
	judge()
	if diff := cmp.Diff(before, marks()); diff != "" {
		t.Errorf("marks of archived days (-before +after):\n%s", diff)
	}
	if err := ClearOffsetting(t.Context(), f.db, "bread", "a", "b"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, marks()); diff != "" {
		t.Errorf("marks of archived days after a pair was cleared (-before +after):\n%s", diff)
	}
	if err := archive.Restore(t.Context(), l, dir, time.Time{}, nil); err != nil {
		t.Fatal(err)
	}
	if err := UnclearOffsetting(t.Context(), f.db, "bread", "a", "b"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, marks()); diff != "" {
		t.Errorf("marks of what is back (-before +after):\n%s", diff)
	}
}
