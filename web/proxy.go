package web

import (
	"fmt"
	"net/http"
	"net/netip"
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
	address := from.Addr().Unmap()
	for _, prefix := range p {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}

// secure reports whether the visitor's own connection is encrypted.
func (p proxies) secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	first, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
	return strings.EqualFold(strings.TrimSpace(first), "https") && p.sent(r)
}
