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

// A waitingRoom answers requests while the database cannot start: /healthz
// succeeds, /readyz and the pages fail.
type waitingRoom struct {
	server   *http.Server
	listener keptOpen
	served   chan error
}

// waitingConnections limits its open connections.
const waitingConnections = 512

// startWaitingRoom answers requests to the listener until close is called.
func startWaitingRoom(listener net.Listener, log *slog.Logger) *waitingRoom {
	w := &waitingRoom{
		server:   web.Server(listener.Addr().String(), web.Guarded(http.HandlerFunc(answerWaiting))),
		listener: keptOpen{listener.(*net.TCPListener)},
		served:   make(chan error, 1),
	}
	web.LimitConnections(w.server, waitingConnections)
	w.server.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelWarn)
	go func() { w.served <- w.server.Serve(w.listener) }()
	return w
}

// close ends the server and leaves the listener open for the next one.
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

// A keptOpen is a listener that stays open when its server closes it.
type keptOpen struct{ *net.TCPListener }

func (l keptOpen) Close() error { return l.SetDeadline(time.Unix(1, 0)) } // wakes up Accept

func answerWaiting(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "text/plain; charset=utf-8")
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
	io.WriteString(w, "There are no numbers yet: the server has no room left on its disk. It continues by itself as soon as there is some.\n")
}
