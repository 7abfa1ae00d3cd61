package web

import (
	"container/list"
	"net"
	"net/http"
	"sync"
)

// LimitConnections limits a server to that many connections. A new one past the
// limit closes the one that has waited longest for a request, so that idle
// connections keep no visitor out. If all others are busy, the new one is closed.
// A limit of 0 means no limit.
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
			_ = excess.Close() // its goroutine then fails to read, and ends
		}
	}
}

type connections struct {
	limit int

	mu      sync.Mutex
	all     map[net.Conn]*list.Element // its element in waiting; nil: a request is being answered
	waiting list.List                  // connections without a request, the longest idle first
}

// changed records the state of a connection, and returns the one to close, nil if
// none.
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
