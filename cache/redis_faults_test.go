package cache_test

import (
	"sync"
	"testing"
	"time"

	"exchequer/cache"
	"exchequer/internal/testkit"
)

// A fault is one of Redis, or of the connections to it, while there are
// visitors. Each lasts a little more than a window. From the first failed call
// on, a process does the same in three seconds as in an hour.
type fault struct {
	name       string
	settings   []string
	begin, end func(*testing.T, *visitedFleet) // without a begin, Redis is absent from the start
	narrow     bool
}

func faults() []fault {
	kill := func(_ *testing.T, s *visitedFleet) { s.redis.Kill() }
	start := func(_ *testing.T, s *visitedFleet) { s.redis.Start() }
	tell := func(words ...string) func(*testing.T, *visitedFleet) {
		return func(t *testing.T, s *visitedFleet) {
			if _, err := s.redis.Do(words...); err != nil {
				t.Errorf("%v: %v", words, err)
			}
		}
	}
	ways := func(do func(*testkit.Proxy)) func(*testing.T, *visitedFleet) {
		return func(_ *testing.T, s *visitedFleet) {
			for _, m := range s.processes {
				do(m.way)
			}
		}
	}
	mend := ways((*testkit.Proxy).Mend)
	return []fault{
		{"absent at the start", nil, nil, start, false},
		{"killed, restarted empty", nil, kill, start, false},
		{"killed, restarted with its data", []string{"appendonly yes", "appendfsync always"}, kill, start, false},
		{
			"stopped", nil,
			func(_ *testing.T, s *visitedFleet) { s.redis.Freeze() },
			func(_ *testing.T, s *visitedFleet) { s.redis.Thaw() }, false,
		},
		{"two seconds away", nil, ways(func(p *testkit.Proxy) { p.Delay(2 * time.Second) }), mend, false},
		{"connections reset", nil, ways((*testkit.Proxy).Reset), mend, false},
		{"connections refused", nil, ways((*testkit.Proxy).Cut), mend, false},
		{"one kilobyte a second", nil, ways(func(p *testkit.Proxy) { p.Narrow(1) }), mend, true},
		{"answers lost", nil, ways((*testkit.Proxy).Swallow), mend, false},
		{"out of memory", nil, tell("CONFIG", "SET", "maxmemory", "1"), tell("CONFIG", "SET", "maxmemory", "0"), false},
		{"read-only after a failover", nil, tell("REPLICAOF", "127.0.0.1", "1"), tell("REPLICAOF", "NO", "ONE"), false},
	}
}

func TestVisitorsHardlyNoticeWhatBecomesOfRedis(t *testing.T) {
	atOnce := make(chan struct{}, 4)
	var together sync.WaitGroup
	for _, f := range faults() {
		together.Go(func() {
			atOnce <- struct{}{}
			defer func() { <-atOnce }()
			t.Run(f.name, f.survive)
		})
	}
	together.Wait()
}

func (f fault) survive(t *testing.T) {
	const patience = 150 * time.Millisecond
	longest := 2 * time.Second // for one visitor, on a busy machine
	if f.narrow {
		longest = 4 * time.Second // some calls are answered, late
	}
	s := &visitedFleet{redis: testkit.Redis(t, f.settings...)}
	s.source.set(50*time.Millisecond, nil, nil)
	if f.begin == nil {
		s.redis.Kill()
	}
	a, b := s.join(t), s.join(t)
	if f.begin != nil {
		stop := s.visit(t)
		time.Sleep(short / 2)
		stop()
		f.begin(t, s)
	}

	// A crowd comes at the start of the fault, and others after it.
	stop := s.visit(t)
	if waited := a.unasked(t, 30); waited > longest {
		t.Errorf("one of a crowd waited %v, want %v at most", waited, longest)
	}
	time.Sleep(short + short/4)
	for i, m := range s.processes {
		if m.store.Err() == nil {
			t.Errorf("process %d does not know of it", i)
		}
	}
	for i, w := range stop() {
		t.Logf("process %d: %v", i, w)
		if w.longest > longest {
			t.Errorf("process %d: a visitor waited %v, want %v at most", i, w.longest, longest)
		}
		// The wait must not be one timeout for each visitor.
		if most := time.Duration(w.visits) * patience / 2; w.sum > most {
			t.Errorf("process %d: %v; only the first has to wait, so %v in all are too much", i, w, most)
		}
	}
	before, at := int(s.source.runs.Load()), time.Now()
	if err := a.cache.Invalidate(t.Context(), cache.Hard, cache.Tag("ledger")); err != nil {
		t.Errorf("invalidate meanwhile: %v", err)
	}

	// The fleet recovers by itself, and what one process did meanwhile reaches the
	// others.
	stop = s.visit(t)
	f.end(t, s)
	for _, m := range s.processes {
		eventually(t, 20*time.Second, "Redis is used again", func() bool { return m.store.Err() == nil })
	}
	eventually(t, 10*time.Second, "what was forbidden is shown nowhere", func() bool {
		return get(t, a.number, One{}).Value > before && get(t, b.number, One{}).Value > before
	})
	eventually(t, 10*time.Second, "Redis has a newer value", func() bool {
		there, err := b.cache.Status(t.Context(), "number", "")
		return err == nil && !there.Down && there.Shared != nil && there.Shared.ComputedAt.After(at)
	})
	stop()
}
