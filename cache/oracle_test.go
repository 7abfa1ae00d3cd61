package cache_test

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"exchequer/cache"
)

// A chronicle remembers what became of a random fleet, and says what should not
// have: an error while there was a value to show, a window that went back, a
// value from before a hard invalidation.
type chronicle struct {
	mu     *sync.Mutex
	began  time.Time
	story  *strings.Builder
	runs   []producing // a value is the number of its run, from 1
	marks  []invalidation
	latest map[viewer]cache.Result[int]
}

type producing struct {
	process int
	item    Item
	window  time.Time
	began   time.Time
	ok      bool
}

// An invalidation is in force in its own process when it has returned, and in
// all when they have been together for long enough.
type invalidation struct {
	process          int
	item             Item
	how              cache.Mode
	called, returned time.Time
	everywhere       time.Time // zero: not known
}

type viewer struct {
	process int
	item    Item
}

// What the others may take to hear, and the machine to get round to it.
const hearsay = time.Second + 2*time.Second

func newChronicle() chronicle {
	return chronicle{mu: new(sync.Mutex), began: time.Now(), story: new(strings.Builder), latest: map[viewer]cache.Result[int]{}}
}

func (c *chronicle) tell(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.note(format, args...)
}

func (c *chronicle) note(format string, args ...any) {
	fmt.Fprintf(c.story, "%7.3f ", time.Since(c.began).Seconds())
	fmt.Fprintf(c.story, format+"\n", args...)
}

func (c *chronicle) runBegins(process int, w cache.Window, item Item) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.runs = append(c.runs, producing{process, item, w.Start, time.Now(), false})
	c.note("process %d computes item %s as of %s, run %d", process, item, w.Start.Format("05.000"), len(c.runs))
	return len(c.runs)
}

func (c *chronicle) runSucceeds(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.runs[n-1].ok = true
	c.note("run %d succeeds", n)
}

// invalidated notes an invalidation that has returned.
func (c *chronicle) invalidated(process int, item Item, mode cache.Mode, called time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := invalidation{process: process, item: item, how: mode, called: called, returned: time.Now()}
	c.marks = append(c.marks, i)
	c.note("process %d invalidates item %s, %v", process, item, mode)
}

// settle notes that all processes are together, and hear of everything.
func (c *chronicle) settle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := range c.marks {
		if c.marks[n].everywhere.IsZero() {
			c.marks[n].everywhere = time.Now()
		}
	}
	c.note("all are together")
}

// shown notes what a reader got, and says what is wrong with it.
func (c *chronicle) shown(process int, item Item, began time.Time, r cache.Result[int], err error) string {
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
	c.latest[who] = r
	if r.Value != last.Value {
		c.note("process %d shows item %s of run %d, %v", process, item, r.Value, r.State)
	}
	if r.AsOf.Before(last.AsOf) {
		return c.wrong("as of %v after %v", r.AsOf, last.AsOf)
	}
	of := c.runs[r.Value-1]
	for _, i := range c.marks {
		if i.how != cache.Hard || i.item != item || !of.began.Before(i.called) {
			continue
		}
		if i.process == process && i.returned.Before(began) {
			return c.wrong("run %d, which it has forbidden itself %v before", r.Value, began.Sub(i.returned))
		}
		if !i.everywhere.IsZero() && i.everywhere.Add(hearsay).Before(began) {
			return c.wrong("run %d, which process %d has forbidden %v before", r.Value, i.process, began.Sub(i.returned))
		}
	}
	return ""
}

func (c *chronicle) wrong(format string, args ...any) string {
	c.note("WRONG: "+format, args...)
	return fmt.Sprintf(format, args...)
}

// forbids says whether a run of that beginning may be forbidden by now. One of
// an outage is made known at its end, and counts from then.
func (c *chronicle) forbids(item Item, began time.Time) bool {
	for _, i := range c.marks {
		if i.how == cache.Hard && i.item == item && (i.everywhere.IsZero() || began.Before(i.everywhere.Add(hearsay))) {
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

func (c *chronicle) successes() map[computation]int {
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

func (c *chronicle) invalidationsIn(item Item, from, to time.Time) int {
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
