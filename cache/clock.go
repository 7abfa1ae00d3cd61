package cache

import (
	"context"
	"sync/atomic"
	"time"
)

const (
	clockStep  = 100 * time.Millisecond // a larger change means that the machine's clock was set
	clockSlack = time.Second            // tolerance for windows that are ahead of the clock
)

// A clock returns the fleet's time: the store's time at the last sample plus what
// has passed since by the monotonic clock, which nobody sets. Before the first
// sample it returns the machine's time.
type clock struct {
	machine func() time.Time
	began   time.Time    // by the monotonic clock
	origin  atomic.Int64 // the fleet's time at began, in Unix nanoseconds
	offset  atomic.Int64 // the fleet's time minus the machine's at the last sample, in nanoseconds
	sampled atomic.Bool  // whether there was a sample
}

// start sets the clock to the machine's time.
func (c *clock) start(machine func() time.Time) {
	if machine == nil {
		machine = time.Now
	}
	c.machine, c.began = machine, time.Now()
	c.origin.Store(machine().UnixNano())
}

// Now returns the time by the fleet's clock, which decides about windows.
// Browsers correct their clocks by it.
func (c *clock) Now() time.Time { return c.now() }

func (c *clock) now() time.Time { return time.Unix(0, c.nano()).UTC() }

func (c *clock) nano() int64 { return c.origin.Load() + int64(time.Since(c.began)) }

// until returns how long it takes for the fleet's clock to reach t.
func (c *clock) until(t time.Time) time.Duration { return t.Sub(c.now()) }

// stepped reports whether the machine's clock was set or the machine slept since
// the last sample.
func (c *clock) stepped() bool {
	moved := time.Duration(c.nano() - c.machine().UnixNano() - c.offset.Load())
	return moved.Abs() > clockStep
}

// sample sets the clock by the store's, which was read between the call and the
// answer. A clock within these bounds is kept. The error is the store's. One call
// runs at a time.
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
	if c.sampled.Load() {
		// No further than needed: the middle of a slow answer may be far off.
		c.origin.Add(max(least, 0) + min(most, 0))
	} else {
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
