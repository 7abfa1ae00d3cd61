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

// streamAfter is how long a page waits for values that are not in memory. Then
// it is sent panel by panel.
const streamAfter = 50 * time.Millisecond

// streams holds the streams that visitors can join, by page.
type streams struct {
	mu    sync.Mutex
	byKey map[pageKey]*stream
}

// A stream is a page whose values are not all in memory. Its sources are asked,
// and it is drawn and compressed, once for all visitors who come before it ends.
// It belongs to none of them: it ends early only when all have left.
type stream struct {
	s       *server
	page    *page
	params  views.Params
	sources []source
	readers int // guarded by streams.mu
	cancel  context.CancelFunc
	ended   chan struct{} // closed when the last goroutine of the stream has ended

	mu       sync.Mutex    // guards the fields below
	changed  chan struct{} // closed at their next change
	segments []segment     // frame, panels in the order of readiness, end
	over     bool          // no segment follows
	whole    bool          // all sources returned within streamAfter: the page is sent as an ordinary one
	err      error         // why the stream ended before the page did
}

// A segment is a piece of a page that is sent at once. It never changes.
type segment struct{ plain, gzip []byte }

// streamPage answers with the stream of the page, which it starts if there is
// none. If all values arrive within streamAfter, it answers with the whole page.
func (s *server) streamPage(w http.ResponseWriter, r *http.Request, p *page, params views.Params, sources []source) error {
	key := s.pageKey(r, p.key, params)
	st := s.join(key, p, params, sources)
	defer s.leave(key, st)
	segments, over, changed := st.after(0)
	for len(segments) == 0 && !over {
		select {
		case <-changed:
		case <-r.Context().Done():
			return r.Context().Err()
		}
		segments, over, changed = st.after(0)
	}
	switch {
	case over && st.whole:
		return s.wholePage(w, r, p, params, st.sources)
	case len(segments) == 0:
		return st.err
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
	return st.copy(w, r, compressed)
}

// copy writes the stream from its beginning to its end, as it grows.
func (st *stream) copy(w http.ResponseWriter, r *http.Request, compressed bool) error {
	control := http.NewResponseController(w)
	sent := 0
	for {
		segments, over, changed := st.after(sent)
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
			return st.err
		}
		_ = control.Flush() // if this fails, so does the next write
		select {
		case <-changed:
		case <-r.Context().Done():
			return nil
		}
	}
}

// join returns the stream of a key. If there is none, it starts one of the page
// and its sources. The caller must call leave.
func (s *server) join(key pageKey, p *page, params views.Params, sources []source) *stream {
	s.streams.mu.Lock()
	defer s.streams.mu.Unlock()
	st := s.streams.byKey[key]
	if st == nil {
		ctx, cancel := context.WithCancel(as(context.Background(), key.reader))
		st = &stream{s: s, page: p, params: params, sources: sources, cancel: cancel, ended: make(chan struct{}), changed: make(chan struct{})}
		s.streams.byKey[key] = st
		go func() {
			defer close(st.ended)
			defer cancel()
			var whole bool
			err := safely(func() (err error) {
				whole, err = st.run(ctx)
				return err
			})
			s.streams.mu.Lock()
			s.streams.remove(key, st)
			s.streams.mu.Unlock()
			st.change(func() { st.over, st.whole, st.err = true, whole, err })
		}()
	}
	st.readers++
	return st
}

// leave cancels the stream if the caller was its last reader, and then returns
// when it has ended.
func (s *server) leave(key pageKey, st *stream) {
	s.streams.mu.Lock()
	st.readers--
	last := st.readers == 0
	if last {
		s.streams.remove(key, st)
	}
	s.streams.mu.Unlock()
	if last {
		st.cancel()
		<-st.ended
	}
}

// remove makes room for the next stream of the key. The caller holds the lock.
func (c *streams) remove(key pageKey, old *stream) {
	if c.byKey[key] == old {
		delete(c.byKey, key)
	}
}

