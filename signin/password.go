package signin

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/alexedwards/argon2id"
	"golang.org/x/sync/semaphore"
)

// LocalName is what the local admin is called.
const LocalName = "admin"

// ShortestPassword is how many characters a password has at least.
const ShortestPassword = 12

// cost is what a password costs to hash: what OWASP advises where memory is scarce, since a
// process may have 256 MiB.
var cost = &argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// Limits on the cost of a hash, and of the guesses.
const (
	mostMemory      = 64 << 10 // KiB
	mostIterations  = 10
	mostParallel    = 4
	mostPassword    = 1 << 10 // bytes
	mostWaiting     = 8       // for the one check at a time
	freeFailures    = 5       // in a row, before anybody has to wait
	longestLock     = 15 * time.Minute
	forgetsFailures = time.Hour // after the last one
)

var (
	// ErrWrong means that the name or the password is wrong.
	ErrWrong = errors.New("the name or the password is wrong")
	// ErrBusy means that too many passwords are being checked.
	ErrBusy = errors.New("too many passwords are being checked")
)

// A LockedError means that nobody may try a password yet.
type LockedError struct{ Wait time.Duration }

func (e *LockedError) Error() string {
	return fmt.Sprintf("too many wrong passwords: locked for %s", e.Wait.Round(time.Second))
}

// HashPassword returns what is kept of a password. It refuses short ones.
func HashPassword(password string) (string, error) {
	if n := len([]rune(password)); n < ShortestPassword || len(password) > mostPassword {
		return "", fmt.Errorf("the password has %d characters: want %d or more, and %d bytes at most", n, ShortestPassword, mostPassword)
	}
	return argon2id.CreateHash(password, cost)
}

// checkHash returns an error unless a text is a hash of affordable cost.
func checkHash(text string) error {
	p, salt, key, err := argon2id.DecodeHash(text)
	switch {
	case err != nil:
		return errors.New("the hash of the admin's password is not one of argon2id: make one with exchequer password")
	case p.Memory > mostMemory || p.Iterations > mostIterations || p.Parallelism > mostParallel || p.Iterations == 0 || p.Parallelism == 0:
		return fmt.Errorf("the hash of the admin's password costs %d KiB, %d times, on %d threads: want %d, %d and %d at most", p.Memory, p.Iterations, p.Parallelism, mostMemory, mostIterations, mostParallel)
	case p.Memory < 8<<10 || len(salt) < 8 || len(key) < 16:
		return errors.New("the hash of the admin's password is too weak: make one with exchequer password")
	}
	return nil
}

// A local is the one account that has a password. Failures of any name are its failures,
// so that no answer depends on whether a name is right.
type local struct {
	hash    string
	places  *semaphore.Weighted // one check at a time: each takes memory
	waiting *semaphore.Weighted

	mu       sync.Mutex
	failures int // in a row
	last     time.Time
}

func newLocal(hash string) *local {
	return &local{hash: hash, places: semaphore.NewWeighted(1), waiting: semaphore.NewWeighted(mostWaiting)}
}

func (l *local) basis() string { return digest("local", l.hash) }

// check returns who has this name and password. The same work is done for every name.
func (l *local) check(ctx context.Context, name, password string) (Identity, error) {
	if !l.waiting.TryAcquire(1) {
		return Identity{}, ErrBusy
	}
	defer l.waiting.Release(1)
	if err := l.places.Acquire(ctx, 1); err != nil {
		return Identity{}, errors.Join(ErrBusy, err)
	}
	defer l.places.Release(1)
	if wait := l.locked(); wait > 0 {
		return Identity{}, &LockedError{wait}
	}
	if len(password) > mostPassword {
		password = password[:mostPassword] + "…" // the password of nobody
	}
	right, err := argon2id.ComparePasswordAndHash(password, l.hash)
	if err != nil {
		return Identity{}, err
	}
	named := subtle.ConstantTimeCompare([]byte(name), []byte(LocalName)) == 1
	l.mu.Lock()
	defer l.mu.Unlock()
	if !right || !named {
		l.failures, l.last = l.failures+1, time.Now()
		return Identity{}, ErrWrong
	}
	l.failures = 0
	return Identity{Subject: "local:" + LocalName, Name: LocalName, Role: Admin}, nil
}

// locked returns how long nobody may try: after some failures in a row a second, and twice
// as long after each further one.
func (l *local) locked() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.last) > forgetsFailures {
		l.failures = 0
	}
	if l.failures < freeFailures {
		return 0
	}
	lock := longestLock
	if n := l.failures - freeFailures; n < 10 {
		lock = min(lock, time.Second<<n)
	}
	return time.Until(l.last.Add(lock))
}
