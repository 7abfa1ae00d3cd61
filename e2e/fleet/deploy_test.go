package fleet_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestAProcessAnswersWhatItHasAcceptedBeforeItEndsAndLeavesNoLock(t *testing.T) {
	t.Parallel()
	undisturbed(t, settled, func(f *fleet, processes []*process) error {
		p := processes[0]
		letGo := hold(t, f.db, "balances")
		browser := newBrowser(t)
		var visitors sync.WaitGroup
		visit := func(late bool) {
			visitors.Go(func() {
				v := fetch(t.Context(), browser, p.url+"/economy")
				if late && (refused(v.err) || errors.Is(v.err, syscall.ECONNRESET)) {
					return // the server no longer accepted connections
				}
				if err := v.whole(); err != nil {
					t.Errorf("a visitor got %v", err)
				}
			})
		}
		for range 40 {
			visit(false)
		}
		eventually(t, "producers run", func() error {
			if f.holder("economy.overview") == "" || f.holder("economy.wealth") == "" {
				return errors.New("no lock")
			}
			return nil
		})
		p.gone = true
		p.signal(syscall.SIGTERM)
		for range 20 { // some while requests are still accepted, some without a listener
			visit(true)
			time.Sleep(10 * time.Millisecond)
		}
		letGo()
		visitors.Wait()
		p.endsWell()
		keys, err := f.look.Keys(t.Context(), "*:lock").Result()
		if err != nil || len(keys) > 0 {
			return fmt.Errorf("locks left behind: %q, %v", keys, err)
		}
		for _, other := range processes[1:] {
			if err := other.get("/economy").whole(); err != nil {
				t.Errorf("process %s: %v", other.name, err)
			}
		}
		return exactly(0, "producer runs after it", runs(processes[1:], "done"))
	})
}

func TestARequestOnAConnectionFromBeforeTheEndIsAnswered(t *testing.T) {
	t.Parallel()
	p := newFleet(t, sharedDatabase(t), settled).start(1)[0]
	address := strings.TrimPrefix(p.url, "http://")
	var open []net.Conn
	for range 10 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		open = append(open, conn)
	}
	if ready := p.get("/readyz"); ready.status != http.StatusOK { // it has accepted them before this request
		t.Errorf("/readyz = %d, %v", ready.status, ready.err)
	}
	p.gone = true
	p.signal(syscall.SIGTERM)
	eventually(t, "nobody listens", func() error {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return errors.New("it still listens")
		}
		return nil
	})
	for _, conn := range open {
		fmt.Fprintf(conn, "GET /healthz HTTP/1.1\r\nHost: %s\r\n\r\n", address)
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("the answer to a request: %v", err)
		} else if response.StatusCode != http.StatusOK || !response.Close {
			t.Errorf("the answer to a request = %d, close %t, want 200 and the last one", response.StatusCode, response.Close)
		}
	}
	p.endsWell()
}

