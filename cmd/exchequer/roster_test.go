package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/web"
)

// A counted is a roster of ledgers that are only counted.
type counted struct {
	*roster
	mu     sync.Mutex
	opens  map[string]int
	broken map[string]bool // they cannot be opened
	busy   map[string]bool
}

// newCounted returns a roster of so many ledgers, each of which takes 100 ms to open.
func newCounted(t *testing.T, ledgers, places int) *counted {
	c := &counted{opens: map[string]int{}, broken: map[string]bool{}, busy: map[string]bool{}}
	var all []*standing
	for i := range ledgers {
		all = append(all, &standing{ledgerEntry: &ledgerEntry{Name: fmt.Sprint(i)}})
	}
	c.roster = newRoster(t.Context(), all, rosterDeps{places: places, log: slog.New(slog.DiscardHandler), open: func(_, _ context.Context, s *standing) (*openLedger, error) {
		time.Sleep(100 * time.Millisecond)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.opens[s.Name]++
		if c.broken[s.Name] {
			return nil, errors.New("no database")
		}
		return &openLedger{busy: func() bool { return c.busy[s.Name] }, close: func(context.Context) error { return nil }}, nil
	}})
	return c
}

// read reads a ledger for a while.
func (c *counted) read(ctx context.Context, ledger int, lasts time.Duration) error {
	_, release, err := c.obtain(ctx, c.all[ledger], atOnce)
	if err != nil {
		return err
	}
	time.Sleep(lasts)
	release()
	return nil
}

func (c *counted) isOpen(ledger int) bool {
	open, release := c.hold(c.all[ledger], false)
	if open != nil {
		release()
	}
	return open != nil
}

