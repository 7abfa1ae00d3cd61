package web

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"time"

	"exchequer/views"
)

// A responseWriter records what is answered to a request, for the log and the
// metrics.
type responseWriter struct {
	http.ResponseWriter
	id     string
	route  string
	fixed  http.Header // what all answers have
	status int
	bytes  int64
	err    error  // why there is no answer, or only a part of one
	stack  []byte // of a panic

	varies   bool // the answer depends on the key of who asks
	personal bool // and on who has signed in
	private  bool // and is for one reader
	// unrecognized is why it is not known who has signed in.
	unrecognized error
}

func (w *responseWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
		w.seal()
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *responseWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
		w.seal()
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Unwrap returns the writer below, for http.ResponseController.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush sends what has been written so far.
func (w *responseWriter) Flush() {
	_ = http.NewResponseController(w.ResponseWriter).Flush() // the reader may have left
}

// unwrap returns the responseWriter that instrument made, from below those of
// other middleware.
func unwrap(w http.ResponseWriter) *responseWriter {
	for {
		if found, ok := w.(*responseWriter); ok {
			return found
		}
		w = w.(interface{ Unwrap() http.ResponseWriter }).Unwrap()
	}
}

const bodyLimit = 64 << 10

var closing = []string{"close"}

// fixedHeaders are the headers that all answers have. Their values are shared.
var fixedHeaders = http.Header{
	"Content-Security-Policy":      {contentPolicy("'none'")},
	"X-Content-Type-Options":       {"nosniff"},
	"Referrer-Policy":              {"same-origin"},
	"Cross-Origin-Opener-Policy":   {"same-origin"},
	"Cross-Origin-Resource-Policy": {"same-origin"},
	"Permissions-Policy":           {"camera=(), geolocation=(), microphone=(), payment=(), usb=()"},
}

// Guarded returns a handler whose answers have these headers, for what is not of the site.
func Guarded(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, values := range fixedHeaders {
			w.Header()[name] = values
		}
		h.ServeHTTP(w, r)
	})
}

// fixedHeadersOf returns these headers for a site whose pages send what they measure to a
// receiver of Faro, if there is one.
func fixedHeadersOf(faro string) http.Header {
	u, err := url.Parse(faro)
	if err != nil || u.Host == "" {
		return fixedHeaders
	}
	own := fixedHeaders.Clone()
	own["Content-Security-Policy"] = []string{contentPolicy("'none'") + "; connect-src 'self' " + u.Scheme + "://" + u.Host}
	return own
}

// contentPolicy returns the content security policy of what pages of ancestors may frame.
func contentPolicy(ancestors string) string {
	return "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors " + ancestors + "; form-action 'self'"
}

// instrument returns h with a request id, the fixed headers, a limit on the body,
// recovery of panics, the access log and the metrics, for those who may see what the
// route shows.
func (s *server) instrument(route string, shows views.Level, h handler) http.Handler {
	return s.instrumentBody(route, shows, bodyLimit, h)
}

// instrumentBody is instrument with another limit on the body.
func (s *server) instrumentBody(route string, shows views.Level, limit int64, h handler) http.Handler {
	if shows == 0 {
		s.unsaid = append(s.unsaid, route)
	}
	observe, served, personal := s.metrics.route(route), s.served(route), s.personal(route)
	level := slog.LevelInfo
	if route == "/healthz" || route == "/readyz" || route == "/health/cache" || route == "/metrics" || route == views.BeaconPath {
		level = slog.LevelDebug // probes, every few seconds, and views that have a line already
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		rw := &responseWriter{ResponseWriter: w, id: s.requestID(r), route: route, personal: personal, fixed: s.fixed}
		nameSpan(r, route)
		header := w.Header()
		for name, values := range s.fixed {
			header[name] = values
		}
		header["X-Request-Id"] = []string{rw.id}
		if len(r.TransferEncoding) > 0 {
			// One that has a length too must end the connection (RFC 9112, 6.3), and which
			// have one is not known here any more.
			header["Connection"] = closing
		}
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = http.MaxBytesReader(w, r.Body, limit)
		}
		s.metrics.inFlight.Inc()
		defer func() {
			s.metrics.inFlight.Dec()
			took := time.Since(start)
			if rw.status == 0 {
				rw.status = http.StatusOK // nothing was written: net/http sends 200
				rw.seal()
			}
			observe(r.Context(), r.Method, rw.status, took)
			if r.Method == http.MethodGet && rw.status == http.StatusOK {
				served.Took(took)
			}
			s.logRequest(level, rw, r, took)
		}()
		defer func() {
			switch caught := recover(); {
			case caught == nil:
			case caught == http.ErrAbortHandler, rw.status != 0:
				// It is too late for an error page. The reader must see that
				// the answer is incomplete.
				if caught != http.ErrAbortHandler {
					rw.recordPanic(caught)
				}
				panic(http.ErrAbortHandler)
			default:
				s.fail(rw, r, rw.recordPanic(caught))
			}
		}()
		r, err := s.introduced(rw, r, shows)
		if err == nil {
			err = h(rw, r)
		}
		if err != nil {
			if rw.status != 0 {
				rw.err = fmt.Errorf("answer broken off: %w", err)
				panic(http.ErrAbortHandler)
			}
			s.fail(rw, r, err)
		}
	})
}

// recordPanic keeps what was thrown for the log.
func (w *responseWriter) recordPanic(caught any) error {
	w.err, w.stack = fmt.Errorf("%w: %v", errPanic, caught), debug.Stack()
	return w.err
}

// ServeHTTP answers a request for a whole path, which the routes are given without the
// root.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.Root == "" {
		s.router.ServeHTTP(w, r)
		return
	}
	http.StripPrefix(string(s.Root), s.router).ServeHTTP(w, r)
}

// requestID returns the id that a trusted proxy has sent, if it is valid, else a
// new one.
func (s *server) requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); validID(id) && s.proxies.sent(r) {
		return id
	}
	return strconv.FormatUint(rand.Uint64(), 36) + strconv.FormatUint(rand.Uint64(), 36)
}

func validID(id string) bool {
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
