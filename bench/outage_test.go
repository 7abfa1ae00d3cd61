package bench

import (
	"bytes"
	"net/http"
	"sync"
	"testing"
	"time"

	"exchequer/cache"
)

const (
	regularVisitors = 16
	regularEvery    = 100 * time.Millisecond
)

// regulars are visitors who request the page again and again until they are
// stopped.
type regulars struct {
	came    sync.WaitGroup
	away    chan struct{}
	mu      sync.Mutex
	answers []answer // since the last call of sofar
	marked  int      // pages with a degraded panel
}

func visitRegularly(urls []string) *regulars {
	g := &regulars{away: make(chan struct{})}
	for i := range regularVisitors {
		g.came.Go(func() {
			v := newVisitor(urls[i%len(urls)], time.Minute)
			defer v.leave()
			tick := time.NewTicker(regularEvery)
			defer tick.Stop()
			for {
				g.note(v.visit())
				select {
				case <-g.away:
					return
				case <-tick.C:
				}
			}
		})
	}
	return g
}

func (g *regulars) note(a answer) {
	marked := bytes.Contains(a.body, []byte(`class="age warn"`))
	a.body, a.header = nil, http.Header{}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answers = append(g.answers, a)
	if marked {
		g.marked++
	}
}

// sofar returns the answers since its last call.
func (g *regulars) sofar() (answers []answer, marked int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	answers, marked = g.answers, g.marked
	g.answers, g.marked = nil, 0
	return answers, marked
}

func (g *regulars) leave() {
	close(g.away)
	g.came.Wait()
}

// redisStopped suspends Redis for 35 s, with its connections open, while visitors
// request the page.
func (s *stage) redisStopped(b *testing.B) {
	database := s.ledger(b, 1).URL
	for b.Loop() {
		f := s.fleet(b, database)
		f.warm()
		visitors := visitRegularly(f.urls)
		time.Sleep(5 * time.Second)
		before, _ := visitors.sofar()
		runs, began := f.producerRuns(), time.Now()
		f.redis.Freeze()
		time.Sleep(35 * time.Second)
		during, _ := visitors.sofar()
		highest, _ := most(since(runs, f.producerRuns()))
		windows := windowsSince(began, pageWindow) - 1 // begun meanwhile
		f.redis.Thaw()
		time.Sleep(5 * time.Second)
		visitors.leave()
		after, _ := visitors.sofar()

		b.ReportMetric(ms(latencies(before).quantile(1)), "worst-before-ms")
		b.ReportMetric(ms(latencies(during).quantile(.99)), "p99-stopped-ms")
		b.ReportMetric(ms(latencies(during).quantile(1)), "worst-stopped-ms")
		b.ReportMetric(ms(latencies(after).quantile(1)), "worst-after-ms")
		b.ReportMetric(float64(len(during)), "pages-stopped")
		b.ReportMetric(float64(highest), "runs/memo")
		b.ReportMetric(float64(windows), "windows")
		none(b, before, during, after)
	}
}

// databaseDown stops Postgres for 30 s under a warm cache, from just before the
// end of a window, and starts it again. Runs are attempts; the peer made 116.
func (s *stage) databaseDown(b *testing.B) {
	server := s.ledger(b, 1)
	for b.Loop() {
		f := s.fleet(b, server.URL)
		f.warm()
		visitors := visitRegularly(f.urls)
		time.Sleep(time.Until(cache.WindowAt(time.Now().Add(5*time.Second), pageWindow).End.Add(-2 * time.Second)))
		before, _ := visitors.sofar()
		runs, began := f.producerRuns(), time.Now()
		server.Stop()
		time.Sleep(time.Until(began.Add(30 * time.Second)))
		during, marked := visitors.sofar()
		tried := since(runs, f.producerRuns())
		server.Start()
		back := time.Now()
		for again := marked; again > 0; {
			if time.Since(back) > 2*time.Minute {
				b.Fatal("the pages do not recover")
			}
			time.Sleep(time.Second)
			_, again = visitors.sofar()
		}
		recovered := time.Since(back)
		visitors.leave()
		after, _ := visitors.sofar()

		total := 0
		for _, n := range tried {
			total += n
		}
		highest, memos := most(tried)
		b.ReportMetric(ms(latencies(during).quantile(.99)), "p99-down-ms")
		b.ReportMetric(ms(latencies(during).quantile(1)), "worst-down-ms")
		b.ReportMetric(float64(len(during)), "pages-down")
		b.ReportMetric(100*float64(marked)/float64(len(during)), "%marked")
		b.ReportMetric(float64(total), "runs")
		b.ReportMetric(float64(highest), "runs/memo")
		b.ReportMetric(float64(memos), "memos")
		b.ReportMetric(recovered.Seconds(), "s-to-recover")
		none(b, before, during, after)
	}
}

// none reports the number of answers that were not the page; each is an error.
func none(b *testing.B, groups ...[]answer) {
	b.Helper()
	all := 0
	for _, answers := range groups {
		failed, first := failures(answers)
		if all += failed; failed > 0 {
			b.Errorf("%d of %d visitors did not get the page: %s", failed, len(answers), first)
		}
	}
	b.ReportMetric(float64(all), "errors")
	b.ReportMetric(0, "ns/op")
}
