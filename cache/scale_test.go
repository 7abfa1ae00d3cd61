package cache_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/cache"
)

// A scaleTrial is a fleet in fake time, all of whose processes have readers of all keys.
type scaleTrial struct {
	processes, ledgers, keys int // keys: of a ledger, each of a memo of its own
	reads                    int // of each key, in each process, a second
	writes                   int // to each ledger, a second; they touch the first of its keys
	takes                    time.Duration
}

// A scaleCost is what a fleet does in a window.
type scaleCost struct {
	runs, most                              int // producer runs; most: of one key in one window
	published, delivered, told              int // messages that a value is ready, and those of invalidations that arrived
	loads, locks, publishes, unlocks, polls int // calls of the store
	clocks, invalidates, others             int
	waited                                  int // readers who did not get a value at once, of all windows
}

// A counted store is one in memory, a millisecond away. It counts its calls.
type counted struct {
	*cache.Memory
	n *scaleCounts
}

type scaleCounts struct {
	runs, published, delivered, told, loads, locks, publishes, unlocks, polls, clocks, invalidates, others, waited atomic.Int64
}

func (s counted) count(n *atomic.Int64) {
	n.Add(1)
	time.Sleep(time.Millisecond)
}

func (s counted) Load(ctx context.Context, key string) ([]byte, error) {
	s.count(&s.n.loads)
	return s.Memory.Load(ctx, key)
}

func (s counted) Publish(ctx context.Context, p cache.Publication) (bool, error) {
	s.count(&s.n.publishes)
	done, err := s.Memory.Publish(ctx, p)
	if done {
		s.n.published.Add(1)
	}
	return done, err
}

func (s counted) Lock(ctx context.Context, key, owner string, lease time.Duration) (bool, error) {
	s.count(&s.n.locks)
	return s.Memory.Lock(ctx, key, owner, lease)
}

func (s counted) Extend(ctx context.Context, key, owner string, lease time.Duration) (bool, error) {
	s.count(&s.n.others)
	return s.Memory.Extend(ctx, key, owner, lease)
}

func (s counted) Unlock(ctx context.Context, key, owner string) error {
	s.count(&s.n.unlocks)
	return s.Memory.Unlock(ctx, key, owner)
}

func (s counted) Invalidate(ctx context.Context, mode cache.Mode, scopes []string, above int64, once string) (int64, bool, error) {
	s.count(&s.n.invalidates)
	return s.Memory.Invalidate(ctx, mode, scopes, above, once)
}

func (s counted) Invalidations(ctx context.Context, above int64) ([]cache.Invalidation, error) {
	s.count(&s.n.polls)
	return s.Memory.Invalidations(ctx, above)
}

func (s counted) Restore(ctx context.Context, list []cache.Invalidation) error {
	s.count(&s.n.others)
	return s.Memory.Restore(ctx, list)
}

func (s counted) Notify(ctx context.Context, list []cache.Invalidation) error {
	s.count(&s.n.others)
	return s.Memory.Notify(ctx, list)
}

func (s counted) Now(ctx context.Context) (time.Time, error) {
	s.count(&s.n.clocks)
	return s.Memory.Now(ctx)
}

func (s counted) Listen(handle func(cache.Message)) (stop func()) {
	return s.Memory.Listen(func(m cache.Message) {
		if m.Ready != "" {
			s.n.delivered.Add(1)
		} else {
			s.n.told.Add(1)
		}
		handle(m)
	})
}

// cost runs the fleet for some windows, and returns what it does in one.
func (s scaleTrial) cost(t *testing.T) (c scaleCost) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { c = s.run(t) })
	return c
}

