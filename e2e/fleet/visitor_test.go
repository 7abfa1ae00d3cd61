package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// economyPanels are the panels of the home page.
var economyPanels = []string{"overview", "inequality", "activity", "lorenz", "distribution", "rhythm", "wealth", "richest"}

// A visit is one request and its answer.
type visit struct {
	status int
	header http.Header
	body   string
	took   time.Duration
	err    error
}

// newBrowser returns a client with connections of its own.
func newBrowser(t *testing.T) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

func fetch(ctx context.Context, browser *http.Client, url string) visit {
	began := time.Now()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return visit{err: err}
	}
	request.Header.Set("Accept", "text/html")
	response, err := browser.Do(request)
	if err != nil {
		return visit{took: time.Since(began), err: err}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return visit{response.StatusCode, response.Header, string(body), time.Since(began), err}
}

// get requests a path from a process on a new connection.
func (p *process) get(path string) visit {
	transport := &http.Transport{DisableKeepAlives: true}
	return fetch(p.t.Context(), &http.Client{Transport: transport, Timeout: patience}, p.url+path)
}

// whole returns an error unless the visitor got a page with all its panels, each with
// numbers.
func (v visit) whole() error {
	switch {
	case v.err != nil:
		return v.err
	case v.status != http.StatusOK:
		return fmt.Errorf("status %d", v.status)
	case !strings.HasSuffix(strings.TrimSpace(v.body), "</html>"):
		return errors.New("the page is broken off")
	}
	for _, name := range economyPanels {
		if panel := v.panel(name); panel == "" {
			return fmt.Errorf("no panel %s", name)
		} else if why := between(panel, `<p class="missing">`, "<"); why != "" {
			return fmt.Errorf("panel %s: %s", name, why)
		}
	}
	return nil
}

// panel returns the text of one panel.
func (v visit) panel(name string) string {
	_, rest, found := strings.Cut(v.body, `<section id="`+name+`"`)
	if !found {
		return ""
	}
	panel, _, _ := strings.Cut(rest, "</section>")
	return panel
}

// age returns the text of a panel about its time, if it is not the page's:
// "Showing 12:00:30: …" when degraded.
func (v visit) age(panel string) string {
	_, foot, _ := strings.Cut(v.panel(panel), `class="age`)
	return between(foot, "<span>", "</span>")
}

// times returns when a panel was computed and when the next value is due, which it
// has also where the page says it for all.
func (v visit) times(panel string) string { return between(v.panel(panel), `title="As of `, `"`) }

// degraded reports whether a panel shows the last known good value with its age and
// reason.
func (v visit) degraded(panel string) bool {
	age := v.age(panel)
	return strings.HasPrefix(age, "Showing ") && strings.Contains(age, "next try")
}

// asOf returns the start of the oldest window on the page in Unix milliseconds, 0 if
// the page was sent before its numbers.
func (v visit) asOf() int64 { return v.millis("data-as-of") }

func (v visit) millis(attribute string) int64 {
	n, _ := strconv.ParseInt(between(v.body, attribute+`="`, `"`), 10, 64)
	return n
}

func between(text, before, after string) string {
	_, rest, found := strings.Cut(text, before)
	if !found {
		return ""
	}
	inner, _, _ := strings.Cut(rest, after)
	return inner
}

// metrics returns a process's metrics, by name and labels in the format of Prometheus.
type metrics map[string]float64

var metricLine = regexp.MustCompile(`(?m)^(exchequer_\S+) (\S+)$`)

func (p *process) metrics() metrics {
	p.t.Helper()
	v := p.get("/metrics")
	if v.err != nil || v.status != http.StatusOK {
		p.t.Fatalf("metrics of process %s: %d, %v", p.name, v.status, v.err)
	}
	m := metrics{}
	for _, line := range metricLine.FindAllStringSubmatch(v.body, -1) {
		m[line[1]], _ = strconv.ParseFloat(line[2], 64)
	}
	return m
}

