package cache_test

import (
	"sync"
	"testing"
	"time"

	"exchequer/internal/testkit"
)

// What may become of Redis, or of the way to it, while people visit. Each fault
// lasts a little more than a window: from the first call that fails on, a
// process does the same whether it lasts three seconds or an hour.
var redisFaults = map[string]struct {
	settings []string
	begin    func(*testing.T, *site)
	end      func(*testing.T, *site)
	unseen   bool // it may be over before any process notices
}{
	"absent at the start":     {begin: nil, end: start1},
	"killed, restarted empty": {begin: kill, end: start1},
	"killed, restarted with its data": {
		settings: []string{"appendonly yes", "appendfsync always"},
		begin:    kill, end: start1,
	},
	"stopped": {
		begin: func(_ *testing.T, s *site) { s.redis.Freeze() },
		end:   func(_ *testing.T, s *site) { s.redis.Thaw() },
	},
	"two seconds away":           {begin: ways(func(p *testkit.Proxy) { p.Delay(2 * time.Second) }), end: ways((*testkit.Proxy).Mend)},
	"connections reset":          {begin: ways((*testkit.Proxy).Reset), end: ways((*testkit.Proxy).Mend)},
	"one kilobyte a second":      {begin: ways(func(p *testkit.Proxy) { p.Narrow(1) }), end: ways((*testkit.Proxy).Mend)},
	"cut off without a word":     {begin: ways((*testkit.Proxy).Swallow), end: ways((*testkit.Proxy).Mend)},
	"out of memory":              {begin: tell("CONFIG", "SET", "maxmemory", "1"), end: tell("CONFIG", "SET", "maxmemory", "0")},
	"read-only after a failover": {begin: tell("REPLICAOF", "127.0.0.1", "1"), end: tell("REPLICAOF", "NO", "ONE")},
}

func kill(_ *testing.T, s *site)   { s.redis.Kill() }
func start1(_ *testing.T, s *site) { s.redis.Start() }

func ways(do func(*testkit.Proxy)) func(*testing.T, *site) {
	return func(_ *testing.T, s *site) {
		for _, m := range s.processes {
			do(m.way)
		}
	}
}

func tell(words ...string) func(*testing.T, *site) {
	return func(t *testing.T, s *site) {
		if _, err := s.redis.Do(words...); err != nil {
			t.Errorf("%v: %v", words, err)
		}
	}
}

func TestVisitorsHardlyNoticeWhatBecomesOfRedis(t *testing.T) {
	const allowance = 350 * time.Millisecond // for a machine that has other things to do
	var together sync.WaitGroup
	defer together.Wait()
	atOnce := make(chan struct{}, 5)
	for name, fault := range redisFaults {
		together.Go(func() {
			atOnce <- struct{}{}
			defer func() { <-atOnce }()
			t.Run(name, func(t *testing.T) {
				s := newSite(t, testkit.Redis(t, fault.settings...))
				if fault.begin == nil {
					s.redis.Kill()
				}
				s.join(t)
				s.join(t)
				s.source.set(50*time.Millisecond, nil, nil)
				if fault.begin != nil {
					stop := s.visit(t)
					time.Sleep(short / 2)
					stop()
					fault.begin(t, s)
				}
				stop := s.visit(t)
				time.Sleep(short + short/4)
				for i, m := range s.processes {
					if m.store.Err() == nil {
						t.Errorf("process %d does not know of it", i)
					}
				}
				before := get(t, s.processes[0].number, One{}).AsOf
				for i, w := range stop() {
					t.Logf("process %d: %v", i, w)
					if w.longest > 150*time.Millisecond+allowance {
						t.Errorf("process %d: a visitor waited %v, want 150 ms at most", i, w.longest)
					}
					if most := 150*time.Millisecond + allowance + time.Duration(w.visits)*allowance/10; w.sum > most {
						t.Errorf("process %d: %v, want %v in all at most, since only the first has to wait", i, w, most)
					}
				}
				stop = s.visit(t)
				fault.end(t, s)
				for i, m := range s.processes {
					eventually(t, 20*time.Second, "a process uses Redis again", func() bool { return m.store.Err() == nil })
					eventually(t, 10*time.Second, "it shows newer values", func() bool { return get(t, m.number, One{}).AsOf.After(before) })
					_ = i
				}
				stop()
				shown := get(t, s.processes[0].number, One{}).AsOf
				eventually(t, 10*time.Second, "Redis has what was computed meanwhile", func() bool {
					r, err := s.fresh(t)
					return err == nil && !r.AsOf.Before(shown.Add(-short)) && r.AsOf.After(before.Add(-time.Nanosecond))
				})
			})
		})
	}
}
