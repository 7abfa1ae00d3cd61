package web

import (
	"bytes"
	"io"
	"runtime"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
)

// Levels of compression. One level up, gzip takes twice the time to save a
// thirtieth, and brotli nearly the same time to save a hundredth.
const (
	gzipLevel   = 6
	brotliLevel = 5
)

// A compressor is a [gzip.Writer] or a [brotli.Writer].
type compressor interface {
	io.WriteCloser
	Flush() error
	Reset(io.Writer)
}

// An encoder compresses whole bodies in one content coding. Its compressors
// are reused, since a new one allocates more than a megabyte.
type encoder struct {
	coding      string
	compressors sync.Pool
	working     chan struct{} // bounds the compressors in use
}

// newEncoders returns the encoders of a site. Together they compress at most as
// many bodies at a time as there are processors: more would take memory and not
// be faster.
func newEncoders() (gz, br *encoder) {
	working := make(chan struct{}, runtime.GOMAXPROCS(0))
	gz = &encoder{coding: "gzip", working: working}
	gz.compressors.New = func() any {
		w, _ := gzip.NewWriterLevel(nil, gzipLevel) // fails for unknown levels only
		return w
	}
	br = &encoder{coding: "br", working: working}
	br.compressors.New = func() any {
		// A page is smaller than this window; the default one costs megabytes.
		return brotli.NewWriterOptions(nil, brotli.WriterOptions{Quality: brotliLevel, LGWin: 18})
	}
	return gz, br
}

// encode returns plain compressed. Writing into memory does not fail.
func (e *encoder) encode(plain []byte) []byte {
	e.working <- struct{}{}
	defer func() { <-e.working }()
	var b bytes.Buffer
	w := e.compressors.Get().(compressor)
	w.Reset(&b)
	_, _ = w.Write(plain)
	_ = w.Close()
	w.Reset(nil) // a pooled compressor keeps no output alive
	e.compressors.Put(w)
	return bytes.Clone(b.Bytes())
}
