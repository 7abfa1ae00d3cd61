package bench

import (
	"bufio"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"exchequer/internal/testkit"
)

// soakAddresses are pages, numbers for programs and files, each from another memo.
var soakAddresses = []string{
	"/", "/", "/", "/", "/?days=7", "/economy", "/economy/inequality", "/economy/flow", "/economy/health", "/market", "/accounts",
	"/economy/richest", "/api/v1/stats", "/economy/overview.json", "/economy/activity.csv", "/healthz",
}

// BenchmarkSoak requests pages for half an hour (two minutes with -short) at half the rate
// at which three processes answer on this machine, while Redis and the database stop and
// come back, and reports what memory, goroutines and files of a process are in the last
// third as a ratio to those in the second. The first third is for warming up.
func BenchmarkSoak(b *testing.B) {
	span, cycle := 30*time.Minute, 3*time.Minute
	if testing.Short() {
		span, cycle = 2*time.Minute, 40*time.Second
	}
	s := &stage{parent: b, binary: buildBinary(b), ledgers: map[int]*testkit.PostgresServer{}}
	server := s.ledger(b, 1)
	f := s.fleet(b, server.URL)
	f.warm()
	for b.Loop() {
		// As fast as it is answered, for a while: the most that this machine does.
		began := time.Now()
		top := newSoak(b, f.urls, 0)
		time.Sleep(10 * time.Second)
		most := float64(top.leave()) / time.Since(began).Seconds()
		b.ReportMetric(most, "most/s")

		crowd := newSoak(b, f.urls, int(most/2))
		var seen []vitalSigns
		began = time.Now()
		measure := func(until time.Time) {
			for time.Now().Before(until) {
				time.Sleep(min(10*time.Second, time.Until(until)))
				seen = append(seen, f.vitalSigns())
			}
		}
		for time.Since(began) < span {
			round := time.Now()
			f.redis.Freeze()
			measure(round.Add(cycle / 6))
			f.redis.Thaw()
			measure(round.Add(cycle / 2))
			server.Stop()
			measure(round.Add(cycle * 2 / 3))
			server.Start()
			measure(round.Add(cycle))
		}
		answered := crowd.leave()
		b.ReportMetric(float64(answered)/time.Since(began).Seconds(), "answers/s")
		b.ReportMetric(float64(crowd.failed.Load()), "errors")
		if first, any := crowd.first.Load().(string); any {
			b.Logf("the first error: %s", first)
		}
		third := len(seen) / 3
		for name, of := range map[string]func(vitalSigns) float64{
			"rss": vitalSigns.rss, "heap": vitalSigns.heap, "goroutines": vitalSigns.goroutines, "files": vitalSigns.files,
		} {
			before, after := middle(seen[third:2*third], of), middle(seen[2*third:], of)
			b.ReportMetric(after, name)
			b.ReportMetric(after/before, name+"-ratio")
		}
		b.ReportMetric(0, "ns/op")
	}
}

// vitalSigns are figures of a process, of the largest in the fleet.
type vitalSigns map[string]float64

func (v vitalSigns) rss() float64        { return v["process_resident_memory_bytes"] / (1 << 20) }
func (v vitalSigns) heap() float64       { return v["go_memstats_heap_inuse_bytes"] / (1 << 20) }
func (v vitalSigns) goroutines() float64 { return v["go_goroutines"] }
func (v vitalSigns) files() float64      { return v["process_open_fds"] }

var vitalSign = regexp.MustCompile(`(?m)^(process_resident_memory_bytes|go_memstats_heap_inuse_bytes|go_goroutines|process_open_fds) (\S+)$`)

func (f *fleet) vitalSigns() vitalSigns {
	f.b.Helper()
	v := vitalSigns{}
	for _, url := range f.urls {
		for _, m := range vitalSign.FindAllSubmatch(f.metrics(url), -1) {
			n, err := strconv.ParseFloat(string(m[2]), 64)
			if err != nil {
				f.b.Fatal(err)
			}
			v[string(m[1])] = max(v[string(m[1])], n)
		}
	}
	return v
}

// middle returns the median of what of returns.
func middle(seen []vitalSigns, of func(vitalSigns) float64) float64 {
	var values []float64
	for _, v := range seen {
		values = append(values, of(v))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// A soak is clients that ask in turns for pages, as fast as they are answered or, together,
// at a rate a second.
type soak struct {
	answered, failed atomic.Int64
	first            atomic.Value // the text of the first error
	away             chan struct{}
	working          sync.WaitGroup
}

func newSoak(b *testing.B, servers []string, rate int) *soak {
	b.Helper()
	const clients = 24
	s := &soak{away: make(chan struct{})}
	for i := range clients {
		at, err := url.Parse(servers[i%len(servers)])
		if err != nil {
			b.Fatal(err)
		}
		s.working.Go(func() { s.ask(at.Host, i, clients, rate) })
	}
	return s
}

func (s *soak) ask(host string, n, clients, rate int) {
	var conn net.Conn
	var answers *bufio.Reader
	due := time.Now()
	for {
		select {
		case <-s.away:
			if conn != nil {
				_ = conn.Close()
			}
			return
		default:
		}
		if rate > 0 {
			due = due.Add(time.Second * time.Duration(clients) / time.Duration(rate))
			time.Sleep(time.Until(due))
		}
		n++
		err := error(nil)
		if conn == nil {
			if conn, err = net.Dial("tcp", host); err == nil {
				answers = bufio.NewReaderSize(conn, 1<<16)
			}
		}
		if err == nil {
			err = exchange(conn, answers, fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept-Encoding: gzip\r\n\r\n", soakAddresses[n%len(soakAddresses)], host))
		}
		if err != nil {
			s.failed.Add(1)
			s.first.CompareAndSwap(nil, fmt.Sprintf("%s: %v", soakAddresses[n%len(soakAddresses)], err))
			if conn != nil {
				_ = conn.Close()
				conn = nil
			}
			continue
		}
		s.answered.Add(1)
	}
}

// leave stops the clients and returns how many requests were answered with 200.
func (s *soak) leave() int64 {
	close(s.away)
	s.working.Wait()
	return s.answered.Load()
}
