package web

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// A form whose end does not come is the sender's fault, and said so.
func TestAFormThatDoesNotArriveIsAnsweredByATimeout(t *testing.T) {
	t.Parallel()
	tn := newTown()
	server := tn.start(t)
	began := time.Now()
	var conns []net.Conn
	paths := []string{"/theme", "/appraise", "/economy/stand"}
	for _, path := range paths {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nAccept: text/html\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nlist=a", path, server.Listener.Addr())
		_ = conn.SetReadDeadline(began.Add(12 * time.Second)) // the server's own limit is 15 s
		conns = append(conns, conn)
	}
	for i, conn := range conns {
		path := paths[i]
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		body, _ := io.ReadAll(response.Body)
		if response.StatusCode != http.StatusRequestTimeout || !strings.Contains(string(body), "did not arrive in time") {
			t.Errorf("%s: status %d, %.300s", path, response.StatusCode, body)
		}
	}
}

// One who may not try again holds a connection no longer than others, and learns why.
func TestASlowFormOfWhoMaySignInNoMoreIsAnsweredInTimeToo(t *testing.T) {
	t.Parallel()
	_, server, _ := signInSite(t, nil)
	b := newBrowser(t, server)
	for range freeSignIns {
		b.post("/sign-in", url.Values{"name": {"admin"}, "password": {"a wrong password"}})
	}
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = fmt.Fprintf(conn, "POST /sign-in HTTP/1.1\r\nHost: %s\r\nAccept: text/html\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nname=a", server.Listener.Addr())
	_ = conn.SetReadDeadline(time.Now().Add(12 * time.Second)) // the server's own limit is 15 s
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusRequestTimeout {
		t.Errorf("status %d, want %d", response.StatusCode, http.StatusRequestTimeout)
	}
}
