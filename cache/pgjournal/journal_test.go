package pgjournal_test

import (
	"cmp"
	"regexp"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"exchequer/cache"
	"exchequer/cache/pgjournal"
	"exchequer/internal/testkit"
)

func TestAJournalKeepsTheNewestGenerationOfEachScopeForAMonth(t *testing.T) {
	journal := pgjournal.New(testkit.Postgres(t))
	now := time.Now().UnixMicro()
	hard := func(scope string, generation int64) cache.Invalidation {
		return cache.Invalidation{Scope: scope, Mode: cache.Hard, Generation: generation}
	}
	for _, list := range [][]cache.Invalidation{
		{hard("tag:a", now), hard("memo:b", now)},
		{hard("tag:a", now+5), hard("memo:b", now-5)},
		{hard("key:old", time.Now().Add(-40*24*time.Hour).UnixMicro())},
		{hard("all", now+9)},
	} {
		if err := journal.Record(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	got, err := journal.Recorded(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(got, func(a, b cache.Invalidation) int { return cmp.Compare(a.Scope, b.Scope) })
	want := []cache.Invalidation{hard("all", now+9), hard("memo:b", now), hard("tag:a", now+5)}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("Recorded() (-want +got):\n%s", diff)
	}
}

func TestEachDatabaseHasAnIdentityThatStays(t *testing.T) {
	one, other := testkit.Postgres(t), testkit.Postgres(t)
	first, err := pgjournal.Identity(t.Context(), one)
	if err != nil || !regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(first) {
		t.Fatalf("Identity() = %q, %v", first, err)
	}
	if again, err := pgjournal.Identity(t.Context(), one); err != nil || again != first {
		t.Errorf("asked again: %q, %v, want %q", again, err, first)
	}
	if second, err := pgjournal.Identity(t.Context(), other); err != nil || second == first {
		t.Errorf("of another database on the same server: %q, %v", second, err)
	}
}
