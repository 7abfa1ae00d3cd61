package static

import (
	"bytes"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"

	"strconv"
	"strings"
)

// brotliWindow is 2^18 bytes: files are smaller, and with the default window the
// compressor fills 32 MB of tables that the process would keep for a while.
const brotliWindow = 18

// bodies are the same bytes as they are, by gzip and by brotli; the compressed
// ones are nil where they would not be shorter.
type bodies struct{ plain, gzip, brotli []byte }

func compressAll(plain []byte, ext string) bodies {
	b := bodies{plain: plain}
	if ext == ".png" || ext == ".woff2" || ext == ".ico" {
		return b
	}
	var zipped, shrunk bytes.Buffer
	// Writing to a buffer does not fail.
	gz, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	_, _ = gz.Write(plain)
	_ = gz.Close()
	br := brotli.NewWriterOptions(&shrunk, brotli.WriterOptions{Quality: brotli.BestCompression, LGWin: brotliWindow})
	_, _ = br.Write(plain)
	_ = br.Close()
	if zipped.Len() < len(plain) {
		b.gzip = zipped.Bytes()
	}
	if shrunk.Len() < len(plain) {
		b.brotli = shrunk.Bytes()
	}
	return b
}

func (b bodies) choose(accept string) (encoding string, body []byte) {
	switch {
	case b.brotli != nil && Accepts(accept, "br"):
		return "br", b.brotli
	case b.gzip != nil && Accepts(accept, "gzip"):
		return "gzip", b.gzip
	default:
		return "", b.plain
	}
}

// Accepts reports whether an Accept-Encoding header allows a coding. It must
// be named, or covered by "*", with a weight above 0; the header's order and
// weights say nothing more, since the server's bytes are ready in all codings.
func Accepts(header, coding string) bool {
	star := false
	for header != "" {
		var part string
		part, header, _ = strings.Cut(header, ",")
		name, params, _ := strings.Cut(part, ";")
		name = strings.TrimSpace(name)
		switch {
		case strings.EqualFold(name, coding):
			return weight(params) > 0
		case name == "*":
			star = weight(params) > 0
		}
	}
	return star
}

// weight reads ";q=0.5". A weight that cannot be read counts as 0: the coding
// that needs none is always right.
func weight(params string) float64 {
	for params != "" {
		var param string
		param, params, _ = strings.Cut(params, ";")
		name, value, found := strings.Cut(strings.TrimSpace(param), "=")
		if found && strings.EqualFold(strings.TrimSpace(name), "q") {
			q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil || q < 0 || q > 1 {
				return 0
			}
			return q
		}
	}
	return 1
}
