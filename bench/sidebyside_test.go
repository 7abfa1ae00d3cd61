package bench

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"exchequer/cache"
	"exchequer/internal/testkit"
)

// BenchmarkSideBySide runs three ways to share a number among three processes
// through the same three trials: ours, sturdyc, and plain cache-aside. Each process
// is a cache with a Redis client in this program. The source takes the same time
// under any load, which favours contenders that read it often. A stale serve is an
// answer whose data are older than a window and a second.
func BenchmarkSideBySide(b *testing.B) {
	redis.SetLogger(quiet{}) // it would write a line for every failed dial
	for _, trial := range []struct {
		name string
		run  func(*testing.B, race)
	}{{"burst", tryBurst}, {"boundary", tryBoundary}, {"redis-stopped", tryStopped}} {
		for _, c := range contenders() {
			b.Run(trial.name+"/"+c.name, func(b *testing.B) { trial.run(b, race{join: c.join}) })
		}
	}
	b.Run("redis-stopped/plain-untuned", func(b *testing.B) { tryStopped(b, race{join: joinUntuned}) })
}

// A race is one contender's processes and the results of its readers.
type race struct {
	join      func(*testing.B, string, time.Duration, *source) contender
	redis     *testkit.RedisServer
	source    *source
	window    time.Duration
	processes []contender
	tally     *tally
}

// A tally counts the results of readers.
type tally struct {
	mu            sync.Mutex
	took          durations
	stale, errors int
	failure       error
	isNew, first  int // first requests after a boundary, and those that brought data from after it
}

func (r race) line(b *testing.B, window, takes time.Duration) race {
	r.redis, r.source, r.window, r.tally = testkit.Redis(b), &source{takes: takes}, window, &tally{}
	for range fleetSize {
		r.processes = append(r.processes, r.join(b, r.redis.Addr, window, r.source))
	}
	return r
}

// readerPatience is the timeout of a reader.
const readerPatience = 5 * time.Second

// read reads the number from a process once.
func (r race) read(process int) (number, error) {
	ctx, cancel := context.WithTimeout(context.Background(), readerPatience)
	defer cancel()
	began := time.Now()
	n, err := r.processes[process%fleetSize].get(ctx)
	t := r.tally
	t.mu.Lock()
	defer t.mu.Unlock()
	t.took = append(t.took, time.Since(began))
	switch {
	case err != nil:
		t.errors++
		t.failure = err
	case time.Since(n.Cut) > r.window+time.Second:
		t.stale++
	}
	return n, err
}

// forget resets the tally and the count of runs.
func (r race) forget() {
	r.tally.mu.Lock()
	defer r.tally.mu.Unlock()
	r.tally.took, r.tally.stale, r.tally.errors = nil, 0, 0
	r.source.runs.Store(0)
}

func (r race) report(b *testing.B) {
	t := r.tally
	t.mu.Lock()
	defer t.mu.Unlock()
	b.ReportMetric(float64(r.source.runs.Load()), "runs")
	b.ReportMetric(float64(t.stale), "stale")
	b.ReportMetric(float64(t.errors), "errors")
	b.ReportMetric(float64(len(t.took)), "reads")
	b.ReportMetric(ms(t.took.quantile(.99)), "p99-ms")
	b.ReportMetric(ms(t.took.quantile(1)), "worst-ms")
	b.ReportMetric(0, "ns/op")
	if t.failure != nil {
		b.Logf("one error: %v", t.failure)
	}
}

// tryBurst sends 600 readers at once to three empty processes and an empty
// Redis, for a number that takes a second.
func tryBurst(b *testing.B, r race) {
	for b.Loop() {
		r := r.line(b, time.Hour, time.Second)
		var readers sync.WaitGroup
		for i := range 600 {
			readers.Go(func() { _, _ = r.read(i) })
		}
		readers.Wait()
		r.report(b)
	}
}

const (
	trialWindow = 2 * time.Second
	trialTakes  = 500 * time.Millisecond
	trialLag    = 800 * time.Millisecond // what ours measures for such a source; given to the others
)

// tryBoundary has 300 readers that each read once a window, as browsers do: at its
// boundary plus a lag and some jitter. There are ten windows of 2 s; the number takes
// half a second.
func tryBoundary(b *testing.B, r race) {
	for b.Loop() {
		r := r.line(b, trialWindow, trialTakes)
		for i := range fleetSize {
			if _, err := r.read(i); err != nil {
				b.Fatal(err)
			}
		}
		// One window more, so that refreshing ahead has readers to go by.
		first := cache.WindowAt(time.Now(), trialWindow).End
		var readers sync.WaitGroup
		for i := range browsers {
			readers.Go(func() {
				for n := range boundaryWindows + 1 {
					boundary := first.Add(time.Duration(n) * trialWindow)
					time.Sleep(time.Until(boundary.Add(trialLag + spread(browserJitter) - browserJitter/2)))
					got, err := r.read(i)
					if n > 0 && err == nil {
						r.sight(!got.Cut.Before(boundary))
					}
				}
			})
		}
		time.Sleep(time.Until(first.Add(trialWindow)) - 10*time.Millisecond)
		r.forget()
		readers.Wait()
		r.report(b)
		b.ReportMetric(100*float64(r.tally.isNew)/float64(max(r.tally.first, 1)), "%new-at-first-request")
	}
}

func (r race) sight(isNew bool) {
	r.tally.mu.Lock()
	defer r.tally.mu.Unlock()
	r.tally.first++
	if isNew {
		r.tally.isNew++
	}
}

// tryStopped has 60 readers that read ten times a second while Redis is suspended for
// 10 s with its connections open. Only these 10 s count.
func tryStopped(b *testing.B, r race) {
	for b.Loop() {
		r := r.line(b, trialWindow, trialTakes)
		for i := range fleetSize {
			if _, err := r.read(i); err != nil {
				b.Fatal(err)
			}
		}
		away := make(chan struct{})
		var readers sync.WaitGroup
		for i := range 60 {
			readers.Go(func() {
				for {
					_, _ = r.read(i)
					select {
					case <-away:
						return
					case <-time.After(spread(regularEvery)):
					}
				}
			})
		}
		time.Sleep(2 * trialWindow)
		r.redis.Freeze()
		r.forget()
		time.Sleep(10 * time.Second)
		r.report(b)
		r.redis.Thaw()
		close(away)
		readers.Wait()
	}
}
