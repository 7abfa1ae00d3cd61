package ledger

import (
	"testing"
	"time"

	"exchequer/internal/testkit"
)

// A rollup that is no sum of deltas is made by its scan.
func TestARollupWithoutDeltasIsRepairedByItsScan(t *testing.T) {
	db := testkit.Postgres(t)
	b := Batch{Items: []Item{{Ref: "bread"}, {Ref: "iron"}}}
	at := time.Now().Add(-time.Hour)
	for i, item := range []string{"bread", "iron", "bread"} {
		b.Sales = append(b.Sales, Sale{Origin: "o", Ref: string(rune('a' + i)), At: at, Item: item, Direction: DirectionSale, Quantity: 2, Total: 10})
	}
	if _, err := New(db).Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(t.Context(), `DELETE FROM item_hours WHERE sales = 2; UPDATE item_hours SET volume = 7`); err != nil {
		t.Fatal(err)
	}
	all := rollups()
	for i := range all {
		if all[i].table == "item_hours" {
			all[i].queue = nil
		}
	}
	m := &mender{db: db, rollups: all, done: Repaired{Rows: map[string]int{}}}
	if err := m.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	report, err := New(db).Verify(t.Context())
	if err != nil || !report.OK() || m.done.Rows["item_hours"] != 2 {
		t.Errorf("after the repair: %+v, %v, mended %v, want two rows of item_hours", report, err, m.done.Rows)
	}
}
