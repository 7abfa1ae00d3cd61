package main

import (
	"context"
	"net"
	"net/http"
	"sync"
)

// pendingConns holds the connections whose first request has not reached the
// handler. http.Server.Shutdown closes them even if the client has sent that
// request, which then gets no answer. So wait for them before Shutdown.
type pendingConns struct {
	mu    sync.Mutex
	conns map[net.Conn]struct{}
	empty chan struct{} // closed when conns becomes empty; nil unless wait runs
}

type pendingConnKey struct{}

// track adds the connections of server from now on.
func (p *pendingConns) track(server *http.Server) {
	p.conns = map[net.Conn]struct{}{}
	connContext, connState := server.ConnContext, server.ConnState
	server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		if connContext != nil {
			ctx = connContext(ctx, conn)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.conns[conn] = struct{}{}
		return context.WithValue(ctx, pendingConnKey{}, conn)
	}
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		if connState != nil {
			connState(conn, state)
		}
		if state == http.StateClosed || state == http.StateHijacked {
			p.remove(conn)
		}
	}
	next := server.Handler
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if conn, known := r.Context().Value(pendingConnKey{}).(net.Conn); known {
			p.remove(conn)
		}
		next.ServeHTTP(w, r)
	})
}

// remove removes a connection that has sent a request, or is closed.
func (p *pendingConns) remove(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
	if p.empty != nil && len(p.conns) == 0 {
		close(p.empty)
		p.empty = nil
	}
}

// wait returns when there are none or ctx ends. It takes at most as long as the
// server lets a client take over its first request. The listener must be closed
// already.
func (p *pendingConns) wait(ctx context.Context) {
	empty := make(chan struct{})
	p.mu.Lock()
	if len(p.conns) == 0 {
		close(empty)
	} else {
		p.empty = empty
	}
	p.mu.Unlock()
	select {
	case <-empty:
	case <-ctx.Done():
	}
}