// after returns the segments that follow the first n and whether they are the
// last ones. If they are not, changed is closed when there are more.
func (st *stream) after(n int) (segments []segment, over bool, changed <-chan struct{}) {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.segments[n:], st.over, st.changed
}

// change calls f with the lock held and wakes the readers up.
func (st *stream) change(f func()) {
	st.mu.Lock()
	defer st.mu.Unlock()
	f()
	close(st.changed)
	st.changed = make(chan struct{})
}

// run gets all sources within the budget. It reports whether all of them returned
// within streamAfter. Otherwise it writes the frame, and each panel when its
// source has returned, until ctx ends.
func (st *stream) run(ctx context.Context) (whole bool, err error) {
	within, cancel := context.WithTimeout(ctx, st.s.Budget)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	done := getAll(within, &running, st.sources)
	ready := make([]int, 0, len(st.sources))
	timer := time.NewTimer(streamAfter)
	defer timer.Stop()
	for soon := true; soon; {
		select {
		case i := <-done:
			if ready = append(ready, i); len(ready) == len(st.sources) {
				return true, ctx.Err()
			}
		case <-timer.C:
			soon = false
		}
	}
	out := &segments{stream: st, gzip: st.s.gzip.compressors.Get().(compressor)}
	out.gzip.Reset(&out.packed)
	view := st.s.viewOf(st.page, st.params, nil)
	view.Clock.Window = st.s.pageClock(st.sources, nil).Window
	panels := templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		said := make([]views.Sentence, len(st.page.panels))
		settled := make([]source, 0, len(st.sources))
		waiting := map[int]bool{} // for these readings
		for i := range st.sources {
			waiting[i] = true
		}
		for n := range st.sources {
			var i int
			if n < len(ready) {
				i = ready[n]
			} else {
				i = <-done // within the budget, which ends each get
			}
			settled = append(settled, st.sources[i])
			delete(waiting, i)
			view.Clock = st.s.pageClock(st.sources, settled)
			for at, panel := range st.page.panels {
				from, events := st.page.readBy[at], st.page.eventsBy[at]
				if from != i && events != i || waiting[from] || waiting[events] {
					continue
				}
				var err error
				view.Events = st.page.events(at, st.sources)
				if said[at], err = st.s.drawPanel(ctx, w, view, panel, st.sources[from].result()); err != nil {
					return err
				}
				if err := views.End().Render(ctx, w); err != nil {
					return err
				}
			}
			if err := templ.Flush().Render(ctx, w); err != nil {
				return err
			}
		}
		view.Events = nil
		view.Period, view.Lede = st.page.period(st.sources), views.Lede(said, view.Description())
		view.Known = st.page.daysKnown(st.sources)
		if asOf(st.params) != "" && complete(st.sources) {
			view.Clock = views.Clock{}
		}
		return views.Late(view).Render(ctx, w)
	})
	if err := views.Frame(view, true, panels, templ.NopComponent).Render(ctx, out); err != nil {
		return false, err
	}
	_ = out.gzip.Close()
	out.cut()
	out.gzip.Reset(nil)
	st.s.gzip.compressors.Put(out.gzip)
	return false, nil
}

// segments is a writer that appends what it has got to the stream at each flush,
// as one segment. It writes into memory, which does not fail.
type segments struct {
	stream        *stream
	plain, packed bytes.Buffer
	gzip          compressor // into packed
}

func (o *segments) Write(p []byte) (int, error) {
	_, _ = o.gzip.Write(p)
	return o.plain.Write(p)
}

// Flush implements [http.Flusher], the only interface by which templ passes a
// flush through its buffers.
func (o *segments) Flush() {
	_ = o.gzip.Flush()
	o.cut()
}

// cut appends what was written since the last call to the stream.
func (o *segments) cut() {
	cut := segment{bytes.Clone(o.plain.Bytes()), bytes.Clone(o.packed.Bytes())}
	o.plain.Reset()
	o.packed.Reset()
	o.stream.change(func() { o.stream.segments = append(o.stream.segments, cut) })
}
