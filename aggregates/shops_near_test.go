package aggregates

import (
	"testing"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// Of more shops than are read, those that are read are the nearest, wherever they
// are in the table.
func TestTheNearestShopsAreFoundAmongMany(t *testing.T) {
	db := testkit.Postgres(t)
	appendBatch(t, db, ledger.Batch{Accounts: []ledger.Account{{Ref: "ann", Kind: ledger.Personal}}})
	const fill = `
		INSERT INTO shops (id, ref, place, owner, world, x, y, z, active, seen)
		SELECT n, 's' || n, '', (SELECT id FROM accounts), 'w', 10 * (3000 - n), 64, 0, true, now() FROM generate_series(1, 3000) n WHERE random() >= 0`
	if _, err := db.Exec(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	shops := &Shops{Worlds: []WorldShops{{World: "w"}}}
	for _, q := range []FindQuery{{Near: "-1, 0"}, {Near: "-1, 0", Within: 25_000}, {Near: "-1, 0", Owner: "ann"}} {
		read := 0
		for q.After = ""; ; {
			f, err := Find(t.Context(), db, shops, q, listedShops*10)
			if err != nil {
				t.Fatal(err)
			}
			for i, s := range f.Shops {
				if want := int64(10*(read+i) + 1); *s.Distance != want {
					t.Fatalf("%+v: shop %d is %d blocks away, want %d", q, read+i, *s.Distance, want)
				}
			}
			read += len(f.Shops)
			if !f.Cut {
				t.Errorf("%+v: nothing says that there are others", q)
			}
			if q.After = f.Next; q.After == "" {
				break
			}
		}
		if read != MostNear {
			t.Errorf("%+v: %d shops are listed, want the nearest %d", q, read, MostNear)
		}
	}
}
