package alerts

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// special are the networks of the public ranges that lead to somebody's own machines,
// or hide another address in theirs.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),    // carrier-grade NAT
	netip.MustParsePrefix("168.63.129.16/32"), // a cloud's metadata
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"), // 6to4 relays
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("2001::/23"), // Teredo and others
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"), // 6to4
	netip.MustParsePrefix("3fff::/20"),
}

// unicast6 is all that is given out of IPv6.
var unicast6 = netip.MustParsePrefix("2000::/3")

// public reports whether an address is one of the internet's, and nobody's own.
func public(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Zone() != "" || a.Is6() && !unicast6.Contains(a) {
		return false
	}
	return !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(a) })
}

// A guard decides to which addresses connections are made.
type guard struct {
	allow    []netip.Prefix // that need not be public
	resolver *net.Resolver  // nil: the system's
}

// allowed reports whether the operator has allowed an address by name.
func (g guard) allowed(a netip.Addr) bool {
	a = a.Unmap()
	return slices.ContainsFunc(g.allow, func(p netip.Prefix) bool { return p.Contains(a) })
}

// dial connects. The address is checked when it is known, just before the connection is
// made, so that a name which resolves to another one the second time gains nothing.
// Without TLS only allowed addresses are connected to.
func (g guard) dial(ctx context.Context, network, address string, encrypted bool) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout, Resolver: g.resolver, Control: func(_, to string, _ syscall.RawConn) error {
		addr, err := netip.ParseAddrPort(to)
		switch {
		case err != nil:
			return fmt.Errorf("address %s: %w", to, err)
		case g.allowed(addr.Addr()):
			return nil
		case !public(addr.Addr()):
			return fmt.Errorf("%s %w (EXCHEQUER_ALERTS_ALLOW names others that are allowed)", addr.Addr(), errNotPublic)
		case !encrypted:
			return fmt.Errorf("%s is public, and the connection would not be encrypted", addr.Addr())
		}
		return nil
	}}
	return d.DialContext(ctx, network, address)
}

// errNotPublic is that of an address that nothing is sent to.
var errNotPublic = errors.New("is not a public address")

const dialTimeout = 5 * time.Second