// rostered runs a test in fake time with a roster.
func rostered(t *testing.T, ledgers, places int, test func(t *testing.T, c *counted)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := newCounted(t, ledgers, places)
		test(t, c)
		if err := c.close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func TestALedgerIsOpenedOnceForAllWhoWait(t *testing.T) {
	rostered(t, 1, 1, func(t *testing.T, c *counted) {
		var readers sync.WaitGroup
		for range 10 {
			readers.Go(func() {
				if err := c.read(t.Context(), 0, 0); err != nil {
					t.Error(err)
				}
			})
		}
		readers.Wait()
		if c.opens["0"] != 1 {
			t.Errorf("10 readers opened it %d times", c.opens["0"])
		}
	})
}

func TestWhoReadsAllLedgersClosesNoneThatHasReaders(t *testing.T) {
	rostered(t, 200, 4, func(t *testing.T, c *counted) {
		ctx, cancel := context.WithCancel(t.Context())
		var readers sync.WaitGroup
		for ledger := range 2 {
			readers.Go(func() {
				for ctx.Err() == nil {
					if err := c.read(t.Context(), ledger, 50*time.Millisecond); err != nil {
						t.Error(err)
					}
					select {
					case <-ctx.Done():
					case <-time.After(30 * time.Second):
					}
				}
			})
		}
		time.Sleep(time.Minute)
		for range 3 {
			for ledger := 2; ledger < 200; ledger++ {
				if err := c.read(t.Context(), ledger, 50*time.Millisecond); err != nil {
					t.Errorf("ledger %d: %v", ledger, err)
				}
				if open, _, _, _ := c.stands(); open > 4 {
					t.Fatalf("%d ledgers are open, of 4 places", open)
				}
			}
		}
		cancel()
		readers.Wait()
		for _, name := range []string{"0", "1"} {
			if c.opens[name] != 1 {
				t.Errorf("ledger %s, which has readers, was opened %d times", name, c.opens[name])
			}
		}
	})
}

func TestWhereMoreLedgersHaveReadersThanCanBeOpenAllAreRead(t *testing.T) {
	rostered(t, 8, 4, func(t *testing.T, c *counted) {
		var readers sync.WaitGroup
		for ledger := range 8 {
			readers.Go(func() {
				for range 20 {
					if err := c.read(t.Context(), ledger, 50*time.Millisecond); err != nil {
						t.Errorf("ledger %d: %v", ledger, err)
					}
					time.Sleep(30 * time.Second)
				}
			})
		}
		readers.Wait()
	})
}

func TestALedgerThatIsBeingReadIsNotClosed(t *testing.T) {
	rostered(t, 3, 2, func(t *testing.T, c *counted) {
		c.busy["1"] = true // an admin's job
		if err := c.read(t.Context(), 1, 0); err != nil {
			t.Fatal(err)
		}
		reading := make(chan struct{})
		go func() {
			for {
				_ = c.read(t.Context(), 0, time.Minute)
				select {
				case <-reading:
					return
				default:
				}
			}
		}()
		time.Sleep(time.Second)
		began := time.Now()
		if err := c.read(t.Context(), 2, 0); !errors.Is(err, web.ErrLedgersFull) || time.Since(began) > roomWithin+time.Second {
			t.Errorf("a third ledger = %v after %s, want that there is no room", err, time.Since(began))
		}
		time.Sleep(2 * idleFor)
		if !c.isOpen(0) || !c.isOpen(1) {
			t.Error("a ledger was closed while it was used")
		}
		close(reading)
		time.Sleep(time.Minute + 2*keptFor)
		if err := c.read(t.Context(), 2, 0); err != nil {
			t.Errorf("with room: %v", err)
		}
	})
}

func TestASlowDownloadKeepsNoLedgerFromMakingRoom(t *testing.T) {
	rostered(t, 2, 1, func(t *testing.T, c *counted) {
		_, release, err := c.obtain(t.Context(), c.all[0], atOnce)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * idleFor)
		if !c.isOpen(0) {
			t.Fatal("it was closed although nobody needed its place")
		}
		if err := c.read(t.Context(), 1, 0); err != nil {
			t.Errorf("another one: %v", err)
		}
		release()
		if err := c.read(t.Context(), 0, 0); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

func TestAnIdleLedgerIsClosed(t *testing.T) {
	rostered(t, 3, 2, func(t *testing.T, c *counted) {
		if err := c.read(t.Context(), 0, 0); err != nil {
			t.Fatal(err)
		}
		for range 9 {
			time.Sleep(time.Minute)
			if !c.isOpen(0) { // looking is no use
				t.Fatal("it was closed before it was idle for long")
			}
		}
		time.Sleep(2 * time.Minute)
		if c.isOpen(0) {
			t.Error("it is open, and nobody has read it for 11 minutes")
		}
		if err := c.read(t.Context(), 0, 0); err != nil {
			t.Errorf("opening it again: %v", err)
		}
	})
}

func TestAFailureIsThatOfOneLedgerAndPasses(t *testing.T) {
	rostered(t, 3, 1, func(t *testing.T, c *counted) {
		c.broken["0"] = true
		for range 3 {
			if err := c.read(t.Context(), 0, 0); err == nil {
				t.Fatal("a ledger without a database was opened")
			}
		}
		if c.opens["0"] != 1 {
			t.Errorf("it was tried %d times at once", c.opens["0"])
		}
		if err := c.read(t.Context(), 1, 0); err != nil {
			t.Errorf("another one: %v", err)
		}
		c.broken["0"] = false
		time.Sleep(failedFor)
		if err := c.read(t.Context(), 0, 0); err != nil {
			t.Errorf("when the database is back: %v", err)
		}
	})
}

func TestARefusalOfOneReaderIsNotThatOfOthers(t *testing.T) {
	rostered(t, 1, 1, func(t *testing.T, c *counted) {
		refused := errors.New("too many")
		var readers sync.WaitGroup
		readers.Go(func() {
			_, _, err := c.obtain(t.Context(), c.all[0], func(context.Context) (func(), error) {
				time.Sleep(time.Second)
				return nil, refused
			})
			if !errors.Is(err, refused) {
				t.Errorf("the one who was refused got %v", err)
			}
		})
		time.Sleep(500 * time.Millisecond)
		if err := c.read(t.Context(), 0, 0); err != nil {
			t.Errorf("the other one got %v", err)
		}
		readers.Wait()
	})
}

func TestALedgerThatIsAlwaysOpenTakesNoPlaceOfOthers(t *testing.T) {
	rostered(t, 3, 1, func(t *testing.T, c *counted) {
		c.all[0].always = true
		if err := c.openAlways(c.all[0], func() {}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			for ledger := 1; ledger < 3; ledger++ {
				if err := c.read(t.Context(), ledger, 0); err != nil {
					t.Fatal(err)
				}
			}
		}
		time.Sleep(2 * idleFor)
		if !c.isOpen(0) || c.isOpen(1) || c.isOpen(2) || c.opens["0"] != 1 {
			t.Error("want it to be open all the time, and the others closed as they are idle")
		}
	})
}

func TestClosedLedgersAreTendedInTurn(t *testing.T) {
	rostered(t, 3, 1, func(t *testing.T, c *counted) {
		c.spreadTending(time.Now())
		var tended []string
		for range 60 {
			if s := c.untended(time.Now()); s != nil {
				tended = append(tended, s.Name)
			}
			time.Sleep(time.Minute)
		}
		if len(tended) != 12 || tended[0] != "0" || tended[1] != "1" || tended[2] != "2" || tended[3] != "0" {
			t.Errorf("in an hour: %v, want each four times, in turn", tended)
		}
	})
}
