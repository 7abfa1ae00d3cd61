package signin

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/internal/testkit"
)

// begun returns the token of a new session of the local admin.
func begun(t *testing.T, s *Service, old string) string {
	t.Helper()
	who, token, err := s.Password(t.Context(), old, LocalName, password)
	if err != nil || who.Role != Admin || len(token) != tokenLength {
		t.Fatalf("Password = %+v, %q, %v", who, token, err)
	}
	return token
}

func TestASessionEndsWithoutUseAndAtTheEndOfItsLife(t *testing.T) {
	testkit.PasswordHash()
	synctest.Test(t, func(t *testing.T) {
		s, err := newService(deps(nil), &inMemory{})
		if err != nil {
			t.Fatal(err)
		}
		used, unused := begun(t, s, ""), begun(t, s, "")
		lives := func(token string) bool {
			t.Helper()
			who, err := s.Find(t.Context(), token)
			if err != nil && !errors.Is(err, ErrNoSession) {
				t.Fatal(err)
			}
			return err == nil && who.Role == Admin
		}
		if !lives(used) || !lives(unused) {
			t.Fatal("a new session does not live")
		}
		start := time.Now()
		for time.Since(start) < 7*24*time.Hour-time.Minute {
			if !lives(used) {
				t.Fatalf("a session that is used ended after %s", time.Since(start))
			}
			time.Sleep(10 * time.Hour)
			if time.Since(start) > 12*time.Hour && lives(unused) {
				t.Fatalf("a session that nobody used lives after %s", time.Since(start))
			}
		}
		time.Sleep(time.Minute)
		if lives(used) {
			t.Error("a session lives for longer than any may")
		}
	})
}

func TestWithoutTheDatabaseASessionIsSoonUnknown(t *testing.T) {
	testkit.PasswordHash()
	synctest.Test(t, func(t *testing.T) {
		m := &inMemory{}
		s, err := newService(deps(nil), m)
		if err != nil {
			t.Fatal(err)
		}
		token := begun(t, s, "")
		if _, err := s.Find(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		m.down = errors.New("connection refused")
		if _, err := s.Find(t.Context(), token); err != nil {
			t.Errorf("at once: %v", err)
		}
		time.Sleep(Remembered)
		if who, err := s.Find(t.Context(), token); err == nil || errors.Is(err, ErrNoSession) || who.SignedIn() {
			t.Errorf("later: %+v, %v", who, err)
		}
		if _, _, err := s.Password(t.Context(), "", LocalName, password); !errors.Is(err, ErrAway) {
			t.Errorf("Password = %v", err)
		}
		m.down = nil
		if _, err := s.Find(t.Context(), token); err != nil {
			t.Errorf("when the database is back: %v", err)
		}
	})
}

func TestSessionsInTheDatabase(t *testing.T) {
	db := testkit.Postgres(t)
	one, other := started(t, deps(db)), started(t, deps(db))

	first := begun(t, one, "")
	var kept string
	if err := db.QueryRow(t.Context(), `SELECT s::text FROM sessions s`).Scan(&kept); err != nil || strings.Contains(kept, first) || strings.Contains(kept, password) {
		t.Errorf("of a session the database has %s, %v", kept, err)
	}
	second := begun(t, one, first)
	if _, err := one.Find(t.Context(), first); !errors.Is(err, ErrNoSession) {
		t.Errorf("the session before signing in again: %v", err)
	}
	made := strings.Repeat("A", tokenLength) // one that somebody put into the browser
	third := begun(t, one, made)
	if third == made {
		t.Error("a session took the token that the browser had")
	}
	for what, token := range map[string]string{"forged": made, "empty": "", "long": strings.Repeat("A", 10_000), "in part": second[:20], "with a NUL": second[:tokenLength-1] + "\x00"} {
		if _, err := one.Find(t.Context(), token); !errors.Is(err, ErrNoSession) {
			t.Errorf("a token that is %s: %v", what, err)
		}
	}

	for _, token := range []string{second, third} {
		if _, err := other.Find(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
	if err := one.SignOut(t.Context(), third); err != nil {
		t.Fatal(err)
	}
	ended := func(token string) {
		t.Helper()
		for start := time.Now(); ; time.Sleep(50 * time.Millisecond) {
			_, err := other.Find(t.Context(), token)
			if errors.Is(err, ErrNoSession) {
				return
			}
			if time.Since(start) > Remembered+5*time.Second {
				t.Fatalf("a session that was ended in another process: %v", err)
			}
		}
	}
	ended(third)
	if _, err := other.Find(t.Context(), second); err != nil {
		t.Errorf("another session of the same admin: %v", err)
	}
	if err := one.SignOutEverywhere(t.Context(), "local:"+LocalName); err != nil {
		t.Fatal(err)
	}
	ended(second)

	// The oldest makes room.
	oldest := begun(t, one, "")
	var newest string
	for range ownSessions {
		newest = begun(t, one, "")
	}
	var n int
	if err := db.QueryRow(t.Context(), `SELECT count(*) FROM sessions`).Scan(&n); err != nil || n != ownSessions {
		t.Errorf("%d sessions of one admin, %v", n, err)
	}
	ended(oldest)

	// What gave the role has changed: another password.
	changed := deps(db)
	hash, err := HashPassword(password)
	if err != nil {
		t.Fatal(err)
	}
	changed.LocalHash = hash
	if _, err := started(t, changed).Find(t.Context(), newest); !errors.Is(err, ErrNoSession) {
		t.Errorf("a session by the password before: %v", err)
	}
	if _, err := db.Exec(t.Context(), `UPDATE sessions SET expires = now() - interval '1 second'`); err != nil {
		t.Fatal(err)
	}
	if err := one.sessions.clean(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.QueryRow(t.Context(), `SELECT count(*) FROM sessions`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d sessions that have expired are kept, %v", n, err)
	}
}

// Who signs out while a request of theirs is noting that the session is used stays signed
// out.
func TestASessionThatWasEndedDoesNotComeBack(t *testing.T) {
	db := testkit.Postgres(t)
	in := table{deps(db).DB}
	s := started(t, deps(db))
	token := begun(t, s, "")
	if err := s.SignOut(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	if lives, err := in.extend(context.WithoutCancel(t.Context()), token, time.Now().Add(time.Hour)); err != nil || lives {
		t.Errorf("extend = %t, %v", lives, err)
	}
}
