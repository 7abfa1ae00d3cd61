package web

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/a-h/templ"
	"github.com/klauspost/compress/gzip"

	"exchequer/static"
	"exchequer/views"
)

// economyCold sends the frame at once and each panel when it is ready: ready
// are there already, the others come through answered.
func (s *server) economyCold(w http.ResponseWriter, r *http.Request, asked *views.EconomyPage, parts, ready []part, answered <-chan part) error {
	s.metrics.pages.WithLabelValues("streamed").Inc()
	s.pageClock(&asked.Clock, parts, ready)
	h := w.Header()
	h["Content-Type"] = textHTML
	h["Cache-Control"] = noStore
	h["Vary"] = varyEnc
	h["Server-Timing"] = []string{clock(s.Now())}
	h["X-Accel-Buffering"] = []string{"no"} // nginx would wait for the end
	if r.Method == http.MethodHead {
		return nil
	}
	out := &coldWriter{w: w, control: http.NewResponseController(w)}
	if static.Accepts(r.Header.Get("Accept-Encoding"), "gzip") {
		h["Content-Encoding"] = []string{"gzip"}
		out.gzip, _ = gzip.NewWriterLevel(w, gzipLevel) // fails for unknown levels only
	}
	panels := templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		for i := range parts {
			var p part
			if i < len(ready) {
				p = ready[i]
			} else {
				p = <-answered // within the budget, by which each ask ends
			}
			if err := p.draw(ctx, w, s, asked.Site, asked.Choice); err != nil {
				return err
			}
			if err := templ.Flush().Render(ctx, w); err != nil {
				return err
			}
		}
		return nil
	})
	err := views.EconomyFrame(asked.Site, asked.Clock, asked.Choice, true, panels).Render(r.Context(), out)
	if err == nil {
		err = out.close()
	}
	if r.Context().Err() != nil {
		return nil // the reader has left
	}
	return err
}

// A coldWriter passes on what is written at each flush.
type coldWriter struct {
	w       io.Writer
	gzip    *gzip.Writer // nil: not compressed
	control *http.ResponseController
	failed  error
}

func (c *coldWriter) Write(p []byte) (int, error) {
	if c.gzip != nil {
		return c.gzip.Write(p)
	}
	return c.w.Write(p)
}

// Flush sends what is written so far. It is that of an [http.Flusher], the only
// one that templ passes on through its buffers, so a failure waits for close.
func (c *coldWriter) Flush() {
	if c.gzip != nil {
		c.failed = errors.Join(c.failed, c.gzip.Flush())
	}
	c.failed = errors.Join(c.failed, c.control.Flush())
}

func (c *coldWriter) close() error {
	if c.gzip != nil {
		c.failed = errors.Join(c.failed, c.gzip.Close())
	}
	return c.failed
}