func (s scaleTrial) run(t *testing.T) scaleCost {
	const windows = 3
	var n scaleCounts
	seen := runsOf{n: map[string]int{}}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for ledger := range s.ledgers {
		store := counted{cache.NewMemory(), &n}
		var caches []*cache.Cache
		for range s.processes {
			c := open(t, cache.Deps{Store: store, Space: fmt.Sprint("town", ledger, ":1"), Memory: 1 << 20})
			caches = append(caches, c)
			memos := s.declare(c, ledger, &n, &seen)
			all.Go(func() { s.read(ctx, t, memos, &n) })
		}
		if s.writes > 0 {
			all.Go(func() { s.write(ctx, t, caches) })
		}
	}
	time.Sleep(time.Until(cache.WindowAt(time.Now(), window).End) + 3*window/2)
	before := n.now()
	seen.forget()
	time.Sleep(windows * window)
	c := n.now().since(before, windows)
	c.most = seen.most()
	cancel()
	all.Wait()
	return c
}

// runsOf are the runs of each key in each window.
type runsOf struct {
	mu sync.Mutex
	n  map[string]int
}

func (r *runsOf) add(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n[key]++
}

func (r *runsOf) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n = map[string]int{}
}

func (r *runsOf) most() (most int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.n {
		most = max(most, n)
	}
	return most
}

func (s scaleTrial) declare(c *cache.Cache, ledger int, n *scaleCounts, seen *runsOf) (memos []*cache.Memo[One, int]) {
	for key := range s.keys {
		spec := cache.Spec{Name: fmt.Sprint("number", key), Window: window}
		if key == 0 {
			spec.Tags = []string{"written"}
		}
		memos = append(memos, cache.NewMemo(c, spec, func(_ context.Context, w cache.Window, _ One) (int, error) {
			n.runs.Add(1)
			seen.add(fmt.Sprint(ledger, key, w.Start))
			time.Sleep(s.takes)
			return 1, nil
		}))
	}
	return memos
}

// read is the readers of a process.
func (s scaleTrial) read(ctx context.Context, t *testing.T, memos []*cache.Memo[One, int], n *scaleCounts) {
	time.Sleep(rand.N(time.Second))
	for ; ctx.Err() == nil; time.Sleep(time.Second / time.Duration(s.reads)) {
		for _, m := range memos {
			began := time.Now()
			if _, err := m.Get(t.Context(), One{}); err != nil {
				t.Errorf("Get() = %v", err)
			}
			if time.Since(began) > 0 {
				n.waited.Add(1)
			}
		}
	}
}

// write is the writes to a ledger, of each of which all processes learn from the database.
func (s scaleTrial) write(ctx context.Context, t *testing.T, caches []*cache.Cache) {
	for id := 0; ctx.Err() == nil; id++ {
		for _, c := range caches {
			go func() {
				if err := c.InvalidateOnce(ctx, fmt.Sprint(id), cache.Soft, cache.Touched("written")); err != nil && ctx.Err() == nil {
					t.Errorf("InvalidateOnce() = %v", err)
				}
			}()
		}
		time.Sleep(time.Second / time.Duration(s.writes))
	}
}

func (n *scaleCounts) now() scaleCost {
	return scaleCost{
		runs: int(n.runs.Load()), published: int(n.published.Load()), delivered: int(n.delivered.Load()), told: int(n.told.Load()),
		loads: int(n.loads.Load()), locks: int(n.locks.Load()), publishes: int(n.publishes.Load()), unlocks: int(n.unlocks.Load()),
		polls: int(n.polls.Load()), clocks: int(n.clocks.Load()), invalidates: int(n.invalidates.Load()), others: int(n.others.Load()),
		waited: int(n.waited.Load()),
	}
}

// since returns the cost of one of some windows.
func (c scaleCost) since(o scaleCost, windows int) scaleCost {
	return scaleCost{
		runs: (c.runs - o.runs) / windows, published: (c.published - o.published) / windows, delivered: (c.delivered - o.delivered) / windows, told: (c.told - o.told) / windows,
		loads: (c.loads - o.loads) / windows, locks: (c.locks - o.locks) / windows, publishes: (c.publishes - o.publishes) / windows, unlocks: (c.unlocks - o.unlocks) / windows,
		polls: (c.polls - o.polls) / windows, clocks: (c.clocks - o.clocks) / windows, invalidates: (c.invalidates - o.invalidates) / windows, others: (c.others - o.others) / windows,
		waited: c.waited - o.waited,
	}
}

