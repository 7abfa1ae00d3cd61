package web

import (
	"container/list"
	"net"
	"net/http"
	"sync"
)

// LimitConnections lets a server have no more than limit connections. One more
// closes that which has waited for a request longest, so that connections that
// do nothing keep no visitor out; where all are busy, it is closed itself. A limit of
// 0 is none.
func LimitConnections(server *http.Server, limit int) {
	if limit <= 0 {
		return
	}
	c := connections{limit: limit, all: map[net.Conn]*list.Element{}}
	next := server.ConnState
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		if next != nil {
			next(conn, state)
		}
		if excess := c.changed(conn, state); excess != nil {
			_ = excess.Close() // its goroutine reads that, and ends
		}
	}
}

type connections struct {
	limit int

	mu      sync.Mutex
	all     map[net.Conn]*list.Element // its place in waiting; nil: a request is being answered
	waiting list.List                  // for a request, longest first
}

// changed keeps the state of a connection. It returns one to close.
func (c *connections) changed(conn net.Conn, state http.ConnState) (excess net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	place, known := c.all[conn]
	if !known && state != http.StateNew {
		return nil // it is being closed
	}
	if place != nil {
		c.waiting.Remove(place)
	}
	switch state {
	case http.StateNew, http.StateIdle:
		c.all[conn] = c.waiting.PushBack(conn)
	case http.StateActive:
		c.all[conn] = nil
	default:
		delete(c.all, conn)
	}
	if len(c.all) <= c.limit {
		return nil
	}
	excess = c.waiting.Remove(c.waiting.Front()).(net.Conn)
	delete(c.all, excess)
	return excess
}
