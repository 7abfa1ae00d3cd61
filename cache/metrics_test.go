package cache_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"exchequer/cache"
)

// scrape reads a registry as Prometheus does: each series by its name and
// labels, of histograms the count.
func scrape(t *testing.T, g prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			name := strings.TrimPrefix(f.GetName(), "exchequer_cache_") + "{" + strings.Join(labels, " ") + "}"
			found[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return found
}

// wantSeries checks that there are these series and no others.
func wantSeries(t *testing.T, got, want map[string]float64, when string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: %s", when, diff)
	}
}

func TestPrometheusReadsWhatHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := cache.NewMemory()
		var s source
		s.set(time.Second, nil, nil)
		var c [2]*cache.Cache
		var m [2]*cache.Memo[Item, int]
		var registry [2]*prometheus.Registry
		for i := range c {
			registry[i] = prometheus.NewRegistry()
			c[i] = open(t, cache.Deps{Store: store, Registerer: registry[i]})
			m[i] = s.items(c[i])
		}
		got := func(i int) map[string]float64 {
			found := scrape(t, registry[i])
			if found["process_level_bytes{}"] < 1 {
				t.Error("the process level weighs nothing")
			}
			delete(found, "process_level_bytes{}")
			for name := range found { // of the store, of the queues: see below
				if strings.HasPrefix(name, "store_errors_total") || strings.HasPrefix(name, "producers_") {
					delete(found, name)
				}
			}
			return found
		}

		get(t, m[0], "a") // waits for the producer
		get(t, m[0], "a")
		time.Sleep(time.Millisecond)
		get(t, m[1], "a") // from the shared level
		get(t, m[1], "a")
		want := map[string]float64{
			"hits_total{level=process memo=item}":        1,
			"hits_total{level=shared memo=item}":         0,
			"misses_total{memo=item}":                    1,
			"stale_serves_total{memo=item}":              0,
			"errors_total{memo=item}":                    0,
			"refreshes_total{memo=item outcome=done}":    1,
			"refreshes_total{memo=item outcome=found}":   0,
			"refreshes_total{memo=item outcome=failed}":  0,
			"refreshes_total{memo=item outcome=left}":    0,
			"refreshes_total{memo=item outcome=lost}":    0,
			"refreshes_total{memo=item outcome=paused}":  0,
			"refreshes_total{memo=item outcome=crowded}": 0,
			"flights{memo=item}":                         0,
			"refreshes_background{}":                     0,
			"producer_seconds{memo=item}":                1,
			"store_seconds{memo=item}":                   3, // before the lock, with the lock, and publishing
			"lock_wait_seconds{memo=item}":               1,
			"hit_ratio_5m{memo=item}":                    0.5,
			"circuit_open{memo=item}":                    0,
			"degraded_keys{memo=item}":                   0,
			"clock_offset_seconds{}":                     0,
			"store_up{}":                                 1,
			"store_outages_total{}":                      0,
		}
		wantSeries(t, got(0), want, "the process that computed")
		other := map[string]float64{}
		for name := range want {
			other[name] = 0
		}
		other["hits_total{level=process memo=item}"] = 1
		other["hits_total{level=shared memo=item}"] = 1
		other["refreshes_total{memo=item outcome=found}"] = 1
		other["store_up{}"] = 1
		other["producer_seconds{memo=item}"] = 0
		other["store_seconds{memo=item}"] = 1
		other["hit_ratio_5m{memo=item}"] = 1
		synctest.Wait() // until the refresh that found it is counted
		wantSeries(t, got(1), other, "the process that found it")

		s.set(0, errDown, nil)
		for i := range 5 { // five in a row open the circuit
			if _, err := m[0].Get(t.Context(), Item(fmt.Sprint(i))); !errors.Is(err, errDown) {
				t.Errorf("Get() of a failing producer = %v", err)
			}
		}
		if _, err := m[0].Get(t.Context(), "more"); err == nil {
			t.Error("Get() while the circuit is open gave a value")
		}
		time.Sleep(time.Second) // a softly invalidated key is refreshed this often at most
		if err := c[0].Invalidate(t.Context(), cache.Soft, cache.Name("item")); err != nil {
			t.Fatal(err)
		}
		get(t, m[0], "a") // stale, and not tried again
		synctest.Wait()
		c[0].ResetStats() // does not concern Prometheus
		want["errors_total{memo=item}"] = 6
		want["stale_serves_total{memo=item}"] = 1
		want["refreshes_total{memo=item outcome=failed}"] = 5
		want["refreshes_total{memo=item outcome=paused}"] = 2
		want["producer_seconds{memo=item}"] = 6
		want["store_seconds{memo=item}"] = 3 + 5*3 + 2
		want["lock_wait_seconds{memo=item}"] = 6
		want["hit_ratio_5m{memo=item}"] = 2. / 9
		want["circuit_open{memo=item}"] = 1
		want["degraded_keys{memo=item}"] = 7 // five failed; the circuit was open for two
		wantSeries(t, got(0), want, "after failures")

		time.Sleep(time.Hour)
		if ratio, ok := got(0)["hit_ratio_5m{memo=item}"]; ok {
			t.Errorf("the ratio of five minutes without readers = %v, want none", ratio)
		}
		if n := got(0)["degraded_keys{memo=item}"]; n != 0 {
			t.Errorf("%v keys are degraded that nobody asks for, want 0", n)
		}
	})
}

