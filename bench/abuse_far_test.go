package bench

import (
	"io"
	"net"
	"net/url"
	"strconv"
	"testing"
	"time"
)

// delayed returns a URL of the same database with delayed answers. It ends with the
// benchmark.
func delayed(b *testing.B, database string, by time.Duration) string {
	b.Helper()
	there, err := url.Parse(database)
	if err != nil {
		b.Fatal(err)
	}
	socket := there.Query().Get("host") + "/.s.PGSQL." + there.Query().Get("port")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go relay(client, socket, by)
		}
	}()
	port := listener.Addr().(*net.TCPAddr).Port
	here := url.URL{Scheme: there.Scheme, User: there.User, Host: "127.0.0.1:" + strconv.Itoa(port), Path: there.Path, RawQuery: "sslmode=disable"}
	return here.String()
}

// relay connects a client with the server until either closes. It delays each piece
// that the server sends by the same time, whatever its size.
func relay(client net.Conn, socket string, by time.Duration) {
	defer client.Close()
	server, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(server, client)
		server.Close()
	}()
	type piece struct {
		due   time.Time
		bytes []byte
	}
	pieces := make(chan piece, 1000)
	go func() {
		defer close(pieces)
		for {
			buffer := make([]byte, 16<<10)
			n, err := server.Read(buffer)
			if n > 0 {
				pieces <- piece{time.Now().Add(by), buffer[:n]}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range pieces {
		time.Sleep(time.Until(p.due))
		if _, err := client.Write(p.bytes); err != nil {
			server.Close() // ends the reader; the rest is dropped
		}
	}
}
