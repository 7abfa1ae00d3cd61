package web

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A form whose end does not come is the sender's fault, and said so.
func TestAFormThatDoesNotArriveIsAnsweredByATimeout(t *testing.T) {
	t.Parallel()
	tn := newTown()
	tn.limit = func(s *http.Server) { s.ReadTimeout = time.Second }
	server := tn.start(t)
	for _, path := range []string{"/theme", "/appraise", "/economy/stand"} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nAccept: text/html\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nlist=a", path, server.Listener.Addr())
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
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
