package hostile_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Clients that send and read so slowly that they never end hold no reader up, and are cut
// off.
func TestSlowClientsHoldNobodyUp(t *testing.T) {
	t.Parallel()
	p := start(t)
	kinds := []struct {
		what, begin, drop string
		within            time.Duration // that it is cut off
	}{
		{"header", "GET /economy HTTP/1.1\r\nHost: a\r\nX: ", "a", 8 * time.Second},
		{"request line", "GET /", "a", 8 * time.Second},
		{"form", "POST /sign-in HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n\r\nname=", "a", 8 * time.Second},
		{"beacon", "POST /rum HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2000\r\n\r\n{", " ", 8 * time.Second},
		{"chunk", "POST /sign-in HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n10;", "a", 8 * time.Second},
		{"body that nobody asked for", "GET /economy HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n", "a", 20 * time.Second},
	}
	type slow struct {
		net.Conn
		of    int
		began time.Time
	}
	var all []*slow
	for i, kind := range kinds {
		for n := range 50 {
			s := &slow{p.dial(fmt.Sprintf("127.0.%d.%d", i+1, n+1)), i, time.Now()}
			if _, err := io.WriteString(s, kind.begin); err != nil {
				t.Fatal(err)
			}
			all = append(all, s)
		}
	}
	var readers sync.WaitGroup
	for n := range 50 { // of a page that they never read
		conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 10, byte(n+1))}, Control: func(_, _ string, c syscall.RawConn) error {
			return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
		}}).DialContext(t.Context(), "tcp", p.address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		readers.Go(func() { _, _ = io.WriteString(conn, strings.Repeat("GET /economy HTTP/1.1\r\nHost: a\r\n\r\n", 50)) })
	}
	readers.Wait()
	p.answers("while clients are slow")
	end := make(chan struct{})
	var ends sync.WaitGroup
	for _, s := range all {
		ends.Go(func() {
			go func() { // what it sends next
				ticks := time.NewTicker(time.Second)
				defer ticks.Stop()
				for {
					select {
					case <-end:
						return
					case <-ticks.C:
					}
					if _, err := io.WriteString(s, kinds[s.of].drop); err != nil {
						return
					}
				}
			}()
			_ = s.SetReadDeadline(s.began.Add(kinds[s.of].within + 10*time.Second)) // for a busy machine
			if _, err := io.Copy(io.Discard, s); err != nil && strings.Contains(err.Error(), "timeout") {
				t.Errorf("who sends a %s slowly is not cut off within %s", kinds[s.of].what, kinds[s.of].within)
			}
		})
	}
	ends.Wait()
	close(end)
	p.answers("after they were cut off")
}

// Idle connections take some memory each, up to a limit, and keep nobody out.
func TestTenThousandIdleConnectionsKeepNobodyOut(t *testing.T) {
	t.Parallel()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	limit.Cur = limit.Max
	_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	if limit.Cur < 12_000 {
		t.Skipf("a process may have %d files open, and this takes 12,000", limit.Cur)
	}
	p := start(t)
	before := p.resident()
	conns := make([]net.Conn, 10_000)
	var opening sync.WaitGroup
	for part := range 20 { // from as many networks
		opening.Go(func() {
			dialer := from(fmt.Sprintf("127.1.%d.1", part+1))
			for i := part; i < len(conns); i += 20 {
				conn, err := dialer.DialContext(t.Context(), "tcp", p.address)
				if err != nil {
					t.Error(err)
					return
				}
				conns[i] = conn
				_, _ = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
			}
		})
	}
	opening.Wait()
	defer func() {
		for _, conn := range conns {
			if conn != nil {
				conn.Close()
			}
		}
	}()
	if t.Failed() {
		return
	}
	p.answers("with 10,000 idle connections")
	if after := p.resident(); after > 256 {
		t.Errorf("with 10,000 idle connections the program takes %d MiB, %d before: want what a container has, 256", after, before)
	} else {
		t.Logf("%d MiB, %d before", after, before)
	}
}
