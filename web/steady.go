package web

import (
	"context"
	"net"
	"net/http"
	"time"
)

const (
	steadyPatience = time.Minute // with a reader who takes nothing
	steadyLimit    = time.Hour   // for the whole answer
	steadyBuffer   = 64 << 10    // what the kernel keeps for a reader (Linux doubles it)
)

// A steadyWriter goes on as long as its reader goes on taking, however slowly.
// The kernel lets a writer go on when about a third of its buffer is free
// again, and lets that grow to megabytes: minutes to a slow reader. So the
// buffer is kept small, and a reader of about a kilobyte a second is steady
// enough.
type steadyWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	end     time.Time
}

func newSteadyWriter(w http.ResponseWriter, r *http.Request) *steadyWriter {
	if conn, ok := r.Context().Value(connKey{}).(interface{ SetWriteBuffer(int) error }); ok {
		_ = conn.SetWriteBuffer(steadyBuffer) // without it only the very slow are cut off
	}
	return &steadyWriter{w, http.NewResponseController(w), time.Now().Add(steadyLimit)}
}

// Write is called with 32 KB at a time by io.Copy.
func (s *steadyWriter) Write(p []byte) (int, error) {
	deadline := time.Now().Add(steadyPatience)
	if deadline.After(s.end) {
		deadline = s.end
	}
	_ = s.control.SetWriteDeadline(deadline)
	return s.ResponseWriter.Write(p)
}

// connKey finds the connection of a request in its context.
type connKey struct{}

func withConn(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}
