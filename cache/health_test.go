package cache_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exchequer/cache"
	"exchequer/internal/testkit"
)

func TestEqualReasonsAreOneAndLeadToTheRunbook(t *testing.T) {
	t.Parallel()
	got := cache.Health{
		Shared: cache.SharedHealth{Kind: "redis", Down: true, Reason: "refused"},
		Memos: []cache.MemoHealth{
			{Memo: "flow", Keys: 3, Degraded: 1, Circuit: "closed"},
			{Memo: "item", Keys: 9, Circuit: "half-open"},
			{Memo: "market", Keys: 4, Degraded: 4, Circuit: "open"},
			{Memo: "stats", Keys: 1, Circuit: "closed"},
		},
	}.Reasons()
	want := []string{
		"going on without Redis: refused (runbook: Redis is down)",
		"2 memos: refresh failed (runbook: A producer fails)",
		"market: circuit open (runbook: A circuit is open)",
		"item: circuit half-open (runbook: A circuit is open)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	runbook, err := os.ReadFile("../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, reason := range got {
		_, heading, _ := strings.Cut(reason, "(runbook: ")
		if !strings.Contains(string(runbook), "\n## "+strings.TrimSuffix(heading, ")")+"\n") {
			t.Errorf("%q leads to no heading of the runbook", reason)
		}
	}
}

func TestTheRoundTripLeavesNothing(t *testing.T) {
	server := testkit.Redis(t)
	c := open(t, cache.Deps{Store: redisStore(t, server.Addr)})
	if _, err := c.TestRoundTrip(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := server.Do("DBSIZE"); err != nil || strings.TrimSpace(n) != ":0" {
		t.Errorf("keys after it: %q, %v, want none", n, err)
	}
}
