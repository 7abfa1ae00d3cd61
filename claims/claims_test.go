package claims_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"exchequer/claims"
	"exchequer/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAnAccountBelongsToWhoProvesIt(t *testing.T) {
	db := testkit.Postgres(t)
	s := claims.NewStore(db)
	if err := s.Ask(t.Context(), "ann", "a"); err != nil {
		t.Fatal(err)
	}
	all, err := s.Of(t.Context(), "ann")
	if err != nil || len(all) != 1 || all[0].Account != "a" || len(all[0].Code) != 13 || all[0].Proven != nil {
		t.Fatalf("asked: %+v, %v", all, err)
	}
	other := all[0]
	other.Code = "EX-AAAAAAAAAA"
	if err := s.Prove(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if now, _ := s.Of(t.Context(), "ann"); now[0].Proven != nil {
		t.Error("a code of another time proved it")
	}
	if err := s.Prove(t.Context(), all[0]); err != nil {
		t.Fatal(err)
	}
	if err := s.Ask(t.Context(), "ann", "a"); err != nil {
		t.Fatal(err)
	}
	if now, _ := s.Of(t.Context(), "ann"); len(now) != 1 || now[0].Proven == nil || now[0].Code != all[0].Code {
		t.Errorf("asked again once it was proven: %+v", now)
	}
	if err := s.Grant(t.Context(), "bob", "a"); err != nil {
		t.Fatal(err)
	}
	if everybody, err := s.All(t.Context(), 10); err != nil || len(everybody) != 2 {
		t.Errorf("all: %+v, %v; want that of Ann, and that of Bob", everybody, err)
	}
	for _, want := range []bool{true, false} {
		if was, err := s.Drop(t.Context(), "ann", "a"); err != nil || was != want {
			t.Errorf("dropped: %v, %v; want %v", was, err, want)
		}
	}
}

func TestNobodyClaimsWithoutEndAndCodesEnd(t *testing.T) {
	db := testkit.Postgres(t)
	s := claims.NewStore(db)
	var refused atomic.Int64
	var all sync.WaitGroup
	for i := range claims.Most + 5 {
		all.Go(func() {
			if err := s.Ask(t.Context(), "ann", fmt.Sprint(i)); errors.Is(err, claims.ErrTooMany) {
				refused.Add(1)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := refused.Load(); n != 5 {
		t.Errorf("%d of %d were refused, want 5", n, claims.Most+5)
	}
	if _, err := db.Exec(t.Context(), `UPDATE claims SET asked = asked - interval '25 hours'`); err != nil {
		t.Fatal(err)
	}
	if left, err := s.Of(t.Context(), "ann"); err != nil || len(left) != 0 {
		t.Errorf("codes of yesterday: %+v, %v", left, err)
	}
	if err := s.Ask(t.Context(), "ann", "new"); err != nil {
		t.Errorf("when the codes of yesterday have ended: %v", err)
	}
}

func TestAVisitEndsWithHalfAnHourAway(t *testing.T) {
	db := testkit.Postgres(t)
	s := claims.NewStore(db)
	visit := func() time.Time {
		t.Helper()
		before, err := s.Visit(t.Context(), "ann")
		if err != nil {
			t.Fatal(err)
		}
		return before
	}
	first := visit()
	if ago := time.Since(first); ago < 6*24*time.Hour || ago > 8*24*time.Hour {
		t.Errorf("a first visit is since %v ago, want a week", ago)
	}
	if again := visit(); !again.Equal(first) {
		t.Errorf("a moment later it is since %v, want %v as before", again, first)
	}
	if _, err := db.Exec(t.Context(), `UPDATE visits SET latest = latest - interval '1 hour'`); err != nil {
		t.Fatal(err)
	}
	back := visit()
	if ago := time.Since(back); ago < 59*time.Minute || ago > 61*time.Minute {
		t.Errorf("after an hour away it is since %v ago, want an hour", ago)
	}
}
