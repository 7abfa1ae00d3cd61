package web

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// proxies are the address ranges of trusted proxies.
type proxies []netip.Prefix

func parseProxies(ranges []string) (proxies, error) {
	var all proxies
	for _, text := range ranges {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("trusted proxies: %w", err)
		}
		all = append(all, p)
	}
	return all, nil
}

// sent reports whether a request comes directly from one of them.
func (p proxies) sent(r *http.Request) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	return p.contain(from.Addr())
}

// contain reports whether an address is of one of them.
func (p proxies) contain(address netip.Addr) bool {
	address = address.Unmap()
	return slices.ContainsFunc(p, func(prefix netip.Prefix) bool { return prefix.Contains(address) })
}

// secure reports whether the visitor's own connection is encrypted.
func (p proxies) secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	first, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
	return strings.EqualFold(strings.TrimSpace(first), "https") && p.sent(r)
}
