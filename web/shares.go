package web

import (
	"net/netip"
	"sync"
)

// shares are what clients hold of something of which there is little, or wait for. No
// client has more than a few of them.
type shares struct {
	all, own int   // at most, of all clients and of one
	beyond   error // for a client that has its own

	mu    sync.Mutex
	taken int
	by    map[netip.Prefix]int
}

// take takes one for a client, by its address, and returns what frees it.
func (s *shares) take(address string) (free func(), err error) {
	client := networks(address)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken == s.all {
		return nil, errBusy
	}
	for i, network := range client {
		if s.by[network] >= shareOf(s.own, i) {
			return nil, s.beyond
		}
	}
	if s.by == nil {
		s.by = map[netip.Prefix]int{}
	}
	s.taken++
	for _, network := range client {
		s.by[network]++
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.taken--
		for _, network := range client {
			if s.by[network]--; s.by[network] == 0 {
				delete(s.by, network)
			}
		}
	}, nil
}

// networks returns the networks by which a client is known, the smallest one first. Of
// IPv6 these are the one of the first 64 bits, since a client has all addresses that
// begin with them, and the one of the first 48, since many have thousands of the
// former. An address that cannot be read is of the zero network.
func networks(address string) []netip.Prefix {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return []netip.Prefix{{}}
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return []netip.Prefix{netip.PrefixFrom(ip, 32)}
	}
	return []netip.Prefix{netip.PrefixFrom(ip, 64).Masked(), netip.PrefixFrom(ip, 48).Masked()}
}

// shareOf returns the share of the network at an index of networks, where a client has
// so many: four times as many for the larger network.
func shareOf[N int | int64](own N, index int) N { return own << (2 * index) }
