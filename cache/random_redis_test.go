package cache_test

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"exchequer/cache"
	"exchequer/internal/testkit"
)

// A fleet of three on a real Redis, with random readers, invalidations, and
// faults of the server, of the connections and of producers, does what an oracle
// checks. Afterwards, without faults, it runs one producer a window again.
// EXCHEQUER_TEST_SEED runs one seed, EXCHEQUER_TEST_FOR ("10m") one after the
// other for that long.
func TestAFleetOnRedisKeepsItsPromisesUnderRandomFaults(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	if given := os.Getenv("EXCHEQUER_TEST_SEED"); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	var long time.Duration
	if given := os.Getenv("EXCHEQUER_TEST_FOR"); given != "" {
		var err error
		if long, err = time.ParseDuration(given); err != nil {
			t.Fatal(err)
		}
	}
	for began := time.Now(); ; seed++ {
		ok := t.Run("seed "+strconv.FormatUint(seed, 10), func(t *testing.T) { randomFaults(t, seed) })
		if !ok || time.Since(began) >= long {
			return
		}
	}
}

const (
	stormy = 10 * time.Second
	calm   = 3 * short
)

func randomFaults(t *testing.T, seed uint64) {
	f := newStormyFleet(t)
	f.everyoneReads(t, func() {
		f.storm(t, seed)
		f.become("", 0)
		eventually(t, 2*time.Minute, "all processes use Redis again", f.together)
		f.settle()
		// Until each circuit has closed, and all processes have polled.
		f.wantAllFresh(t, time.Minute)
		time.Sleep(time.Second)
		quiet := time.Now()
		time.Sleep(calm)
		f.invalidate(t, 0, 0, cache.Hard)
		f.settle()
		time.Sleep(calm)
		f.wantOneRunAWindow(t, quiet)
		f.wantAllFresh(t, 10*time.Second)
	})
	if t.Failed() {
		t.Log(f.story.String())
	}
}

type randomRedisFleet struct {
	oracle
	visitedFleet
	items []*cache.Memo[Item, int]

	behaving sync.Mutex
	next     string // the outcome of the next run: "", "fails" or "panics"
	took     time.Duration
}

const randomItems = 3

func newStormyFleet(t *testing.T) *randomRedisFleet {
	f := &randomRedisFleet{}
	f.oracle = newOracle()
	f.redis = testkit.Redis(t)
	for p := range 3 {
		m := f.join(t)
		f.items = append(f.items, cache.NewMemo(m.cache, cache.Spec{Name: "random", Window: short, Timeout: 3 * time.Second},
			func(ctx context.Context, w cache.Window, item Item) (int, error) { return f.produce(ctx, p, w, item) }))
	}
	return f
}

func itemOf(n int) Item { return Item(strconv.Itoa(n)) }

// become sets the outcome of the next run, and the duration of all from now on.
func (f *randomRedisFleet) become(next string, took time.Duration) {
	f.behaving.Lock()
	defer f.behaving.Unlock()
	f.next, f.took = next, took
}

