package bench

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// wrkEnd is a script that makes wrk print its counts in a form to parse.
const wrkEnd = `
done = function(summary)
	io.write(string.format("\ncounted %d %d\n", summary.requests, summary.errors.status))
end
`

// wrk runs wrk with a script and headers such as "Accept-Encoding: br". It returns
// how many requests were answered, and records how many of them with a status of 400
// or above. It ends with the process that it attacks.
func (t *target) wrk(path string, conns int, span time.Duration, script string, headers ...string) (answered int) {
	t.b.Helper()
	if _, err := exec.LookPath("wrk"); err != nil {
		t.b.Fatal("no wrk on this machine: install it (Debian: apt-get install wrk)")
	}
	file := filepath.Join(t.b.TempDir(), "script.lua")
	if err := os.WriteFile(file, []byte(script+wrkEnd), 0o600); err != nil {
		t.b.Fatal(err)
	}
	args := []string{"-t1", "-c" + strconv.Itoa(conns), "-d" + strconv.Itoa(int(span.Seconds())), "--timeout", "15", "-s", file}
	for _, header := range headers {
		args = append(args, "-H", header)
	}
	cmd := exec.CommandContext(t.dead, "wrk", append(args, t.url+path)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) } // wrk then prints its counts
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil && t.dead.Err() == nil {
		t.b.Fatalf("wrk: %v\n%s", err, out)
	}
	refused := 0
	_, counts, _ := bytes.Cut(out, []byte("\ncounted "))
	if _, err := fmt.Sscan(string(counts), &answered, &refused); err != nil && t.dead.Err() == nil {
		t.b.Fatalf("wrk: %v\n%s", err, out)
	}
	if refused > 0 {
		t.note("%d with a status of 400 or above", refused)
	}
	return answered
}

// A steadyVisitor requests the home page 20 times a second. A slow answer does not
// delay the next request.
type steadyVisitor struct {
	mu      sync.Mutex
	took    durations // of the pages with all their numbers
	failed  int
	stop    context.CancelFunc
	stopped sync.WaitGroup
}

func visitSteadily(url string) *steadyVisitor {
	ctx, stop := context.WithCancel(context.Background())
	s := &steadyVisitor{stop: stop}
	// The transport requests gzip by default.
	v := &visitor{url: url, client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 20}}}
	s.stopped.Go(func() {
		defer v.leave()
		tick := time.NewTicker(time.Second / 20)
		defer tick.Stop()
		var asking sync.WaitGroup
		defer asking.Wait()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			asking.Go(func() {
				a := v.visit()
				s.mu.Lock()
				defer s.mu.Unlock()
				if a.failure != "" {
					s.failed++
					return
				}
				s.took = append(s.took, a.took)
			})
		}
	})
	return s
}

// leave stops the visitor. It returns how long the pages took, and how many failed.
func (s *steadyVisitor) leave() (durations, int) {
	s.stop()
	s.stopped.Wait()
	return s.took, s.failed
}

// pause waits until a time, or until the process ends.
func (t *target) pause(until time.Time) {
	select {
	case <-t.dead.Done():
	case <-time.After(time.Until(until)):
	}
}

// atOnce runs f n times, with limited concurrency, until the process ends.
func (t *target) atOnce(n, places int, f func(i int)) {
	next := make(chan int)
	var working sync.WaitGroup
	for range places {
		working.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		select {
		case next <- i:
		case <-t.dead.Done():
		}
	}
	close(next)
	working.Wait()
}
