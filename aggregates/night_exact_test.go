package aggregates

import (
	"math/rand/v2"
	"strings"
	"testing"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// The night compares the Gini of bins with that of all balances, once these are not read
// otherwise.
func TestTheNightChecksTheBoundsOfTheGini(t *testing.T) {
	for seed := range uint64(4) {
		db := testkit.Postgres(t)
		now := at(t, "03-11 15:00")
		appendBatch(t, db, randomRecord(rand.New(rand.NewPCG(seed, 38)), now, 60, 150).batch())
		bounds := func(exact ExactUpTo) *NightCheck {
			t.Helper()
			night, err := ComputeNight(t.Context(), db, exact)
			if err != nil {
				t.Fatal(err)
			}
			for i := range night.Checks {
				if night.Checks[i].Name == boundsCheck {
					return &night.Checks[i]
				}
			}
			return nil
		}
		if c := bounds(0); c != nil {
			t.Errorf("before holders are added up: %+v", c)
		}
		if folded, err := ledger.FoldHolders(t.Context(), db, 0); err != nil || !folded {
			t.Fatal(folded, err)
		}
		if c := bounds(DefaultExact); c != nil {
			t.Errorf("of a small ledger: %+v", c)
		}
		if c := bounds(0); c == nil || c.Found != 0 || c.Why != "" {
			t.Errorf("of right tallies: %+v", c)
		}
		// One holder's money is said to be another's.
		const damage = `UPDATE holder_tallies SET total = total + 5 WHERE tally = 'all' AND place = (SELECT max(place) FROM holder_tallies WHERE tally = 'all')`
		if _, err := db.Exec(t.Context(), damage); err != nil {
			t.Fatal(err)
		}
		if c := bounds(0); c == nil || c.Found != 1 || !strings.Contains(c.First[0].Text, "computed") {
			t.Errorf("of wrong tallies: %+v", c)
		}
	}
}
