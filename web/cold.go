package web

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/a-h/templ"

	"exchequer/static"
	"exchequer/views"
)

// coldAfter is how long a page waits for values that are not in memory before
// it is sent panel by panel.
const coldAfter = 50 * time.Millisecond

// colds are the streams that visitors can join, by what they ask for.
type colds struct {
	mu      sync.Mutex
	streams map[pageKey]*stream
}

// A stream is a page whose values are not all in memory. It is asked for,
// drawn and compressed once for all visitors who come before it ends, and
// belongs to none of them: it ends early only when all have left.
type stream struct {
	s       *server
	asked   *views.EconomyPage
	parts   []part
	visits  int // under colds.mu
	abandon context.CancelFunc
	ended   chan struct{} // closed when nothing of the stream runs any more

	mu       sync.Mutex
	changed  chan struct{} // closed at the next change of what follows
	segments []segment     // frame, panels in the order of readiness, end
	over     bool
	whole    bool  // all parts were answered in time for an ordinary page
	err      error // why the stream ended before the page did
}

// A segment is a piece of a page that is sent at once. It is never changed.
type segment struct{ plain, gzip []byte }

// economyCold answers with the stream of the page, which it starts if there is
// none, or with the whole page if it is there soon.
func (s *server) economyCold(w http.ResponseWriter, r *http.Request, asked *views.EconomyPage, parts []part) error {
	key := pageKey{"/economy", asked.Choice, asked.Settings}
	c := s.join(key, asked, parts)
	defer s.leave(key, c)
	segments, over, changed := c.after(0)
	for len(segments) == 0 && !over {
		select {
		case <-changed:
		case <-r.Context().Done():
			return r.Context().Err()
		}
		segments, over, changed = c.after(0)
	}
	switch {
	case over && c.whole:
		own := *c.asked // each visitor's page has a clock of its own
		return s.economyPage(w, r, &own, c.parts)
	case len(segments) == 0:
		return c.err
	}
	s.metrics.pages.WithLabelValues("streamed").Inc()
	h := w.Header()
	h["Content-Type"] = textHTML
	h["Cache-Control"] = noStore
	h["Vary"] = varyEnc
	h["Server-Timing"] = []string{clock(s.Now())}
	h["X-Accel-Buffering"] = []string{"no"} // nginx would wait for the end
	if r.Method == http.MethodHead {
		return nil
	}
	compressed := static.Accepts(r.Header.Get("Accept-Encoding"), "gzip")
	if compressed {
		h["Content-Encoding"] = []string{s.gzip.coding}
	}
	return c.copy(w, r, compressed)
}

// copy writes the stream from its beginning, as it grows.
func (c *stream) copy(w http.ResponseWriter, r *http.Request, compressed bool) error {
	control := http.NewResponseController(w)
	sent := 0
	for {
		segments, over, changed := c.after(sent)
		for _, p := range segments {
			b := p.plain
			if compressed {
				b = p.gzip
			}
			if _, err := w.Write(b); err != nil {
				return nil // the reader has left
			}
		}
		sent += len(segments)
		if over {
			return c.err
		}
		_ = control.Flush() // where it fails, the next write does
		select {
		case <-changed:
		case <-r.Context().Done():
			return nil
		}
	}
}

// join returns the stream of a key, and starts it with the page asked for if
// there is none. The caller must leave it.
func (s *server) join(key pageKey, asked *views.EconomyPage, parts []part) *stream {
	s.colds.mu.Lock()
	defer s.colds.mu.Unlock()
	c := s.colds.streams[key]
	if c == nil {
		ctx, cancel := context.WithCancel(context.Background())
		c = &stream{s: s, asked: asked, parts: parts, abandon: cancel, ended: make(chan struct{}), changed: make(chan struct{})}
		s.colds.streams[key] = c
		go func() {
			defer close(c.ended)
			defer cancel()
			var whole bool
			err := safely(func() (err error) {
				whole, err = c.run(ctx)
				return err
			})
			s.colds.mu.Lock()
			s.colds.remove(key, c)
			s.colds.mu.Unlock()
			c.change(func() { c.over, c.whole, c.err = true, whole, err })
		}()
	}
	c.visits++
	return c
}

// leave ends the stream if nobody else reads it. Nothing of it outlives the
// last visit.
func (s *server) leave(key pageKey, c *stream) {
	s.colds.mu.Lock()
	c.visits--
	last := c.visits == 0
	if last {
		s.colds.remove(key, c)
	}
	s.colds.mu.Unlock()
	if last {
		c.abandon()
		<-c.ended
	}
}

// remove makes room for the next stream of the key. It needs the lock.
func (c *colds) remove(key pageKey, old *stream) {
	if c.streams[key] == old {
		delete(c.streams, key)
	}
}

// after returns the segments that follow the first n, whether there will be no
// more, and otherwise what is closed when there are.
func (c *stream) after(n int) (segments []segment, over bool, changed <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.segments[n:], c.over, c.changed
}

func (c *stream) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	close(c.changed)
	c.changed = make(chan struct{})
}

// run asks for all parts within the budget. If some take long it sends the
// frame, and each panel when it is ready, until ctx ends.
func (c *stream) run(ctx context.Context) (whole bool, err error) {
	within, cancel := context.WithTimeout(ctx, c.s.Budget)
	var asking sync.WaitGroup
	defer asking.Wait()
	defer cancel()
	answered := askTogether(within, &asking, c.parts)
	ready := make([]part, 0, len(c.parts))
	patience := time.NewTimer(coldAfter)
	defer patience.Stop()
	for soon := true; soon; {
		select {
		case p := <-answered:
			if ready = append(ready, p); len(ready) == len(c.parts) {
				return true, ctx.Err()
			}
		case <-patience.C:
			soon = false
		}
	}
	c.s.pageClock(&c.asked.Clock, c.parts, ready)
	out := &segments{stream: c, gzip: c.s.gzip.compressors.Get().(compressor)}
	out.gzip.Reset(&out.packed)
	panels := templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		for i := range c.parts {
			var p part
			if i < len(ready) {
				p = ready[i]
			} else {
				p = <-answered // within the budget, by which each ask ends
			}
			if err := p.draw(ctx, w, c.s, c.asked.Site, c.asked.Choice); err != nil {
				return err
			}
			if err := templ.Flush().Render(ctx, w); err != nil {
				return err
			}
		}
		return nil
	})
	if err := views.EconomyFrame(c.asked.Site, c.asked.Clock, c.asked.Choice, true, panels).Render(ctx, out); err != nil {
		return false, err
	}
	_ = out.gzip.Close()
	out.cut()
	out.gzip.Reset(nil)
	c.s.gzip.compressors.Put(out.gzip)
	return false, nil
}

// segments cuts what is written into the stream's segments, at each flush.
// Writing into memory does not fail.
type segments struct {
	stream        *stream
	plain, packed bytes.Buffer
	gzip          compressor // into packed
}

func (o *segments) Write(p []byte) (int, error) {
	_, _ = o.gzip.Write(p)
	return o.plain.Write(p)
}

// Flush is that of an [http.Flusher], the only one that templ passes on through
// its buffers.
func (o *segments) Flush() {
	_ = o.gzip.Flush()
	o.cut()
}

func (o *segments) cut() {
	cut := segment{bytes.Clone(o.plain.Bytes()), bytes.Clone(o.packed.Bytes())}
	o.plain.Reset()
	o.packed.Reset()
	o.stream.change(func() { o.stream.segments = append(o.stream.segments, cut) })
}
