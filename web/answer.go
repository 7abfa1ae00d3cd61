package web

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"
)

// A visit is one request on its way through the site.
type visit struct {
	http.ResponseWriter
	id     string
	route  string
	status int
	bytes  int64
	failed error  // why there is no answer, or not a whole one
	stack  []byte // of a panic
}

func (v *visit) WriteHeader(status int) {
	if v.status == 0 {
		v.status = status
	}
	v.ResponseWriter.WriteHeader(status)
}

func (v *visit) Write(p []byte) (int, error) {
	if v.status == 0 {
		v.status = http.StatusOK
	}
	n, err := v.ResponseWriter.Write(p)
	v.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach flush and deadlines.
func (v *visit) Unwrap() http.ResponseWriter { return v.ResponseWriter }

// Flush sends what is written so far.
func (v *visit) Flush() {
	_ = http.NewResponseController(v.ResponseWriter).Flush() // a reader who left is no failure
}

const bodyLimit = 64 << 10

// The headers that are the same for every answer are shared, not made anew.
var fixedHeaders = http.Header{
	"Content-Security-Policy": {"default-src 'self'; object-src 'none'; base-uri 'none'; " +
		"frame-ancestors 'none'; form-action 'self'"},
	"X-Content-Type-Options":       {"nosniff"},
	"Referrer-Policy":              {"same-origin"},
	"Cross-Origin-Opener-Policy":   {"same-origin"},
	"Cross-Origin-Resource-Policy": {"same-origin"},
	"Permissions-Policy":           {"camera=(), geolocation=(), microphone=(), payment=(), usb=()"},
}

// answer is what surrounds every handler: an id, headers, limits, what a panic
// becomes, the access log and the metrics.
func (s *server) answer(route string, h handler) http.Handler {
	observe := s.metrics.route(route)
	level := slog.LevelInfo
	if route == "/healthz" || route == "/readyz" || route == "/health/cache" || route == "/metrics" {
		level = slog.LevelDebug // asked every few seconds, by machines
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		v := &visit{ResponseWriter: w, id: s.requestID(r), route: route}
		header := w.Header()
		for name, values := range fixedHeaders {
			header[name] = values
		}
		header["X-Request-Id"] = []string{v.id}
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = http.MaxBytesReader(w, r.Body, bodyLimit)
		}
		s.metrics.inFlight.Inc()
		defer func() {
			s.metrics.inFlight.Dec()
			took := time.Since(start)
			if v.status == 0 {
				v.status = http.StatusOK // nothing written: net/http says 200
			}
			observe(r.Method, v.status, took)
			s.logVisit(level, v, r, took)
		}()
		defer func() {
			switch caught := recover(); {
			case caught == nil:
			case caught == http.ErrAbortHandler, v.status != 0:
				// Too late for an error page: the reader must see that the
				// answer is not whole.
				if caught != http.ErrAbortHandler {
					v.panicked(caught)
				}
				panic(http.ErrAbortHandler)
			default:
				s.fail(v, r, v, v.panicked(caught))
			}
		}()
		if err := h(v, r); err != nil {
			if v.status != 0 {
				v.failed = fmt.Errorf("answer broken off: %w", err)
				panic(http.ErrAbortHandler)
			}
			s.fail(v, r, v, err)
		}
	})
}

// panicked keeps what was thrown for the log.
func (v *visit) panicked(caught any) error {
	v.failed, v.stack = fmt.Errorf("%w: %v", errPanic, caught), debug.Stack()
	return v.failed
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.router.ServeHTTP(w, r) }

// requestID is the one that a trusted proxy gave, if it is one, or a new one.
func (s *server) requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); saneID(id) && s.proxies.sent(r) {
		return id
	}
	return strconv.FormatUint(rand.Uint64(), 36) + strconv.FormatUint(rand.Uint64(), 36)
}

func saneID(id string) bool {
	if len(id) < 8 || len(id) > 64 {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}
