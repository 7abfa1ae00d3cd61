package web

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"time"
)

const (
	steadyTimeout = time.Minute // for each write
	steadyLimit   = time.Hour   // for the whole answer
	steadyBuffer  = 64 << 10    // the kernel's send buffer (Linux doubles it)
)

// A steadyWriter extends the write deadline at each write, so that a reader who
// is slow but steady gets the whole answer. The kernel wakes a writer when about
// a third of the send buffer is free, and lets the buffer grow to megabytes,
// which takes a slow reader minutes. So the buffer is kept small, and a reader of
// about a kilobyte a second is fast enough.
type steadyWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	end     time.Time
}

func newSteadyWriter(w http.ResponseWriter, r *http.Request) *steadyWriter {
	if conn, ok := r.Context().Value(connKey{}).(interface{ SetWriteBuffer(int) error }); ok {
		_ = conn.SetWriteBuffer(steadyBuffer) // if it fails, very slow readers are cut off
	}
	return &steadyWriter{w, http.NewResponseController(w), time.Now().Add(steadyLimit)}
}

// Write is called with 32 KB at a time by io.Copy.
func (s *steadyWriter) Write(p []byte) (int, error) {
	s.extend()
	return s.ResponseWriter.Write(p)
}

func (s *steadyWriter) extend() {
	deadline := time.Now().Add(steadyTimeout)
	if deadline.After(s.end) {
		deadline = s.end
	}
	_ = s.control.SetWriteDeadline(deadline)
}

// drain writes what b has. Where that is nothing, as of a stretch of a list in which no
// row passes its filter, the deadline is extended all the same: the end of the answer is
// written only when its handler has returned.
func (s *steadyWriter) drain(b *bytes.Buffer) error {
	s.extend()
	_, err := b.WriteTo(s)
	return err
}

// connKey finds the connection of a request in its context.
type connKey struct{}

func withConn(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}
