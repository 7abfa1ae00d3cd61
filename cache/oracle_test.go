package cache_test

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"exchequer/cache"
)

// An oracle records what happens in a random fleet, and reports what must not: an
// error while there is a value to show, a window that goes back, an older run of
// a window after a newer one, a value from before a hard invalidation.
type oracle struct {
	mu     *sync.Mutex
	began  time.Time
	story  *strings.Builder
	runs   []producing // a value is the number of its run, from 1
	marks  []invalidation
	latest map[viewer]showing
}

// A showing is what a reader got last.
type showing struct {
	cache.Result[int]
	at  time.Time
	use use
}

// A use is how a process uses Redis at a time.
type use struct {
	alone   bool
	outages uint64
}

type producing struct {
	process int
	item    Item
	window  time.Time
	began   time.Time
	ok      bool
}

// An invalidation is in force in its own process when its call has returned, and
// everywhere when all processes have used Redis for long enough.
type invalidation struct {
	process          int
	item             Item
	how              cache.Mode
	called, returned time.Time // zero: not yet
	everywhere       time.Time // zero: not known
}

type viewer struct {
	process int
	item    Item
}

// The time until the other processes have polled, and as much again for a busy
// machine.
const pollDelay = time.Second + 2*time.Second

// Runs that began this close to each other count as at the same time.
const clockError = 400 * time.Millisecond

func newOracle() oracle {
	return oracle{mu: new(sync.Mutex), began: time.Now(), story: new(strings.Builder), latest: map[viewer]showing{}}
}

func (c *oracle) tell(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.note(format, args...)
}

func (c *oracle) note(format string, args ...any) {
	fmt.Fprintf(c.story, "%7.3f ", time.Since(c.began).Seconds())
	fmt.Fprintf(c.story, format+"\n", args...)
}

func (c *oracle) runBegins(process int, w cache.Window, item Item) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.runs = append(c.runs, producing{process, item, w.Start, time.Now(), false})
	c.note("process %d computes item %s as of %s, run %d", process, item, w.Start.Format("05.000"), len(c.runs))
	return len(c.runs)
}

func (c *oracle) runSucceeds(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.runs[n-1].ok = true
	c.note("run %d succeeds", n)
}

// invalidating records a call that invalidates, and returns its number. The others
// may know of it before it returns.
func (c *oracle) invalidating(process int, item Item, mode cache.Mode) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.marks = append(c.marks, invalidation{process: process, item: item, how: mode, called: time.Now()})
	c.note("process %d begins to invalidate item %s, %v", process, item, mode)
	return len(c.marks) - 1
}

// invalidated records that the call has returned.
func (c *oracle) invalidated(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := &c.marks[n]
	i.returned = time.Now()
	c.note("process %d has invalidated item %s, %v", i.process, i.item, i.how)
}

// settle records that all processes use Redis, and so learn all invalidations.
func (c *oracle) settle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := range c.marks {
		if c.marks[n].everywhere.IsZero() && !c.marks[n].returned.IsZero() {
			c.marks[n].everywhere = time.Now()
		}
	}
	c.note("all are together")
}

// shown records what a reader got, and returns what is wrong with it.
func (c *oracle) shown(process int, item Item, began time.Time, before use, r cache.Result[int], err error) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	who := viewer{process, item}
	last, has := c.latest[who]
	if err != nil {
		if has && !c.forbids(item, c.runs[last.Value-1].began) {
			return c.wrong("%v, though run %d can be shown", err, last.Value)
		}
		return ""
	}
	c.latest[who] = showing{r, time.Now(), before}
	if r.Value != last.Value {
		c.note("process %d shows item %s of run %d, %v", process, item, r.Value, r.State)
	}
	if r.AsOf.Before(last.AsOf) {
		return c.wrong("as of %v after %v", r.AsOf, last.AsOf)
	}
	of := c.runs[r.Value-1]
	// After an outage of its own, a process takes what the fleet has.
	if has && began.After(last.at) && r.AsOf.Equal(last.AsOf) && !last.use.alone && before == last.use {
		if was := c.runs[last.Value-1]; of.began.Add(clockError).Before(was.began) {
			return c.wrong("run %d after run %d of the same window, which began %v later", r.Value, last.Value, was.began.Sub(of.began))
		}
	}
	for _, i := range c.marks {
		if i.how != cache.Hard || i.item != item || !of.began.Before(i.called) {
			continue
		}
		if i.process == process && !i.returned.IsZero() && i.returned.Before(began) {
			return c.wrong("run %d, which it has forbidden itself %v before", r.Value, began.Sub(i.returned))
		}
		if !i.everywhere.IsZero() && i.everywhere.Add(pollDelay).Before(began) {
			return c.wrong("run %d, which process %d has forbidden %v before", r.Value, i.process, began.Sub(i.returned))
		}
	}
	return ""
}

func (c *oracle) wrong(format string, args ...any) string {
	c.note("WRONG: "+format, args...)
	return fmt.Sprintf(format, args...)
}

// forbids reports whether a run that began then may be forbidden by now. An
// invalidation during an outage reaches the others when the outage ends.
func (c *oracle) forbids(item Item, began time.Time) bool {
	for _, i := range c.marks {
		if i.how == cache.Hard && i.item == item && (i.everywhere.IsZero() || began.Before(i.everywhere.Add(pollDelay))) {
			return true
		}
	}
	return false
}

// A computation is a window of an item.
type computation struct {
	item   Item
	window time.Time
}

func (c *oracle) successes() map[computation]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	count := map[computation]int{}
	for _, r := range c.runs {
		if r.ok {
			count[computation{r.item, r.window}]++
		}
	}
	return count
}

func (c *oracle) invalidationsIn(item Item, from, to time.Time) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, i := range c.marks {
		if i.item == item && i.called.Before(to) && i.returned.After(from) {
			n++
		}
	}
	return n
}
