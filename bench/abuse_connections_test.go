package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const download = "GET /economy/richest.csv HTTP/1.1\r\nHost: a\r\n\r\n"

// smallBuffer dials connections with a small receive buffer, so that a slow reader
// is slow for the server.
var smallBuffer = net.Dialer{Timeout: 5 * time.Second, Control: func(_, _ string, c syscall.RawConn) (err error) {
	if failed := c.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096)
	}); failed != nil {
		return failed
	}
	return err
}}

// csvSlowReaders downloads the list of all accounts with two readers at 40 KB/s, and
// with ten others, one after the other, at full speed.
func csvSlowReaders(t *target) int {
	ctx, stop := context.WithTimeout(t.dead, limit())
	defer stop()
	var slow sync.WaitGroup
	defer slow.Wait()
	for range 2 {
		slow.Go(func() { t.readSlowly(ctx) })
	}
	t.pause(time.Now().Add(3 * time.Second))
	client := &http.Client{Timeout: limit(), Transport: &http.Transport{DisableKeepAlives: true}}
	tried, answered, whole := 0, 0, 0
	var took durations
	for ; tried < 10 && ctx.Err() == nil; tried++ {
		began := time.Now()
		status := t.ask(client, "/economy/richest.csv", "")
		if status != 0 {
			answered++
		}
		if status == http.StatusOK {
			whole++
			took = append(took, time.Since(began))
		}
		t.pause(time.Now().Add(time.Second))
	}
	stop()
	t.note("%d of %d others got the list", whole, tried)
	if whole > 0 {
		t.note("each within %.1f s, half of them within %.1f s", took.quantile(1).Seconds(), took.quantile(.5).Seconds())
	}
	return answered
}

func (t *target) readSlowly(ctx context.Context) {
	conn, err := smallBuffer.DialContext(ctx, "tcp", t.addr)
	if err != nil {
		return
	}
	defer conn.Close()
	context.AfterFunc(ctx, func() { conn.Close() }) // even while it waits for data
	fmt.Fprint(conn, download)
	buffer := make([]byte, 4096)
	for ctx.Err() == nil {
		if _, err := conn.Read(buffer); err != nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// csvHangUp starts the download of the list again and again with two readers for
// 10 s, and hangs up each time.
func csvHangUp(t *target) int {
	const span = 10 * time.Second
	before, end := t.databaseCPU(), time.Now().Add(span)
	var begun, refused atomic.Int64
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for time.Now().Before(end) && t.dead.Err() == nil {
				switch t.readSome() {
				case http.StatusOK:
					begun.Add(1)
				case 0:
				default:
					refused.Add(1)
				}
			}
		})
	}
	readers.Wait()
	t.note("%.1f s of database CPU in %.0f s, %d refused", (t.databaseCPU() - before).Seconds(), span.Seconds(), refused.Load())
	return int(begun.Load() + refused.Load())
}

// readSome reads the beginning of the list and hangs up. It returns the status.
func (t *target) readSome() int {
	conn, err := smallBuffer.Dial("tcp", t.addr)
	if err != nil {
		return 0
	}
	defer conn.Close()
	fmt.Fprint(conn, download)
	_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	response, err := http.ReadResponse(bufio.NewReaderSize(conn, 100), nil)
	if err != nil {
		return 0
	}
	return response.StatusCode
}

// idleConnections opens 5,000 connections, sends one request on each, and leaves
// them open for 10 s.
func idleConnections(t *target) int {
	return t.hold(5000, 10*time.Second, func(conn net.Conn) bool {
		fmt.Fprint(conn, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return false
		}
		_, err = io.Copy(io.Discard, response.Body)
		return err == nil
	}, nil)
}

// slowHeaders opens 3,000 connections that send a request header byte by byte for
// 15 s.
func slowHeaders(t *target) int {
	span := 15 * time.Second
	if testing.Short() {
		span = limit()
	}
	return t.hold(3000, span, func(conn net.Conn) bool {
		fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ")
		return false
	}, []byte("a"))
}

// hold opens connections and keeps them open, sending drop on each every
// second. It returns how many were answered at the beginning.
func (t *target) hold(n int, span time.Duration, begin func(net.Conn) bool, drop []byte) int {
	conns := make([]net.Conn, n)
	var answered atomic.Int64
	t.atOnce(n, 100, func(i int) {
		conn, err := net.DialTimeout("tcp", t.addr, 20*time.Second)
		if err != nil {
			return
		}
		conns[i] = conn
		if begin(conn) {
			answered.Add(1)
		}
	})
	defer func() {
		for _, conn := range conns {
			if conn != nil {
				conn.Close()
			}
		}
	}()
	for end := time.Now().Add(span); time.Now().Before(end) && t.dead.Err() == nil; t.pause(time.Now().Add(time.Second)) {
		for i := range conns {
			if conns[i] != nil && drop != nil {
				_, _ = conns[i].Write(drop)
			}
		}
	}
	open := 0
	for _, conn := range conns {
		if conn == nil {
			continue
		}
		_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			if late, ok := err.(net.Error); ok && late.Timeout() {
				open++
			}
		}
	}
	t.note("%d of %d connections still open after %.0f s", open, n, span.Seconds())
	return int(answered.Load())
}