// refreshes returns how often a memo was refreshed with an outcome: "done" and
// "failed" are producer runs, "found" is a value of another process.
func (m metrics) refreshes(memo, outcome string) int {
	return int(m[fmt.Sprintf(`exchequer_cache_refreshes_total{memo=%q,outcome=%q}`, memo, outcome)])
}

// alone reports whether the process goes on without Redis.
func (m metrics) alone() bool { return m["exchequer_cache_store_up"] == 0 }

// runs returns how often each memo was refreshed with an outcome by all processes.
func runs(processes []*process, outcome string) map[string]int {
	sum := map[string]int{}
	for _, p := range processes {
		m := p.metrics()
		for _, name := range memoNames() {
			sum[name] += m.refreshes(name, outcome)
		}
	}
	return sum
}

// exactly returns an error unless each memo's number is n.
func exactly(n int, what string, got map[string]int) error {
	var all error
	for name, count := range got {
		if count != n {
			all = errors.Join(all, fmt.Errorf("%s: %s = %d, want %d", what, name, count, n))
		}
	}
	return all
}

// A crowd is visitors who request the home page again and again, each from one
// process, until they leave.
type crowd struct {
	stop context.CancelFunc
	all  sync.WaitGroup

	mu       sync.Mutex
	visits   int
	slowest  time.Duration
	failures []string // what a visitor must never see
	degraded map[string]int
}

// newCrowd sends n visitors to each process, with four requests a second each. An
// error, an incomplete page, and a window older than one that the same process showed
// before are failures.
func newCrowd(t *testing.T, processes []*process, n int) *crowd {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := &crowd{stop: cancel, degraded: map[string]int{}}
	browser := newBrowser(t)
	for _, p := range processes {
		for range n {
			c.all.Go(func() {
				var shown int64
				for ctx.Err() == nil {
					v := fetch(context.Background(), browser, p.url+"/economy")
					c.note(p, v, shown)
					shown = max(shown, v.asOf())
					select {
					case <-ctx.Done():
					case <-time.After(250 * time.Millisecond):
					}
				}
			})
		}
	}
	t.Cleanup(func() { c.leave(t) })
	return c
}

func (c *crowd) note(p *process, v visit, shown int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.visits++
	c.slowest = max(c.slowest, v.took)
	at := time.Now().UTC().Format("15:04:05.000")
	if err := v.whole(); err != nil {
		c.failures = append(c.failures, fmt.Sprintf("%s process %s: %v", at, p.name, err))
	}
	if asOf := v.asOf(); asOf != 0 && asOf < shown {
		c.failures = append(c.failures, fmt.Sprintf("%s process %s went back from %d to %d", at, p.name, shown, asOf))
	}
	for _, panel := range economyPanels {
		if v.degraded(panel) {
			c.degraded[panel]++
		}
	}
}

// slow returns the longest visit since its last call.
func (c *crowd) slow() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	slowest := c.slowest
	c.slowest = 0
	return slowest
}

// failed stops the visitors, and returns what they must not have seen.
func (c *crowd) failed() (failures []string) {
	c.stop()
	c.all.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	failures, c.failures = c.failures, nil
	return failures
}

// leave stops the visitors and reports their failures as errors of the test.
func (c *crowd) leave(t *testing.T) {
	t.Helper()
	failures := c.failed()
	for i, failure := range failures {
		if i == 10 {
			t.Errorf("and %d more of %d visits", len(failures)-i, c.visits)
			break
		}
		t.Error(failure)
	}
}

// ended is leave for a scenario that may have been disturbed: its result is an error.
func (c *crowd) ended() error {
	if failures := c.failed(); len(failures) > 0 {
		return fmt.Errorf("%d of %d visits failed, the first: %v", len(failures), c.visits, failures[0])
	}
	return nil
}

// refused reports whether the connection was refused, the one case in which a load
// balancer tries another process.
func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
