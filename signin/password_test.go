package signin

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/internal/testkit"
)

func TestNoAnswerDependsOnWhetherANameIsRight(t *testing.T) {
	s, err := newService(deps(nil), &inMemory{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for name, with := range map[string]string{LocalName: "wrong", "nobody": password, "": "", "ADMIN": password} {
			who, token, err := s.Password(t.Context(), "", name, with)
			if !errors.Is(err, ErrWrong) && !errors.As(err, new(*LockedError)) || token != "" || who.SignedIn() {
				t.Errorf("%q, %q: %+v, %v", name, with, who, err)
			}
		}
	}
	// Failures of names that there are not lock those that there are, too.
	if _, _, err := s.Password(t.Context(), "", LocalName, password); !errors.As(err, new(*LockedError)) {
		t.Errorf("after these, the right password: %v", err)
	}
	if who, _, err := (&Service{}).Password(t.Context(), "", LocalName, ""); !errors.Is(err, ErrWrong) || who.SignedIn() {
		t.Errorf("where there is no local admin: %+v, %v", who, err)
	}
}

func TestWrongPasswordsLockForLongerAndLonger(t *testing.T) {
	testkit.PasswordHash()
	synctest.Test(t, func(t *testing.T) {
		s, err := newService(deps(nil), &inMemory{})
		if err != nil {
			t.Fatal(err)
		}
		guesses := 0
		for start := time.Now(); time.Since(start) < 24*time.Hour; {
			_, _, err := s.Password(t.Context(), "", LocalName, "guess")
			var locked *LockedError
			switch {
			case errors.As(err, &locked) && 0 < locked.Wait && locked.Wait <= longestLock:
				time.Sleep(locked.Wait)
			case errors.Is(err, ErrWrong):
				guesses++
			default:
				t.Fatalf("Password = %v", err)
			}
		}
		if guesses < 50 || guesses > 120 {
			t.Errorf("%d guesses in a day", guesses)
		}
		for !errors.Is(err, ErrWrong) {
			_, _, err = s.Password(t.Context(), "", LocalName, "guess")
			time.Sleep(time.Second)
		}
		_, _, err = s.Password(t.Context(), "", LocalName, password)
		var locked *LockedError
		if !errors.As(err, &locked) {
			t.Fatalf("the right password while it is locked: %v", err)
		}
		time.Sleep(locked.Wait)
		if _, _, err := s.Password(t.Context(), "", LocalName, password); err != nil {
			t.Errorf("the right password afterwards: %v", err)
		}
		if _, _, err := s.Password(t.Context(), "", LocalName, "guess"); !errors.Is(err, ErrWrong) {
			t.Errorf("a wrong password after the right one: %v", err)
		}
	})
}

// However many try at once, one password is checked at a time, and few wait.
func TestManyGuessesAtOnceAreBounded(t *testing.T) {
	s, err := newService(deps(nil), &inMemory{})
	if err != nil {
		t.Fatal(err)
	}
	free := s.local.places
	if err := free.Acquire(t.Context(), 1); err != nil { // a check that takes long
		t.Fatal(err)
	}
	var trying sync.WaitGroup
	results := make(chan error, 200)
	for range cap(results) {
		trying.Go(func() {
			_, _, err := s.Password(t.Context(), "", LocalName, "guess")
			results <- err
		})
	}
	for range cap(results) - mostWaiting {
		if err := <-results; !errors.Is(err, ErrBusy) {
			t.Errorf("one more guess = %v", err)
		}
	}
	free.Release(1)
	trying.Wait()
	wrong := 0
	for range mostWaiting {
		if err := <-results; errors.Is(err, ErrWrong) {
			wrong++
		} else if !errors.As(err, new(*LockedError)) {
			t.Errorf("a guess that waited = %v", err)
		}
	}
	if wrong == 0 || wrong > freeFailures {
		t.Errorf("of the guesses that waited %d were checked", wrong)
	}
}

func TestShortPasswordsAreRefused(t *testing.T) {
	for text, fine := range map[string]bool{"": false, "elevenchars": false, "twelve chars": true, "zwölf Zeiche": true} {
		hash, err := HashPassword(text)
		if (err == nil) != fine || fine && checkHash(hash) != nil {
			t.Errorf("HashPassword(%q) = %q, %v", text, hash, err)
		}
	}
}
