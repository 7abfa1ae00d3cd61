package web

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// healthz answers that the process is alive. It checks nothing else, so that a
// database that is down does not restart every process.
func (s *server) healthz(w http.ResponseWriter, _ *http.Request) error {
	h := w.Header()
	h["Cache-Control"] = noStore
	h["Content-Type"] = textPlain
	h["Server-Timing"] = []string{clock(s.Now())}
	_, _ = io.WriteString(w, "ok\n")
	return nil
}

// readyz answers whether requests may be sent to this process, and what is
// missing.
func (s *server) readyz(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	missing, spared := make([]string, len(s.Ready)), make([]string, len(s.Ready))
	var wg sync.WaitGroup
	for i, check := range s.Ready {
		wg.Go(func() {
			if err := check.Check(ctx); err != nil {
				s.Log.WarnContext(ctx, "not ready", "check", check.Name, "error", err)
				line := check.Name + ": " + check.Missing + "\n"
				if check.Spared {
					spared[i] = line
				} else {
					missing[i] = line
				}
			}
		})
	}
	wg.Wait()
	h := w.Header()
	h["Cache-Control"] = noStore
	h["Content-Type"] = textPlain
	if text := strings.Join(missing, ""); text != "" {
		h.Set("Retry-After", "5")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "not ready\n"+text+strings.Join(spared, ""))
		return nil
	}
	_, _ = io.WriteString(w, "ready\n"+strings.Join(spared, ""))
	return nil
}