func TestARollingRestartUnderLoadLosesNoRequest(t *testing.T) {
	t.Parallel()
	f := newFleet(t, sharedDatabase(t), "window:3s")
	f.env = append(f.env, "EXCHEQUER_LINGER=1s")
	processes := f.start(3)
	b := newBalancer(t, processes)
	ctx, stop := context.WithCancel(t.Context())
	var visitors sync.WaitGroup
	defer visitors.Wait()
	defer stop()
	var visits atomic.Int64
	for range 6 {
		visitors.Go(func() {
			for ctx.Err() == nil {
				visits.Add(1)
				if err := b.visit().whole(); err != nil {
					t.Errorf("a visitor of the load balancer: %v", err)
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	for i, old := range processes {
		old.terminate()
		b.replace(i, f.start(1)[0])
		eventually(t, "the new process is sent requests", func() error {
			if !b.ready(i) {
				return errors.New("it is not ready")
			}
			return nil
		})
	}
	stop()
	visitors.Wait()
	t.Logf("%d visits", visits.Load())
}

// A balancer sends requests in turn to the processes that are ready by /readyz, and
// to another one if the connection is refused.
type balancer struct {
	t       *testing.T
	browser *http.Client
	turn    atomic.Uint64
	behind  []backend
}

type backend struct {
	process atomic.Pointer[process]
	ready   atomic.Pointer[process] // the same while it is ready
}

func newBalancer(t *testing.T, processes []*process) *balancer {
	b := &balancer{t: t, browser: newBrowser(t), behind: make([]backend, len(processes))}
	ctx, stop := context.WithCancel(context.Background())
	var probes sync.WaitGroup
	t.Cleanup(func() {
		stop()
		probes.Wait()
	})
	for i, p := range processes {
		b.behind[i].process.Store(p)
		b.behind[i].ready.Store(p)
		probes.Go(func() {
			for ctx.Err() == nil {
				b.behind[i].probe(ctx)
				time.Sleep(100 * time.Millisecond)
			}
		})
	}
	return b
}

func (b *backend) probe(ctx context.Context) {
	p := b.process.Load()
	bounded, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	browser := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if v := fetch(bounded, &browser, p.url+"/readyz"); v.err == nil && v.status == http.StatusOK {
		b.ready.Store(p)
	} else {
		b.ready.Store(nil)
	}
}

func (b *balancer) replace(i int, p *process) { b.behind[i].process.Store(p) }

func (b *balancer) ready(i int) bool { return b.behind[i].ready.Load() == b.behind[i].process.Load() }

func (b *balancer) visit() visit {
	v := visit{err: errors.New("no process is ready")}
	for range len(b.behind) {
		p := b.behind[b.turn.Add(1)%uint64(len(b.behind))].ready.Load()
		if p == nil {
			continue
		}
		if v = fetch(b.t.Context(), b.browser, p.url+"/economy"); !refused(v.err) {
			return v
		}
	}
	return v
}

func TestTwoBuildsWithDifferentShapesShareARedisAndNeitherGoesColdTwice(t *testing.T) {
	t.Parallel()
	const memo = "economy.rhythm" // whose value has another shape
	newer, err := build("newer", "aggregates/rhythm.go", "type Rhythm struct {", "type Rhythm struct {\n\tEdition string")
	if err != nil {
		t.Fatal(err)
	}
	old, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	undisturbed(t, settled, func(f *fleet, processes []*process) error {
		for _, p := range processes {
			if err := p.get("/economy").whole(); err != nil {
				t.Errorf("process %s: %v", p.name, err)
			}
		}
		var wrong error
		// One of each build after the other, while processes of both run.
		for i, path := range []string{newer, newer, old, newer} {
			p := f.launch(path)
			p.serves()
			processes = append(processes, p)
			if err := p.get("/economy").whole(); err != nil {
				t.Errorf("process %s: %v", p.name, err)
			}
			done, failed := runs([]*process{p}, "done"), runs([]*process{p}, "failed")
			wrong = errors.Join(wrong, exactly(0, "failed runs of process "+p.name, failed))
			if i == 0 { // the first of its build finds all values but one
				if done[memo] != 1 {
					wrong = errors.Join(wrong, fmt.Errorf("the first newer process computed %s %d times", memo, done[memo]))
				}
				delete(done, memo)
			}
			wrong = errors.Join(wrong, exactly(0, "producer runs of process "+p.name, done))
		}
		for _, p := range processes {
			if err := p.get("/economy").whole(); err != nil {
				t.Errorf("process %s: %v", p.name, err)
			}
		}
		sum := runs(processes, "done")
		if sum[memo] != 2 {
			wrong = errors.Join(wrong, fmt.Errorf("%s was computed %d times for two shapes", memo, sum[memo]))
		}
		delete(sum, memo)
		return errors.Join(wrong, exactly(1, "producer runs in all", sum))
	})
}
