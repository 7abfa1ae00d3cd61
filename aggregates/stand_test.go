package aggregates

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"exchequer/internal/testkit"
)

// TestAPlaceIsWhatScanningSays compares places with counts over all postings.
func TestAPlaceIsWhatScanningSays(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 31))
	now := at(t, "03-11 15:00")
	r := randomRecord(random, now, 45, 150)
	db := testkit.Postgres(t)
	appendBatch(t, db, r.batch())
	for _, p := range Populations() {
		l, err := ComputeLadder(t.Context(), db, windowAt(now), p)
		if err != nil {
			t.Fatal(err)
		}
		if sums, _ := r.holdings(p, now); int64(len(sums)) != l.Holders || l.Population != p {
			t.Fatalf("%s: %d holders, want %d", p, l.Holders, len(sums))
		}
		for _, rung := range l.Rungs {
			for _, balance := range []int64{rung.Balance - 1, rung.Balance, rung.Balance + 1} {
				var poorer, richer int64
				err := db.QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE held < $1), count(*) FILTER (WHERE held > $1) FROM (
					SELECT sum(amount) AS held FROM postings JOIN accounts ON id = account
					WHERE NOT issuer AND kind = ANY($2) AND (archived IS NULL OR archived > $3) GROUP BY holder) AS holders`,
					balance, p.kinds(), now).Scan(&poorer, &richer)
				if err != nil {
					t.Fatal(err)
				}
				if got := l.Find(balance); got.Poorer != poorer || got.Richer != richer || !got.Exact {
					t.Errorf("%s with %d: %+v, want %d poorer, %d richer", p, balance, got, poorer, richer)
				}
			}
		}
	}
}

func TestAPlaceAmongManyIsRightToAThousandth(t *testing.T) {
	for _, n := range []int{1, 2, 9, 10, 11, 1000, 1001, 1002, 30_000} {
		balances := make([]int64, n)
		for i := range balances {
			balances[i] = int64(i * 10)
		}
		l := &Ladder{}
		l.fill(balances)
		for _, i := range []int{0, n / 3, n / 2, n - 1} {
			got := l.Find(int64(i*10 + 5))
			off := max(got.Poorer-int64(i+1), int64(i+1)-got.Poorer, got.Richer-int64(n-i-1), int64(n-i-1)-got.Richer)
			if off > int64(n)/mostRungs+1 || n <= mostRungs && (off != 0 || !got.Exact) {
				t.Errorf("of %d, over %d: %+v", n, i, got)
			}
			if tenth := i * 10 / n; n >= 10 && got.Tenth != tenth+1 {
				t.Errorf("of %d, over %d: in the tenth %d, want %d", n, i, got.Tenth, tenth+1)
			}
			if got.HasNext && l.Find(got.Next).Tenth <= got.Tenth {
				t.Errorf("of %d: with %d, which the next tenth takes, still in the tenth %d", n, got.Next, got.Tenth)
			}
		}
	}
	l := &Ladder{}
	l.fill([]int64{5, 5, 5, 5})
	if got := l.Find(5); got.Poorer != 0 || got.Richer != 0 || got.Tenth != 10 {
		t.Errorf("where all have the same: %s", fmt.Sprintf("%+v", got))
	}
}
