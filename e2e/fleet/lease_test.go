package fleet_test

import (
	"errors"
	"fmt"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// takenOver is how soon another process has the lock of one that died: a lease of
// 4 s, a poll, and room for a busy machine. Without leases it would be the producer's
// timeout of 15 s or more.
const takenOver = 8 * time.Second

func TestALockHolderThatIsKilledMidProducerIsReplaced(t *testing.T) {
	t.Parallel()
	undisturbed(t, settled, func(f *fleet, processes []*process) error {
		letGo := hold(t, f.db, "balances")
		go func() { processes[0].get("/economy") }() // dies with its process
		var holder string
		eventually(t, "the first process computes", func() error {
			if holder = f.holder("economy.overview"); holder == "" {
				return errors.New("no lock")
			}
			return nil
		})
		others := processes[1:]
		visits := make(chan error, len(others))
		for _, p := range others {
			go func() { visits <- p.eventuallyWhole() }()
		}
		processes[0].kill()
		died := time.Now()
		f.passesOn(holder, died)
		letGo()
		for range others {
			if err := <-visits; err != nil {
				t.Error(err)
			}
		}
		if done := runs(others, "done"); done["economy.overview"] != 1 {
			return fmt.Errorf("producer runs of those who live: %v, want one of the overview", done)
		}
		return nil
	})
}

func TestALockHolderThatFrozeCannotPublishWhenItWakes(t *testing.T) {
	t.Parallel()
	const window = 3 * time.Second
	undisturbed(t, "window:"+window.String(), func(f *fleet, processes []*process) error {
		letGo := hold(t, f.db, "balances")
		late, others := processes[0], processes[1:]
		visited := make(chan error, 1)
		go func() { visited <- late.eventuallyWhole() }()
		var holder string
		eventually(t, "the first process computes", func() error {
			if holder = f.holder("economy.overview"); holder == "" {
				return errors.New("no lock")
			}
			return nil
		})
		late.signal(syscall.SIGSTOP)
		froze := time.Now()
		for _, p := range others {
			go func() { p.get("/economy") }()
		}
		f.passesOn(holder, froze)
		letGo()
		// The others have published two windows by the time it wakes.
		shown := f.shows(others, f.shows(others, 0)+1)
		published := f.published()
		c := newCrowd(t, processes, 1)
		late.signal(syscall.SIGCONT)
		wrong := <-visited
		for end := time.Now().Add(2 * window); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			if now := f.published(); now < published {
				wrong = fmt.Errorf("in Redis the window went back from %d to %d", published, now)
			} else {
				published = now
			}
		}
		f.shows(processes, shown)
		return errors.Join(wrong, c.ended())
	})
}

// passesOn waits until another process has the lock of the overview.
func (f *fleet) passesOn(holder string, since time.Time) {
	f.t.Helper()
	eventually(f.t, "another process takes the lock", func() error {
		if now := f.holder("economy.overview"); now == "" || now == holder {
			return errors.New("the lock is where it was")
		}
		return nil
	})
	took := time.Since(since)
	f.t.Logf("another process took the lock after %s", took)
	if took > takenOver {
		f.t.Errorf("another process took the lock after %s, want 5 s", took)
	}
}

// published returns the window of the overview in Redis, as a growing number.
func (f *fleet) published() int64 {
	f.t.Helper()
	keys, err := f.look.Keys(f.t.Context(), "exchequer:{fleet:*:economy.overview}:*:30").Result()
	if err != nil || len(keys) != 1 {
		f.t.Fatalf("the overview's keys in Redis = %q, %v, want one", keys, err)
	}
	window, err := strconv.ParseInt(f.look.HGet(f.t.Context(), keys[0], "window").Val(), 10, 64)
	if err != nil {
		f.t.Fatal(err)
	}
	return window
}

// eventuallyWhole requests the home page again and again until it is complete.
func (p *process) eventuallyWhole() error {
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if err = p.get("/economy").whole(); err == nil {
			return nil
		}
	}
	return fmt.Errorf("process %s: %w", p.name, err)
}
