package web

import (
	"container/list"
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// LimitConnections limits a server to that many connections, a quarter of them from one
// address, or one /48 of IPv6, that is of no trusted proxy. A new one past a limit
// closes the one of those that has waited longest for a request, so that idle
// connections keep no visitor out. If all others are busy, the new one is closed.
// A limit of 0 means no limit. The ranges of the proxies must be those that New takes.
func LimitConnections(server *http.Server, limit int, trustedProxies ...string) {
	if limit <= 0 {
		return
	}
	trusted, _ := parseProxies(trustedProxies) // New reports a mistake
	c := connections{limit: limit, own: max(1, limit/4), trusted: trusted, all: map[net.Conn]*connection{}, from: map[netip.Prefix]int{}}
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
	limit, own int // of all, and of one network
	trusted    proxies

	mu      sync.Mutex
	all     map[net.Conn]*connection
	from    map[netip.Prefix]int // by network
	waiting list.List            // those without a request, the longest idle first
}

type connection struct {
	net.Conn
	network netip.Prefix  // the zero one of a trusted proxy
	place   *list.Element // in waiting; nil: a request is being answered
}

// changed records the state of a connection, and returns the one to close, nil if
// none.
func (c *connections) changed(conn net.Conn, state http.ConnState) (excess net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.all[conn]
	switch {
	case one == nil && state != http.StateNew:
		return nil // it is being closed
	case one == nil:
		one = &connection{Conn: conn, network: c.network(conn)}
		c.all[conn] = one
		c.from[one.network]++
	case one.place != nil:
		c.waiting.Remove(one.place)
		one.place = nil
	}
	switch state {
	case http.StateNew, http.StateIdle:
		one.place = c.waiting.PushBack(one)
	case http.StateActive:
	default:
		c.drop(one)
	}
	switch {
	case state != http.StateNew:
		return nil
	case one.network.IsValid() && c.from[one.network] > c.own:
		return c.close(func(other *connection) bool { return other.network == one.network })
	case len(c.all) > c.limit:
		return c.close(func(*connection) bool { return true })
	}
	return nil
}

// close drops the connection that has waited longest of those that are of a kind, and
// returns it. There is one.
func (c *connections) close(of func(*connection) bool) net.Conn {
	place := c.waiting.Front()
	for !of(place.Value.(*connection)) {
		place = place.Next()
	}
	one := c.waiting.Remove(place).(*connection)
	c.drop(one)
	return one.Conn
}

func (c *connections) drop(one *connection) {
	delete(c.all, one.Conn)
	if c.from[one.network]--; c.from[one.network] == 0 {
		delete(c.from, one.network)
	}
}

// network returns the network whose share a connection is of, the zero one if none.
func (c *connections) network(conn net.Conn) netip.Prefix {
	from, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil || c.trusted.contain(from.Addr()) {
		return netip.Prefix{}
	}
	all := networks(from.Addr().String())
	return all[len(all)-1]
}
