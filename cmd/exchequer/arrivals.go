package main

import (
	"context"
	"net"
	"net/http"
	"sync"
)

// arrivals are the connections whose first request has not reached the handler.
// A server that shuts down closes them, even where the request has been sent:
// whoever sent it gets no answer. So they are waited for before it does.
type arrivals struct {
	mu    sync.Mutex
	conns map[net.Conn]struct{}
	none  chan struct{} // closed when there are none; nil while nobody waits
}

type arrivalKey struct{}

// watch has the server tell of its connections.
func (a *arrivals) watch(server *http.Server) {
	a.conns = map[net.Conn]struct{}{}
	within, changed := server.ConnContext, server.ConnState
	server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		if within != nil {
			ctx = within(ctx, conn)
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.conns[conn] = struct{}{}
		return context.WithValue(ctx, arrivalKey{}, conn)
	}
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		if changed != nil {
			changed(conn, state)
		}
		if state == http.StateClosed || state == http.StateHijacked {
			a.arrived(conn)
		}
	}
	next := server.Handler
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if conn, known := r.Context().Value(arrivalKey{}).(net.Conn); known {
			a.arrived(conn)
		}
		next.ServeHTTP(w, r)
	})
}

func (a *arrivals) arrived(conn net.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.conns, conn)
	if a.none != nil && len(a.conns) == 0 {
		close(a.none)
		a.none = nil
	}
}

// wait returns when there are none, which takes at most as long as a client may
// keep its first request waiting. No connection may come meanwhile.
func (a *arrivals) wait(ctx context.Context) {
	none := make(chan struct{})
	a.mu.Lock()
	if len(a.conns) == 0 {
		close(none)
	} else {
		a.none = none
	}
	a.mu.Unlock()
	select {
	case <-none:
	case <-ctx.Done():
	}
}
