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

// paced requests addresses of a server in turns, by clients with a connection each,
// together at a rate a second for a span, and returns how long answers took, the quickest
// first. A request that is late counts from when it was due, so that no pause is left
// out. Unlike wrk, which asks as fast as it is answered and so fills the processors, it
// measures what readers see on a machine that is not full.
func paced(b *testing.B, server string, addresses []string, clients, rate int, span time.Duration) []time.Duration {
	b.Helper()
	at, err := url.Parse(server)
	if err != nil {
		b.Fatal(err)
	}
	var requests [][]byte
	for _, address := range addresses {
		requests = append(requests, fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept-Encoding: gzip\r\n\r\n", address, at.Host))
	}
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
			n := i
			for due := began.Add(every * time.Duration(i) / time.Duration(clients)); due.Before(began.Add(span)); due = due.Add(every) {
				time.Sleep(time.Until(due))
				n++
				if failed[i] = exchange(conn, answers, requests[n%len(requests)]); failed[i] != nil {
					return
				}
				took[i] = append(took[i], time.Since(due))
			}
		})
	}
	all.Wait()
	for _, err := range failed {
		if err != nil {
			b.Fatalf("%s: %v", addresses, err)
		}
	}
	sorted := slices.Concat(took...)
	slices.Sort(sorted)
	return sorted
}

// p99 returns the 99th percentile of sorted durations.
func p99(sorted []time.Duration) time.Duration { return sorted[len(sorted)*99/100] }

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