func (f *randomRedisFleet) produce(ctx context.Context, p int, w cache.Window, item Item) (int, error) {
	f.behaving.Lock()
	mode, took := f.next, f.took
	f.next = ""
	f.behaving.Unlock()
	n := f.runBegins(p, w, item)
	select {
	case <-time.After(took):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	switch mode {
	case "fails":
		f.tell("run %d fails", n)
		return 0, errDown
	case "panics":
		f.tell("run %d panics", n)
		panic("random")
	}
	f.runSucceeds(n)
	return n, nil
}

func (f *randomRedisFleet) wantAllFresh(t *testing.T, within time.Duration) {
	for p, m := range f.items {
		for item := range randomItems {
			eventually(t, within, "everything is fresh", func() bool { return f.read(t, p, m, item).State == cache.Fresh })
		}
	}
}

// everyoneReads runs two readers at each process while f runs.
func (f *randomRedisFleet) everyoneReads(t *testing.T, during func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var readers sync.WaitGroup
	for p, m := range f.items {
		for item := range randomItems {
			f.read(t, p, m, item)
		}
		for range 2 {
			readers.Go(func() {
				for ctx.Err() == nil {
					f.read(t, p, m, rand.IntN(randomItems))
					time.Sleep(time.Duration(rand.Int64N(int64(40 * time.Millisecond))))
				}
			})
		}
	}
	during()
	cancel()
	readers.Wait()
}

func (f *randomRedisFleet) read(t *testing.T, p int, m *cache.Memo[Item, int], item int) cache.Result[int] {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	store := f.processes[p].store
	began, before := time.Now(), use{store.Err() != nil, store.Outages()}
	r, err := m.Get(ctx, itemOf(item))
	if what := f.shown(p, itemOf(item), began, before, r, err); what != "" {
		t.Errorf("process %d, item %d: %s", p, item, what)
	}
	return r
}

// invalidate invalidates an item from a process.
func (f *randomRedisFleet) invalidate(t *testing.T, p, item int, mode cache.Mode) {
	n := f.invalidating(p, itemOf(item), mode)
	err := f.processes[p].cache.Invalidate(context.Background(), mode, cache.Key("random", string(itemOf(item))))
	if err != nil {
		t.Errorf("invalidate: %v", err)
	}
	f.invalidated(n)
}

// together reports whether all processes use Redis.
func (f *randomRedisFleet) together() bool {
	for _, m := range f.processes {
		if m.store.Err() != nil {
			return false
		}
	}
	return true
}

// storm causes faults for a while, and then ends them all.
func (f *randomRedisFleet) storm(t *testing.T, seed uint64) {
	end := time.Now().Add(stormy)
	var drivers sync.WaitGroup
	for n, drive := range []func(*testing.T, *rand.Rand){f.spoilAWay, f.spoilRedis, f.meddle} {
		r := rand.New(rand.NewPCG(seed, uint64(n)))
		drivers.Go(func() {
			for time.Now().Before(end) {
				drive(t, r)
			}
		})
	}
	drivers.Wait()
}

// spoilAWay disturbs the connection of one process to Redis for a time.
func (f *randomRedisFleet) spoilAWay(t *testing.T, r *rand.Rand) {
	p := r.IntN(len(f.processes))
	way := f.processes[p].way
	faults := []struct {
		name  string
		begin func()
	}{
		{"two seconds away", func() { way.Delay(2 * time.Second) }},
		{"sixty milliseconds away", func() { way.Delay(60 * time.Millisecond) }},
		{"reset", way.Reset}, {"refused", way.Cut}, {"answers lost", way.Swallow},
		{"one kilobyte a second", func() { way.Narrow(1) }},
	}
	fault := faults[r.IntN(len(faults))]
	f.tell("process %d: %s", p, fault.name)
	fault.begin()
	time.Sleep(100*time.Millisecond + span(r, 2*time.Second))
	way.Mend()
	f.tell("process %d: mended", p)
	time.Sleep(span(r, 3*time.Second))
}

// spoilRedis disturbs the server, or its messages.
func (f *randomRedisFleet) spoilRedis(t *testing.T, r *rand.Rand) {
	time.Sleep(span(r, 3*time.Second))
	what := []string{"stopped", "killed", "messages refused", "listeners disconnected"}[r.IntN(4)]
	f.tell("redis: %s", what)
	last := 100*time.Millisecond + span(r, 2*time.Second)
	switch what {
	case "stopped":
		f.redis.Freeze()
		time.Sleep(last)
		f.redis.Thaw()
	case "killed":
		f.redis.Kill()
		time.Sleep(last)
		f.redis.Start()
	case "messages refused":
		deafen(t, f.redis)
		time.Sleep(last)
		if _, err := f.redis.Do("ACL", "SETUSER", "default", "+subscribe"); err != nil {
			t.Error(err)
		}
	case "listeners disconnected":
		if _, err := f.redis.Do("CLIENT", "KILL", "TYPE", "pubsub"); err != nil {
			t.Error(err)
		}
	}
	f.tell("redis: right again")
}

// meddle changes how producers behave, or invalidates.
func (f *randomRedisFleet) meddle(t *testing.T, r *rand.Rand) {
	time.Sleep(span(r, 600*time.Millisecond))
	switch r.IntN(6) {
	case 0:
		f.become("fails", span(r, 300*time.Millisecond))
	case 1:
		f.become("panics", span(r, 300*time.Millisecond))
	case 2, 3:
		f.become("", span(r, time.Second))
	case 4:
		f.invalidate(t, r.IntN(3), r.IntN(randomItems), cache.Hard)
	case 5:
		f.invalidate(t, r.IntN(3), r.IntN(randomItems), cache.Soft)
	}
}

// wantOneRunAWindow checks the windows that began after a time.
func (f *randomRedisFleet) wantOneRunAWindow(t *testing.T, after time.Time) {
	windows := 0
	for key, runs := range f.successes() {
		if key.window.Before(after) || !key.window.Before(time.Now().Add(-short)) {
			continue
		}
		windows++
		if most := 1 + f.invalidationsIn(key.item, key.window, key.window.Add(short)); runs > most {
			t.Errorf("in peace, item %s was computed %d times in the window of %v, want %d at most", key.item, runs, key.window, most)
		}
	}
	if windows < randomItems {
		t.Errorf("only %d windows were computed in peace", windows)
	}
}
