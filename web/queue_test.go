package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/ledger"
)

// A busySearch is a site whose search is busy with one text until it is released.
type busySearch struct {
	address string
	release func()

	mu       sync.Mutex
	searched []string // in order
}

func newBusySearch(t *testing.T) *busySearch {
	wait, busy := make(chan struct{}), make(chan struct{})
	b := &busySearch{release: sync.OnceFunc(func() { close(wait) })}
	tn := searching(func(_ context.Context, text string) (*ledger.Hits, error) {
		b.mu.Lock()
		b.searched = append(b.searched, text)
		b.mu.Unlock()
		if text == "busy" {
			close(busy)
			<-wait
		}
		return &ledger.Hits{}, nil
	})
	change := tn.change
	tn.change = func(d *Deps) {
		change(d)
		d.TrustedProxies = []string{"127.0.0.0/8"}
	}
	b.address = tn.start(t).URL + "/search.json?q="
	t.Cleanup(b.release)
	go func() { _, _ = b.ask(context.Background(), "192.0.2.99", "busy") }()
	<-busy
	return b
}

// ask searches for a client.
func (b *busySearch) ask(ctx context.Context, client, text string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, "GET", b.address+text, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("X-Forwarded-For", client)
	response, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		response.Body.Close()
	}
	return response, err
}

// Nobody waits for the readings of those who asked and left.
func TestAReadingThatNobodyWaitsForDoesNotBegin(t *testing.T) {
	t.Parallel()
	b := newBusySearch(t)
	for i := range 5 {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if response, err := b.ask(ctx, fmt.Sprint("198.51.100.", i), fmt.Sprint("left", i)); err == nil {
			t.Errorf("who leaves is answered %d", response.StatusCode)
		}
		cancel()
	}
	time.Sleep(50 * time.Millisecond)
	b.release()
	if response, err := b.ask(t.Context(), "192.0.2.1", "stayed"); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("who stays is answered %v, %v", response, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if want := []string{"busy", "stayed"}; !slices.Equal(b.searched, want) {
		t.Errorf("searched for %q, want %q", b.searched, want)
	}
}

func TestAClientHasFewReadingsThatWait(t *testing.T) {
	t.Parallel()
	b := newBusySearch(t)
	var running sync.WaitGroup
	var mu sync.Mutex
	statuses := map[string]int{}
	for i := range 6 {
		for _, client := range []string{"198.51.100.1", "2001:db8::" + fmt.Sprint(i)} {
			running.Go(func() {
				response, err := b.ask(t.Context(), client, fmt.Sprintf("text%d-%d", i, len(client)))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				statuses[fmt.Sprint(len(client), " ", response.StatusCode)]++
				if response.StatusCode == http.StatusTooManyRequests && response.Header.Get("Retry-After") == "" {
					t.Error("a client is not told when to come again")
				}
			})
		}
	}
	within(t, "the rest is refused", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return statuses["12 429"] == 4 && statuses["11 429"] == 4
	})
	b.release()
	running.Wait()
	if statuses["12 200"] != ownWaits || statuses["11 200"] != ownWaits {
		t.Errorf("clients and statuses %v, want %d answered of each", statuses, ownWaits)
	}
}

// Who shares the reading of one who leaves, or of one who may wait for no more, is
// answered all the same.
func TestAReadingIsForAllWhoShareIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all readings
		q := newQueue(1)
		busy, err := q.take(t.Context(), "192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		read := func(client string) func(context.Context, func()) (any, error) {
			return func(ctx context.Context, begin func()) (any, error) {
				free, err := q.take(ctx, client)
				if err != nil {
					return nil, err
				}
				defer free()
				begin()
				return "read for " + client, nil
			}
		}
		leading, leave := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, _, err := all.get(leading, "rows", read("192.0.2.1"))
			left <- err
		}()
		synctest.Wait()
		answered := make(chan any, 1)
		go func() {
			value, _, err := all.get(t.Context(), "rows", read("192.0.2.2"))
			answered <- fmt.Sprint(value, err)
		}()
		synctest.Wait()
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("who leaves gets %v", err)
		}
		synctest.Wait()
		busy()
		if got := <-answered; got != "read for 192.0.2.1<nil>" {
			t.Errorf("who shares the reading gets %v", got)
		}

		refused := make(chan struct{})
		go func() {
			_, _, _ = all.get(t.Context(), "more", func(ctx context.Context, begin func()) (any, error) {
				<-refused
				return nil, errOwnWaits
			})
		}()
		synctest.Wait()
		go func() {
			value, _, err := all.get(t.Context(), "more", read("192.0.2.2"))
			answered <- fmt.Sprint(value, err)
		}()
		synctest.Wait()
		close(refused)
		if got := <-answered; got != "read for 192.0.2.2<nil>" {
			t.Errorf("who shares the reading of a client that may wait for no more gets %v", got)
		}
		if len(all.all) != 0 || q.waiting.taken != 0 {
			t.Errorf("%d readings and %d waits are left", len(all.all), q.waiting.taken)
		}
	})
}

func TestALargeNetworkHasFourShares(t *testing.T) {
	s := shares{all: 64, own: 4, beyond: errOwnFiles}
	taken := 0
	for i := range 64 {
		if _, err := s.take(fmt.Sprintf("2001:db8:0:%x::1", i)); err == nil {
			taken++
		} else if !errors.Is(err, errOwnFiles) {
			t.Fatal(err)
		}
	}
	if taken != 16 {
		t.Errorf("one /48 takes %d of 64, want 16", taken)
	}
	free, err := s.take("2001:db8:1::1")
	if err != nil {
		t.Fatal(err)
	}
	free()
	if len(s.by) != 17 || s.taken != 16 {
		t.Errorf("%d networks and %d are left, want 17 and 16", len(s.by), s.taken)
	}
}
