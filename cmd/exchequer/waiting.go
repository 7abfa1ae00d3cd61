package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"exchequer/web"
)

// A waitingRoom answers while there is no database to draw pages from: the
// process lives, and is not ready.
type waitingRoom struct {
	server   *http.Server
	listener lent
	served   chan error
}

// waitingConnections is how many may be open at the same time.
const waitingConnections = 512

// wait answers what comes to the listener until close.
func wait(listener net.Listener, log *slog.Logger) *waitingRoom {
	w := &waitingRoom{
		server:   web.Server(listener.Addr().String(), http.HandlerFunc(sayWaiting)),
		listener: lent{listener.(*net.TCPListener)},
		served:   make(chan error, 1),
	}
	web.LimitConnections(w.server, waitingConnections)
	w.server.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelWarn)
	go func() { w.served <- w.server.Serve(w.listener) }()
	return w
}

// close leaves the listener to the next server.
func (w *waitingRoom) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := w.server.Shutdown(ctx); err != nil {
		w.server.Close()
	}
	if err := <-w.served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return w.listener.SetDeadline(time.Time{})
}

// lent is a listener that stays open when its server closes it.
type lent struct{ *net.TCPListener }

func (l lent) Close() error { return l.SetDeadline(time.Unix(1, 0)) } // wakes up Accept

func sayWaiting(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	if r.URL.Path == "/healthz" {
		io.WriteString(w, "ok\n")
		return
	}
	h.Set("Retry-After", "30")
	w.WriteHeader(http.StatusServiceUnavailable)
	if r.URL.Path == "/readyz" {
		io.WriteString(w, "not ready\ndatabase: make room on its disk, which is full\n")
		return
	}
	io.WriteString(w, "There are no numbers yet: the server has no room left on its disk. It goes on by itself as soon as there is some.\n")
}
