package web

import (
	"net/netip"
	"sync"
)

// filePlaces are the places of lists that are sent whole. A reader may be slow, and
// holds a place as long, so that no client has more than a few.
type filePlaces struct {
	mu    sync.Mutex
	taken int
	by    map[netip.Addr]int
}

// take takes a place for a client, by its address, and returns what frees it.
func (f *filePlaces) take(address string) (free func(), err error) {
	client := network(address)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.taken == listFiles:
		return nil, errBusy
	case f.by[client] == ownFiles:
		return nil, errOwnFiles
	}
	if f.by == nil {
		f.by = map[netip.Addr]int{}
	}
	f.taken++
	f.by[client]++
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.taken--
		if f.by[client]--; f.by[client] == 0 {
			delete(f.by, client)
		}
	}, nil
}

// network returns the address by which a client is known: of IPv6 the first 64 bits,
// since a client has all addresses that begin with them.
func network(address string) netip.Addr {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Addr{}
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		prefix, _ := ip.Prefix(64)
		return prefix.Addr()
	}
	return ip
}
