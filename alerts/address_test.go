package alerts

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
)

func TestOnlyAddressesOfTheInternetArePublic(t *testing.T) {
	for address, want := range map[string]bool{
		"1.1.1.1": true, "93.184.215.14": true, "2606:4700:4700::1111": true, "2a00:1450:4001:82a::200e": true, "::ffff:1.1.1.1": true,

		"127.0.0.1": false, "127.8.8.8": false, "0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false,
		"100.64.0.1": false, "100.100.100.200": false, "169.254.169.254": false, "168.63.129.16": false, "192.0.0.192": false, "192.0.2.1": false, "192.88.99.1": false,
		"198.18.0.1": false, "198.19.255.255": false, "198.51.100.1": false, "203.0.113.9": false, "224.0.0.1": false, "239.255.255.250": false, "240.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:169.254.169.254": false, "::127.0.0.1": false, "64:ff9b::7f00:1": false, "64:ff9b:1::a00:1": false,
		"fe80::1": false, "fe80::1%eth0": false, "fec0::1": false, "fc00::1": false, "fd00:ec2::254": false, "ff02::1": false, "100::1": false, "5f00::1": false,
		"2001::1": false, "2001:db8::1": false, "2002:7f00:1::": false, "3fff::1": false,
	} {
		if got := public(netip.MustParseAddr(address)); got != want {
			t.Errorf("public(%s) = %v, want %v", address, got, want)
		}
	}
	// What is next to a network is not part of it.
	for _, address := range []string{"100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "198.17.255.255", "198.20.0.0", "168.63.129.17", "223.255.255.255", "2001:200::1"} {
		if !public(netip.MustParseAddr(address)) {
			t.Errorf("public(%s) = false", address)
		}
	}
}

func TestAnAddressThatIsAllowedMayBeNobodyElses(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for name, c := range map[string]struct {
		allow     string
		encrypted bool
		want      string
	}{
		"nothing is allowed":    {"", true, "127.0.0.1 is not a public address"},
		"another is":            {"10.0.0.0/8", true, "127.0.0.1 is not a public address"},
		"it is":                 {"127.0.0.0/8", true, ""},
		"it is, in plain text":  {"127.0.0.0/8", false, ""},
		"as an IPv6 address is": {"127.0.0.1/32", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := guard{}
			if c.allow != "" {
				g.allow = []netip.Prefix{netip.MustParsePrefix(c.allow)}
			}
			address := listener.Addr().String()
			if strings.HasPrefix(name, "as an IPv6") {
				address = strings.Replace(address, "127.0.0.1", "[::ffff:127.0.0.1]", 1)
			}
			conn, err := g.dial(t.Context(), "tcp", address, c.encrypted)
			if err == nil {
				conn.Close()
			}
			if got := errorText(err); c.want == "" && err != nil || !strings.Contains(got, c.want) {
				t.Errorf("dial = %q, want %q", got, c.want)
			}
		})
	}
	if _, err := (guard{}).dial(t.Context(), "tcp", "1.1.1.1:80", false); !strings.Contains(errorText(err), "would not be encrypted") {
		t.Errorf("a public address in plain text: %v", err)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// rebinding is a resolver that answers first with one address and from then on with
// another, whatever is asked.
func rebinding(t *testing.T, first, later string) (*net.Resolver, *atomic.Int64) {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	var asked atomic.Int64
	go func() {
		packet := make([]byte, 1500)
		for {
			n, from, err := server.ReadFrom(packet)
			if err != nil {
				return
			}
			// The question as it is, and one answer to it.
			question := packet[12:n]
			end := strings.IndexByte(string(question), 0) + 1
			kind := binary.BigEndian.Uint16(question[end:])
			answer := append([]byte{packet[0], packet[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question[:end+4]...)
			if kind == 1 { // an IPv4 address
				to := first
				if asked.Add(1) > 1 {
					to = later
				}
				answer[7] = 1
				ip := netip.MustParseAddr(to).As4()
				answer = append(append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4), ip[:]...)
			}
			_, _ = server.WriteTo(answer, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", server.LocalAddr().String())
	}}, &asked
}