// What a fleet asks of its store in a window grows with its processes, and not with its
// readers. docs/scale.md has the formulas; EXCHEQUER_TEST_PROCESSES=100,1000 runs more
// processes and, with -v, prints its table.
func TestTheCostOfAFleetGrowsWithItsProcessesAndNotWithItsReaders(t *testing.T) {
	for _, size := range strings.Split(cmp.Or(os.Getenv("EXCHEQUER_TEST_PROCESSES"), "1,4"), ",") {
		processes, err := strconv.Atoi(size)
		if err != nil || processes < 1 {
			t.Fatalf("EXCHEQUER_TEST_PROCESSES: %q is no number of processes", size)
		}
		for _, s := range []scaleTrial{
			{processes: processes, ledgers: 1, keys: 5, reads: 1, takes: 50 * time.Millisecond},
			{processes: processes, ledgers: 1, keys: 5, reads: 20, takes: 50 * time.Millisecond},
			{processes: processes, ledgers: 1, keys: 5, reads: 20, takes: 500 * time.Millisecond},
			{processes: processes, ledgers: 1, keys: 20, reads: 1, takes: 50 * time.Millisecond},
			{processes: processes, ledgers: 4, keys: 5, reads: 1, takes: 50 * time.Millisecond},
			{processes: processes, ledgers: 1, keys: 5, reads: 1, writes: 2, takes: 50 * time.Millisecond},
		} {
			s.check(t, s.cost(t))
		}
	}
}

// check compares a cost with what is promised, and with the formulas.
func (s scaleTrial) check(t *testing.T, c scaleCost) {
	t.Helper()
	t.Logf("%d processes, %d ledgers of %d keys, %d reads and %d writes a second, runs of %v: %+v", s.processes, s.ledgers, s.keys, s.reads, s.writes, s.takes, c)
	keys, seconds := s.ledgers*s.keys, int(window/time.Second)
	again := keys * s.processes * int(s.takes/(100*time.Millisecond)) // looks of readers at a run that takes longer, at most
	runs, most, late := keys, 1, 0
	if s.writes > 0 { // the key that is written is computed once a second at most, if it is read
		runs, most, late = keys+s.ledgers*seconds, seconds+1, 1 // late: a run may be under way at the end
	}
	between := func(what string, got, least, most int) {
		if got < least || got > most {
			t.Errorf("%+v: %s %d, want %d to %d", s, what, got, least, most)
		}
	}
	between("producer runs", c.runs, keys, runs)
	between("runs of one key in one window", c.most, 1, most)
	between("readers who waited", c.waited, 0, 0)
	between("values published", c.published, c.runs-late, c.runs+late)
	between("messages delivered", c.delivered, s.processes*(c.runs-late), s.processes*(c.runs+late))
	between("loads", c.loads, keys*s.processes, 2*s.processes*(c.runs+late)+again)
	between("locks", c.locks, c.runs-late, s.processes*(c.runs+late)+again)
	between("publications", c.publishes, c.runs-late, c.runs+late)
	between("unlocks", c.unlocks, c.runs-late, 2*c.runs)
	between("polls", c.polls, s.ledgers*s.processes*(seconds-1), s.ledgers*s.processes*(seconds+1)+c.runs+late)
	between("clock readings", c.clocks, s.ledgers*s.processes*(seconds/rare-1), s.ledgers*s.processes*(seconds/rare+1))
	between("invalidations", c.invalidates, s.ledgers*s.processes*(s.writes*seconds-1), s.ledgers*s.processes*(s.writes*seconds+1))
	between("messages of invalidations", c.told, s.ledgers*s.processes*(s.writes*seconds-2), s.ledgers*s.processes*(s.writes*seconds+2))
}

// rare is how many polls there are to one that also reads the clock.
const rare = 10
