package fleet_test

import (
	"testing"

	"exchequer/internal/testkit"
)

// Staging and production, say, on one Redis, with nobody having named them.
func TestTwoDatabasesBehindOneRedisDoNotMix(t *testing.T) {
	t.Parallel()
	f := newFleet(t, sharedDatabase(t), settled)
	full := f.start(1)[0]
	const panel = "/economy/overview.json"
	numbers := full.get(panel).body
	f.env = append(f.env, "DATABASE_URL="+testkit.PostgresURL(t)) // the last one counts
	empty := f.start(1)[0]
	if got := empty.get(panel).body; got == numbers {
		t.Errorf("a process on an empty ledger shows the numbers of another: %s", got)
	}
	if got := full.get(panel).body; got != numbers {
		t.Errorf("the other shows %s, want what it did before", got)
	}
}
