package bench

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"
)

// paced requests an address by clients with a connection each, together at a rate a
// second for a span, and returns the 99th percentile of how long answers took. A
// request that is late counts from when it was due, so that no pause is left out.
// Unlike wrk, which asks as fast as it is answered and so fills the processors, it
// measures what readers see on a machine that is not full.
func paced(b *testing.B, address string, clients, rate int, span time.Duration) (p99 time.Duration) {
	b.Helper()
	at, err := url.Parse(address)
	if err != nil {
		b.Fatal(err)
	}
	request := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept-Encoding: gzip\r\n\r\n", at.RequestURI(), at.Host)
	every := time.Second * time.Duration(clients) / time.Duration(rate)
	took := make([][]time.Duration, clients)
	failed := make([]error, clients)
	began := time.Now().Add(every)
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			conn, err := net.Dial("tcp", at.Host)
			if err != nil {
				failed[i] = err
				return
			}
			defer conn.Close()
			answers := bufio.NewReaderSize(conn, 1<<16)
			for due := began.Add(every * time.Duration(i) / time.Duration(clients)); due.Before(began.Add(span)); due = due.Add(every) {
				time.Sleep(time.Until(due))
				if failed[i] = exchange(conn, answers, request); failed[i] != nil {
					return
				}
				took[i] = append(took[i], time.Since(due))
			}
		})
	}
	all.Wait()
	for _, err := range failed {
		if err != nil {
			b.Fatalf("%s: %v", address, err)
		}
	}
	sorted := slices.Concat(took...)
	slices.Sort(sorted)
	return sorted[len(sorted)*99/100]
}

// exchange sends a request and reads the whole answer.
func exchange(conn net.Conn, answers *bufio.Reader, request []byte) error {
	if _, err := conn.Write(request); err != nil {
		return err
	}
	answer, err := http.ReadResponse(answers, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", answer.Status)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}
