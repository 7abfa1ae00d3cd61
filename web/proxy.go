package web

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/go-chi/chi/v5/middleware"
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

// forwardedFor is the header by which proxies say who their client is.
const forwardedFor = "X-Forwarded-For"

// withoutPorts leaves the ports out of the addresses that proxies forward: some write
// "192.0.2.1:50123" or "[2001:db8::1]:50123".
func withoutPorts(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for i, value := range r.Header[forwardedFor] {
			all := strings.Split(value, ",")
			for j, text := range all {
				if from, err := netip.ParseAddrPort(strings.TrimSpace(text)); err == nil {
					all[j] = from.Addr().String()
				}
			}
			r.Header[forwardedFor][i] = strings.Join(all, ",")
		}
		next.ServeHTTP(w, r)
	})
}

// unreadableClients logs once that a trusted proxy forwards an address that cannot be
// read. Its clients are then taken for one.
func (s *server) unreadableClients() func(http.Handler) http.Handler {
	var once sync.Once
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if forwarded := r.Header.Get(forwardedFor); forwarded != "" && middleware.GetClientIP(r.Context()) == "" && s.proxies.sent(r) {
				once.Do(func() {
					s.Log.Warn("a trusted proxy forwards no address that can be read, so that its clients are taken for one",
						"header", forwardedFor, "value", printable(forwarded, logClient))
				})
			}
			next.ServeHTTP(w, r)
		})
	}
}

// secure reports whether the visitor's own connection is encrypted.
func (p proxies) secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	first, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
	return strings.EqualFold(strings.TrimSpace(first), "https") && p.sent(r)
}
