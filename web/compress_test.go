package web

import (
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// working counts the compressors in use, each of which is slow.
type working struct {
	compressor
	now, most *atomic.Int64
}

func (w *working) Write(p []byte) (int, error) {
	n := w.now.Add(1)
	for most := w.most.Load(); n > most && !w.most.CompareAndSwap(most, n); most = w.most.Load() {
	}
	time.Sleep(time.Millisecond)
	return w.compressor.Write(p)
}

func (w *working) Close() error {
	defer w.now.Add(-1)
	return w.compressor.Close()
}

func TestManyReadersOfDistinctDocumentsShareFewCompressors(t *testing.T) {
	site := newTown().start(t)
	var now, most atomic.Int64
	handler := site.Config.Handler.(*server)
	for _, e := range []*encoder{handler.gzip, handler.brotli} {
		made := e.compressors.New
		e.compressors.New = func() any { return &working{made().(compressor), &now, &most} }
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var readers sync.WaitGroup
	const n = 64
	for i := range n {
		readers.Go(func() {
			response, body := ask(t, "GET", fmt.Sprintf("%s/api/v1/accounts/reader%d", site.URL, i), "Accept-Encoding", "br")
			if response.StatusCode != http.StatusOK || response.Header.Get("Content-Encoding") != "br" {
				t.Errorf("status %d, encoding %q: %.100s", response.StatusCode, response.Header.Get("Content-Encoding"), body)
			}
		})
	}
	readers.Wait()
	runtime.ReadMemStats(&after)
	if limit := int64(runtime.GOMAXPROCS(0)); most.Load() > limit || most.Load() == 0 {
		t.Errorf("%d compressors worked at a time, want 1 to %d", most.Load(), limit)
	}
	if each := (after.TotalAlloc - before.TotalAlloc) / n >> 10; each > 2<<10 {
		t.Errorf("a document takes %d KB of memory to answer, want 2048 at most", each)
	}
}
