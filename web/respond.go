package web

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"exchequer/static"
)

// A rendering is the bytes of an address, as they are and compressed. Each coding
// is made when it is first asked for.
type rendering struct {
	version uint64
	header  http.Header // shared by all answers, never changed
	etag    string
	due     time.Time // of the next refresh
	partial bool      // it lacks something, so nobody may keep it
	keep    bool      // readers may keep it until it is due, and need not ask
	status  int       // of the answer, where nobody keeps it and it is not 200
	plain   body
	gzip    encoded
	brotli  encoded
}

type body struct {
	bytes    []byte
	encoding []string
	length   []string
}

type encoded struct {
	ready atomic.Pointer[body]
	first sync.Mutex
}

var (
	noStore   = []string{"no-store"}
	noCache   = []string{"public, no-cache"}
	textHTML  = []string{"text/html; charset=utf-8"}
	textPlain = []string{"text/plain; charset=utf-8"}
	varyEnc   = []string{"Accept-Encoding"}
)

// newRendering returns a rendering of plain, which the caller must not change afterwards.
// The tag is weak, since it stands for the same content in all encodings.
func newRendering(header http.Header, plain []byte, due time.Time) *rendering {
	sum := sha256.Sum256(plain)
	p := &rendering{
		header: header.Clone(),
		etag:   `W/"` + hex.EncodeToString(sum[:8]) + `"`,
		due:    due,
		plain:  body{bytes: plain, length: []string{strconv.Itoa(len(plain))}},
	}
	p.header["Etag"] = []string{p.etag}
	p.header["Vary"] = varyEnc
	return p
}

// respondCached answers with the page of a key and of its sources' versions,
// which draw makes if it is not in memory. One of what a reader wrote is kept with the
// documents, so that it evicts no page that many read. While a source is still being
// computed, the page is drawn for this reader alone. If no panel has a value, the
// status is 503.
func (s *server) respondCached(w http.ResponseWriter, r *http.Request, key pageKey, sources []source, draw func() (*rendering, error)) error {
	settled, valued := true, false
	for _, src := range sources {
		settled = settled && src.settled()
		valued = valued || src.valued()
	}
	if !settled || !valued {
		p, err := draw()
		if err != nil {
			return err
		}
		return s.respondUncached(w, r, p, valued)
	}
	kept := s.rendered
	if key.params.Free() {
		kept = s.documents
	}
	p, drawn, err := kept.get(key, versionOf(sources), draw)
	if err != nil {
		return err
	}
	s.serve(w, r, p, drawn)
	return nil
}

// versionOf returns what changes whenever what the sources show changes.
func versionOf(sources []source) uint64 {
	version := uint64(14695981039346656037)
	for _, src := range sources {
		version = (version ^ src.version()) * 1099511628211
	}
	return version
}

// respondUncached answers with a page that nobody may keep. Valued reports
// whether it shows any value.
func (s *server) respondUncached(w http.ResponseWriter, r *http.Request, p *rendering, valued bool) error {
	h := w.Header()
	h["Content-Type"] = p.header["Content-Type"]
	h["Cache-Control"] = noStore
	h["Content-Length"] = p.plain.length
	h["Server-Timing"] = []string{clock(s.Now())}
	s.metrics.pages.WithLabelValues("incomplete").Inc()
	if !valued {
		h.Set("Retry-After", "5")
		w.WriteHeader(http.StatusServiceUnavailable)
	} else if p.status != 0 {
		w.WriteHeader(p.status)
	}
	if r.Method != http.MethodHead {
		_, _ = w.Write(p.plain.bytes)
	}
	return nil
}

// serve answers with the rendering, in the smallest encoding that the reader
// accepts. Drawn reports whether it was drawn for this reader.
func (s *server) serve(w http.ResponseWriter, r *http.Request, p *rendering, drawn bool) {
	now := s.Now()
	h := w.Header()
	for name, values := range p.header {
		h[name] = values
	}
	seconds := max(0, int(p.due.Sub(now).Seconds()))
	if p.keep && seconds > 0 {
		h["Cache-Control"] = []string{"public, max-age=" + strconv.Itoa(seconds)}
	} else if s.SharedCache {
		h["Cache-Control"] = []string{"public, max-age=0, must-revalidate, s-maxage=" + strconv.Itoa(seconds)}
		h["Date"] = []string{now.UTC().Format(http.TimeFormat)} // with Age, it gives browsers behind the cache our time
	} else {
		h["Cache-Control"] = noCache
		h["Server-Timing"] = []string{clock(now)}
	}
	if matches(r.Header.Get("If-None-Match"), p.etag) {
		s.metrics.notModified.Inc()
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if drawn {
		s.metrics.rendered.Inc()
	} else {
		s.metrics.hits.Inc()
	}
	accept := r.Header.Get("Accept-Encoding")
	b := &p.plain
	switch {
	case static.Accepts(accept, "br"):
		b = p.brotli.get(s.brotli, p.plain.bytes)
	case static.Accepts(accept, "gzip"):
		b = p.gzip.get(s.gzip, p.plain.bytes)
	}
	if b.encoding != nil {
		h["Content-Encoding"] = b.encoding
	}
	h["Content-Length"] = b.length
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(b.bytes) // the reader may have left
}

// get returns the compressed body, which the first caller makes.
func (q *encoded) get(e *encoder, plain []byte) *body {
	if b := q.ready.Load(); b != nil {
		return b
	}
	q.first.Lock()
	defer q.first.Unlock()
	if b := q.ready.Load(); b != nil {
		return b
	}
	b := newBody(e.encode(plain), e.coding)
	q.ready.Store(b)
	return b
}

func newBody(b []byte, encoding string) *body {
	return &body{bytes: b, encoding: []string{encoding}, length: []string{strconv.Itoa(len(b))}}
}

// matches reports whether If-None-Match names the tag, by weak comparison.
func matches(header, etag string) bool {
	if header == "" {
		return false
	}
	opaque := strings.TrimPrefix(etag, "W/")
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" || strings.TrimPrefix(candidate, "W/") == opaque {
			return true
		}
	}
	return false
}

// clock returns a Server-Timing value with our time in milliseconds, by which the
// refresh script corrects the browser's.
func clock(now time.Time) string { return "clock;dur=" + strconv.FormatInt(now.UnixMilli(), 10) }
