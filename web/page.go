package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"

	"exchequer/static"
)

// A page is the bytes of an address, as they are and compressed. The
// compressed ones are made when first asked for: quickly for the reader who
// waits, then once more as small as is worth it.
type page struct {
	version uint64
	header  http.Header // shared by all answers, never changed
	etag    string
	due     time.Time // when the next refresh is there
	plain   body
	gzip    squeezed
	brotli  squeezed
}

type body struct {
	bytes    []byte
	encoding []string
	length   []string
}

type squeezed struct {
	ready     atomic.Pointer[body]
	improving atomic.Bool
	first     sync.Mutex
}

// Levels of compression: for a reader who waits, and for all later ones. Above
// these the time grows much faster than the bytes shrink.
const (
	gzipQuick, gzipBest     = 5, 9
	brotliQuick, brotliBest = 4, 9
)

var (
	noStore   = []string{"no-store"}
	noCache   = []string{"public, no-cache"}
	textHTML  = []string{"text/html; charset=utf-8"}
	textPlain = []string{"text/plain; charset=utf-8"}
	varyEnc   = []string{"Accept-Encoding"}
)

// newPage takes bytes for good. The tag is weak: it stands for the same
// content in all encodings.
func newPage(header http.Header, plain []byte, due time.Time) *page {
	sum := sha256.Sum256(plain)
	p := &page{
		header: header.Clone(),
		etag:   `W/"` + hex.EncodeToString(sum[:8]) + `"`,
		due:    due,
		plain:  body{bytes: plain, length: []string{strconv.Itoa(len(plain))}},
	}
	p.header["Etag"] = []string{p.etag}
	p.header["Vary"] = varyEnc
	return p
}

// serve answers with the page, in the smallest encoding that the reader takes.
// Drawn says that it was drawn for this reader.
func (s *server) serve(w http.ResponseWriter, r *http.Request, p *page, drawn bool) {
	now := s.Now()
	h := w.Header()
	for name, values := range p.header {
		h[name] = values
	}
	if s.SharedCache {
		seconds := max(0, int(p.due.Sub(now).Seconds()))
		h["Cache-Control"] = []string{"public, max-age=0, must-revalidate, s-maxage=" + strconv.Itoa(seconds)}
		h["Date"] = []string{now.UTC().Format(http.TimeFormat)} // with Age, how browsers behind it know the time
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
	var improve func() // nil: nothing is to be had
	switch {
	case static.Accepts(accept, "br"):
		b = p.brotli.get(p.plain.bytes, "br", brotliQuick, squeezeBrotli)
		if !p.brotli.improving.Load() {
			improve = func() { p.brotli.improve(p.plain.bytes, "br", brotliBest, squeezeBrotli) }
		}
	case static.Accepts(accept, "gzip"):
		b = p.gzip.get(p.plain.bytes, "gzip", gzipQuick, squeezeGzip)
		if !p.gzip.improving.Load() {
			improve = func() { p.gzip.improve(p.plain.bytes, "gzip", gzipBest, squeezeGzip) }
		}
	}
	if b.encoding != nil {
		h["Content-Encoding"] = b.encoding
	}
	h["Content-Length"] = b.length
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(b.bytes) // a reader who left is no failure
	if improve != nil {
		// The reader has all of it; the better bytes are for the next ones.
		_ = http.NewResponseController(w).Flush()
		improve()
	}
}

func (q *squeezed) get(plain []byte, encoding string, level int, squeeze func([]byte, int) []byte) *body {
	if b := q.ready.Load(); b != nil {
		return b
	}
	q.first.Lock()
	defer q.first.Unlock()
	if b := q.ready.Load(); b != nil {
		return b
	}
	b := newBody(squeeze(plain, level), encoding)
	q.ready.Store(b)
	return b
}

func (q *squeezed) improve(plain []byte, encoding string, level int, squeeze func([]byte, int) []byte) {
	if q.improving.CompareAndSwap(false, true) {
		q.ready.Store(newBody(squeeze(plain, level), encoding))
	}
}

func newBody(b []byte, encoding string) *body {
	return &body{bytes: b, encoding: []string{encoding}, length: []string{strconv.Itoa(len(b))}}
}

// Compressing into memory does not fail.

func squeezeGzip(plain []byte, level int) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, level)
	_, _ = w.Write(plain)
	_ = w.Close()
	return b.Bytes()
}

func squeezeBrotli(plain []byte, level int) []byte {
	var b bytes.Buffer
	// A page is smaller than this window; the default one costs megabytes.
	w := brotli.NewWriterOptions(&b, brotli.WriterOptions{Quality: level, LGWin: 18})
	_, _ = w.Write(plain)
	_ = w.Close()
	return b.Bytes()
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

// clock tells a script our time in milliseconds, by which it corrects its own.
func clock(now time.Time) string { return "clock;dur=" + strconv.FormatInt(now.UnixMilli(), 10) }
