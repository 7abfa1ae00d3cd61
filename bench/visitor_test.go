package bench

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// A visitor is a client with a connection of its own, as a browser has.
type visitor struct {
	url    string
	client *http.Client
	etag   string // of the last page; sent with the next request if not empty
}

// newVisitor returns a visitor of the home page with a timeout.
func newVisitor(url string, patience time.Duration) *visitor {
	return &visitor{url: url, client: &http.Client{Timeout: patience, Transport: &http.Transport{MaxConnsPerHost: 1, DisableCompression: true}}}
}

func (v *visitor) leave() { v.client.CloseIdleConnections() }

// An answer is what a visitor got.
type answer struct {
	status  int
	body    []byte
	header  http.Header
	etag    string
	took    time.Duration
	failure string // why it is not the page with all its numbers
}

// visit requests the page and reads all of it.
func (v *visitor) visit() answer {
	a := v.ask()
	a.judge()
	return a
}

// ask is visit without a check of the answer, which stays compressed.
func (v *visitor) ask() (a answer) {
	began := time.Now()
	defer func() { a.took = time.Since(began) }()
	r, err := http.NewRequest(http.MethodGet, v.url+"/", http.NoBody)
	if err != nil {
		return answer{failure: err.Error()}
	}
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Accept-Encoding", "gzip")
	if v.etag != "" {
		r.Header.Set("If-None-Match", v.etag)
	}
	response, err := v.client.Do(r)
	if err != nil {
		return answer{failure: err.Error()}
	}
	defer response.Body.Close()
	a = answer{status: response.StatusCode, header: response.Header, etag: response.Header.Get("ETag")}
	if a.body, err = io.ReadAll(response.Body); err != nil {
		a.failure = "broken off: " + err.Error()
	}
	return a
}

// judge decompresses the answer and sets failure unless it is the page.
func (a *answer) judge() {
	if a.failure != "" {
		return
	}
	if a.header.Get("Content-Encoding") == "gzip" {
		packed, err := gzip.NewReader(bytes.NewReader(a.body))
		if err == nil {
			a.body, err = io.ReadAll(packed)
		}
		if err != nil {
			a.failure = "cannot be decompressed: " + err.Error()
			return
		}
	}
	switch {
	case a.status == http.StatusNotModified:
	case a.status != http.StatusOK:
		a.failure = fmt.Sprintf("status %d: %.200s", a.status, a.body)
	case !bytes.Contains(a.body, []byte("</html>")):
		a.failure = "the page has no end"
	case bytes.Contains(a.body, []byte(`class="missing"`)):
		a.failure = "a panel has no numbers"
	}
}

// crowd sends visitors at once, each to one of the addresses in turn, and returns
// their answers. It checks the answers at the end, since visitors and servers share
// the processors.
func crowd(urls []string, visitors int, patience time.Duration) []answer {
	answers := make([]answer, visitors)
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	ready.Add(visitors)
	for i := range answers {
		done.Go(func() {
			v := newVisitor(urls[i%len(urls)], patience)
			defer v.leave()
			ready.Done()
			<-start
			answers[i] = v.ask()
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	for i := range answers {
		answers[i].judge()
	}
	return answers
}

// failures counts the answers that are not the page, and returns one reason.
func failures(answers []answer) (n int, first string) {
	for _, a := range answers {
		if a.failure != "" {
			if n++; n == 1 {
				first = a.failure
			}
		}
	}
	return n, first
}

func latencies(answers []answer) durations {
	var took durations
	for _, a := range answers {
		took = append(took, a.took)
	}
	return took
}

// durations is a list that is sorted for percentiles.
type durations []time.Duration

func (d durations) quantile(q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[min(int(q*float64(len(d))), len(d)-1)]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

// probes are the health checks of a load balancer, every 100 ms.
type probes struct {
	mu     sync.Mutex
	took   map[string]durations
	failed int
	stop   func()
}

const probeEvery = 100 * time.Millisecond

// probe requests /healthz and /readyz of each process. A slow answer does not delay
// the next request.
func probe(urls []string) *probes {
	p := &probes{took: map[string]durations{}}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 10}}
	ctx, cancel := context.WithCancel(context.Background())
	var asking sync.WaitGroup
	asking.Go(func() {
		tick := time.NewTicker(probeEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			for _, url := range urls {
				for _, path := range []string{"/healthz", "/readyz"} {
					asking.Go(func() { p.ask(client, url, path) })
				}
			}
		}
	})
	p.stop = func() {
		cancel()
		asking.Wait()
		client.CloseIdleConnections()
	}
	return p
}

func (p *probes) ask(client *http.Client, url, path string) {
	began := time.Now()
	response, err := client.Get(url + path)
	good := err == nil && response.StatusCode == http.StatusOK
	if err == nil {
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
	took := time.Since(began)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.took[path] = append(p.took[path], took)
	if !good {
		p.failed++
	}
}

// end stops the probes and reports their latencies.
func (p *probes) end(b *testing.B) {
	p.stop()
	for path, name := range map[string]string{"/healthz": "healthz", "/readyz": "readyz"} {
		took := p.took[path]
		b.ReportMetric(ms(took.quantile(.5)), name+"-p50-ms")
		b.ReportMetric(ms(took.quantile(.99)), name+"-p99-ms")
		b.ReportMetric(ms(took.quantile(1)), name+"-max-ms")
	}
	b.ReportMetric(float64(p.failed), "failed-probes")
}
