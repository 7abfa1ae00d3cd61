package cache

import (
	"context"
	"sync/atomic"
	"time"
)

const (
	sampleEvery = 10 * time.Second
	clockStep   = 100 * time.Millisecond // by which a machine's clock was set, rather than that it drifted
	clockSlack  = time.Second            // by which a window may be ahead of our clock
)

// A clock tells the fleet's time: what the store said when it was last asked,
// and what has passed since by the monotonic clock, which nobody sets. Until
// the store was asked it is the machine's time.
type clock struct {
	machine func() time.Time
	began   time.Time    // what has passed is measured from here
	origin  atomic.Int64 // the fleet's time at began, in Unix nanoseconds
	offset  atomic.Int64 // the fleet's minus the machine's when last sampled, in nanoseconds
	sampled atomic.Bool
}

func (c *clock) start(machine func() time.Time) {
	if machine == nil {
		machine = time.Now
	}
	c.machine, c.began = machine, time.Now()
	c.origin.Store(machine().UnixNano())
}

// Now is the time by the fleet's clock: it decides about windows, and is what
// browsers are to be told.
func (c *clock) Now() time.Time { return c.now() }

func (c *clock) now() time.Time { return time.Unix(0, c.nano()).UTC() }

func (c *clock) nano() int64 { return c.origin.Load() + int64(time.Since(c.began)) }

// until is how long to sleep for the fleet's clock to reach t.
func (c *clock) until(t time.Time) time.Duration { return t.Sub(c.now()) }

// stepped says whether the machine's clock has been set since the last sample,
// or the machine has slept.
func (c *clock) stepped() bool {
	moved := time.Duration(c.nano() - c.machine().UnixNano() - c.offset.Load())
	return moved.Abs() > clockStep
}

// sample, of which one runs at a time, asks the store for its time, which it read between our question and
// its answer. Our own is kept while it agrees with that.
func (c *clock) sample(ctx context.Context, store Store) error {
	asked := c.nano()
	theirs, err := store.Now(ctx)
	answered := c.nano()
	if err != nil {
		if !c.sampled.Load() {
			c.origin.Add(c.machine().UnixNano() - c.nano())
		}
		return err
	}
	least, most := theirs.UnixNano()-answered, theirs.UnixNano()-asked
	if agree := least <= 0 && most >= 0; !agree || !c.sampled.Load() {
		c.origin.Add((least + most) / 2)
	}
	c.offset.Store(c.nano() - c.machine().UnixNano())
	c.sampled.Store(true)
	return nil
}

// A Window is the half-open span of wall-clock time [Start, End) that one set
// of numbers describes. It is the unit of both caching and refresh.
type Window struct{ Start, End time.Time }

// WindowAt returns the window of the given size that contains now. Windows are
// aligned to the Unix epoch in UTC, so every process and every browser agrees
// on their boundaries.
func WindowAt(now time.Time, size time.Duration) Window {
	start := now.UnixNano() - now.UnixNano()%int64(size)
	return Window{Start: time.Unix(0, start).UTC(), End: time.Unix(0, start+int64(size)).UTC()}
}