func TestPrometheusReadsWhoLeftTheWorkToWhom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := cache.NewMemory()
		var s source
		s.set(3*time.Second, nil, nil)
		var registry [2]*prometheus.Registry
		for i := range registry {
			registry[i] = prometheus.NewRegistry()
			get(t, s.memo(open(t, cache.Deps{Store: store, Registerer: registry[i]})), One{})
		}
		time.Sleep(time.Until(cache.WindowAt(time.Now(), window).End) + 5*time.Second)
		first, second := scrape(t, registry[0]), scrape(t, registry[1])
		for outcome, want := range map[string]float64{"done": 2, "left": 1, "failed": 0, "lost": 0, "paused": 0} {
			name := "refreshes_total{memo=number outcome=" + outcome + "}"
			if got := first[name] + second[name]; got != want {
				t.Errorf("%s of both processes, after a boundary = %v, want %v", name, got, want)
			}
		}
	})
}

func TestPrometheusReadsTheQueues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		s.set(10*time.Second, nil, nil)
		registry := prometheus.NewRegistry()
		c := open(t, cache.Deps{Registerer: registry})
		m := s.items(c)
		var readers sync.WaitGroup
		const more = 3 // than may wait for a memo
		for i := range 256 + more {
			readers.Go(func() { _, _ = m.Get(t.Context(), Item(fmt.Sprint(i))) })
		}
		synctest.Wait()
		got := scrape(t, registry)
		for name, want := range map[string]float64{
			"producers_running{}":                        4, // the limit of one memo is half of the places
			"producers_limit{}":                          8,
			"flights{memo=item}":                         256,
			"refreshes_total{memo=item outcome=crowded}": more,
			"refreshes_background{}":                     0,
		} {
			if got[name] != want {
				t.Errorf("%s = %v, want %v", name, got[name], want)
			}
		}
		readers.Wait()
	})
	synctest.Test(t, func(t *testing.T) {
		var s source
		registry := prometheus.NewRegistry()
		c := open(t, cache.Deps{Registerer: registry})
		m := s.items(c)
		get(t, m, "a")
		get(t, m, "b")
		s.set(5*time.Second, nil, nil)
		time.Sleep(time.Until(cache.WindowAt(time.Now(), window).End) + time.Second)
		if n := scrape(t, registry)["refreshes_background{}"]; n != 2 {
			t.Errorf("a second after a boundary, %v refreshes ahead, want those of both keys", n)
		}
	})
}

func TestAScrapeDoesNotWaitForTheStoreAndCountsItsErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		registry := prometheus.NewRegistry()
		c := cache.New(cache.Deps{Store: hungStore{cache.NewMemory()}, Registerer: registry})
		get(t, s.memo(c), One{})
		began := time.Now()
		before := scrape(t, registry)["store_errors_total{op=load}"]
		if _, err := c.Status(t.Context(), "number", ""); !errors.Is(err, errDown) {
			t.Errorf("Status() of a store that fails = %v", err)
		}
		if after := scrape(t, registry)["store_errors_total{op=load}"]; after != before+1 {
			t.Errorf("store errors: %v, then %v, want one more", before, after)
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("two scrapes took %v while the store hangs", took)
		}
		ending, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Close(ending); err != nil {
			t.Error(err)
		}
	})
}

// metric returns the sum over a metric's labels.
func metric(t *testing.T, g prometheus.Gatherer, name string) (sum float64) {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
		return sum
	}
	t.Errorf("there is no metric %s", name)
	return 0
}
