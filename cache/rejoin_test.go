package cache_test

import (
	"slices"
	"testing"
	"time"

	"exchequer/cache"
	"exchequer/internal/testkit"
)

// What one process gives back to a Redis that came back empty is older than
// what another may have asked for already.
func TestAnInvalidationThatIsGivenBackLateIsFound(t *testing.T) {
	server := testkit.Redis(t)
	old := redisStore(t, server.Addr)
	forbidden := cache.Invalidation{Scope: "memo:town:number", How: cache.Hard}
	var err error
	if forbidden.Generation, _, err = old.Invalidate(t.Context(), forbidden.How, []string{forbidden.Scope}, ""); err != nil {
		t.Fatal(err)
	}
	server.Do("FLUSHALL")

	fresh := redisStore(t, server.Addr)
	defer fresh.Listen(func(cache.Message) {})()
	polled, _, err := fresh.Invalidate(t.Context(), cache.Soft, []string{"tag:town:ledger"}, "")
	if err != nil {
		t.Fatal(err)
	}
	if list, err := fresh.Invalidations(t.Context(), 0); err != nil || len(list) != 1 {
		t.Fatalf("in an empty Redis: %v, %v", list, err)
	}
	defer old.Listen(func(cache.Message) {})() // a new connection: it gives back
	eventually(t, 20*time.Second, "what the other gave back is found", func() bool {
		list, err := fresh.Invalidations(t.Context(), polled)
		return err == nil && slices.Contains(list, forbidden)
	})
}
