package web

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// A caller is a connection that stays open.
type caller struct {
	net.Conn
	answers *bufio.Reader
}

func call(t *testing.T, address string) caller {
	t.Helper()
	return callFrom(t, "", address)
}

// callFrom calls from an address of this machine, any if it is empty.
func callFrom(t *testing.T, own, address string) caller {
	t.Helper()
	var dialer net.Dialer
	if own != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(own)}
	}
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return caller{conn, bufio.NewReader(conn)}
}

// get reports whether a request is answered.
func (c caller) get(path string) bool {
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return false
	}
	response, err := http.ReadResponse(c.answers, nil)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err == nil && response.StatusCode == http.StatusOK
}

func TestIdleConnectionsKeepNoVisitorOut(t *testing.T) {
	busy, release, idle := make(chan struct{}), make(chan struct{}), make(chan struct{}, 100)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/busy" {
			busy <- struct{}{}
			<-release
		}
	}))
	server.Config = &http.Server{Handler: server.Config.Handler}
	LimitConnections(server.Config, 3, "127.0.0.0/8", "::1/128")
	limited := server.Config.ConnState
	server.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		limited(conn, state)
		if state == http.StateIdle {
			idle <- struct{}{}
		}
	}
	server.Start()
	defer server.Close()
	address := server.Listener.Addr().String()

	var callers []caller
	for i := range 10 {
		c := call(t, address)
		if !c.get("/") {
			t.Fatalf("visitor %d was not served", i)
		}
		<-idle
		callers = append(callers, c)
	}
	for i, c := range callers {
		if served := c.get("/"); served != (i >= 7) {
			t.Errorf("the idle connection %d of 10 is open: %t", i, served)
		} else if served {
			<-idle
		}
	}

	for _, c := range callers[7:] {
		go c.get("/busy")
		<-busy
	}
	if c := call(t, address); c.get("/") {
		t.Error("a fourth was served beside three that are busy")
	}
	close(release)
	<-idle
	if c := call(t, address); !c.get("/") {
		t.Error("nobody is served after the busy ones are done")
	}
}

// One address has a quarter of the connections, however busy it keeps them.
func TestOneAddressLeavesConnectionsToOthers(t *testing.T) {
	busy, release := make(chan struct{}), make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/busy" {
			busy <- struct{}{}
			<-release
		}
	}))
	LimitConnections(server.Config, 8, "127.0.0.3/32")
	server.Start()
	defer server.Close()
	defer close(release)
	address := server.Listener.Addr().String()
	for range 2 {
		c := callFrom(t, "127.0.0.2", address)
		go c.get("/busy")
		<-busy
	}
	if callFrom(t, "127.0.0.2", address).get("/") {
		t.Error("an address has more than a quarter of the connections")
	}
	if !callFrom(t, "127.0.0.4", address).get("/") {
		t.Error("another address is not served")
	}
	for range 3 {
		c := callFrom(t, "127.0.0.3", address)
		go c.get("/busy")
		<-busy
	}
}
