package bench

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"exchequer/cache"
)

// ask reads an answer and returns its status, 0 if it was incomplete.
func (t *target) ask(client *http.Client, path, encoding string) int {
	r, err := http.NewRequest(http.MethodGet, t.url+path, http.NoBody)
	if err != nil {
		t.b.Error(err)
		return 0
	}
	if encoding != "" {
		r.Header.Set("Accept-Encoding", encoding)
	}
	response, err := client.Do(r)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return 0
	}
	return response.StatusCode
}

// hangUp sends a request and closes the connection after a while, without
// reading. It reports whether the request was sent.
func (t *target) hangUp(path string, after time.Duration) bool {
	conn, err := net.DialTimeout("tcp", t.addr, 5*time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path); err != nil {
		return false
	}
	if after > 0 {
		time.Sleep(after)
	}
	return true
}

// unknownHangUp sends 100,000 requests for accounts that do not exist, one after the
// other, and hangs up on each. It then waits until the minute is over, since keys
// are refreshed at the next boundaries.
func unknownHangUp(t *target) int {
	began := time.Now()
	sent := 0
	for sent < 100_000 && time.Since(began) < limit()*3/4 && t.dead.Err() == nil {
		if t.hangUp(fmt.Sprintf("/api/v1/accounts/nobody-%d", sent), 0) {
			sent++
		}
	}
	t.note("sent in %.0f s, not answered", time.Since(began).Seconds())
	t.pause(began.Add(limit()))
	return sent
}

// crawled is how many cold keys a crawl requests.
func crawled() int {
	if testing.Short() {
		return 400
	}
	return 4000
}

// crawlAndLeave requests cold keys of one memo with readers that hang up after 0.1 s.
func crawlAndLeave(t *target) int {
	var sent atomic.Int64
	t.crawl(func(i int) {
		if t.hangUp(accountPath(i), 100*time.Millisecond) {
			sent.Add(1)
		}
	})
	t.note("sent, not answered")
	return int(sent.Load())
}

// crawlAndStay requests cold keys with readers that wait for the answer.
func crawlAndStay(t *target) int {
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	var answered, unavailable atomic.Int64
	t.crawl(func(i int) {
		switch t.ask(client, accountPath(i), "") {
		case 0:
		case http.StatusServiceUnavailable:
			unavailable.Add(1)
			fallthrough
		default:
			answered.Add(1)
		}
	})
	t.note("%d × 503", unavailable.Load())
	return int(answered.Load())
}

// crawlPages reads the pages of 100,000 accounts, each once, with 16 readers who wait for
// the answer, however long that takes. Redis is limited as in deploy/compose.yaml.
func crawlPages(t *target) int {
	return t.crawlPagesOf(func(i int) string { return "/accounts/" + accountRef(i) })
}

func (t *target) crawlPagesOf(path func(i int) string) int {
	for setting, value := range map[string]string{"maxmemory": "256mb", "maxmemory-policy": "volatile-lru"} {
		if _, err := t.redis.Ask("CONFIG", "SET", setting, value); err != nil {
			t.b.Fatal(err)
		}
	}
	pages := 100_000
	if testing.Short() {
		pages = 1000
	}
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	defer client.CloseIdleConnections()
	var answered, whole atomic.Int64
	t.atOnce(pages, 16, func(i int) {
		switch t.ask(client, path(i), "gzip") {
		case 0:
		case http.StatusOK:
			whole.Add(1)
			fallthrough
		default:
			answered.Add(1)
		}
	})
	t.note("%d × 200, resident %s at the end", whole.Load(), t.status("VmRSS"))
	if info, err := t.redis.Ask("INFO", "everything"); err == nil {
		t.note("Redis: %s", strings.Join(redisLoad.FindAllString(fmt.Sprint(info), -1), ", "))
	}
	return int(answered.Load())
}

// redisLoad matches what INFO says of the memory of Redis.
var redisLoad = regexp.MustCompile(`(used_memory_peak_human|evicted_keys):\S+`)

func accountPath(i int) string { return "/api/v1/accounts/" + accountRef(i) }

// nothing measures the baseline without a crawl.
func nothing(t *target) int {
	end := time.Now().Add(10 * time.Second)
	t.late()()
	t.pause(end)
	return 0
}

// crawl requests a thousand keys at a time, and measures how late the home page is
// at the next boundary.
func (t *target) crawl(read func(i int)) {
	defer t.late()()
	t.atOnce(crawled(), 1000, read)
}

// untilBoundary waits until a second before a boundary of the home page.
func untilBoundary(t *target) {
	t.pause(cache.WindowAt(time.Now().Add(2*time.Second), pageWindow).End.Add(-time.Second))
}

// late measures how late the home page is after the next boundary. The returned
// function waits for the result and records it.
func (t *target) late() (wait func()) {
	boundary := cache.WindowAt(time.Now(), pageWindow).End
	late := make(chan time.Duration, 1)
	go func() { late <- t.lateness(boundary) }()
	return func() {
		if d := <-late; d < limit() {
			t.note("home page %.1f s late", d.Seconds())
		} else {
			t.note("home page not new within %.0f s", limit().Seconds())
		}
	}
}

// lateness returns how long after a boundary the home page shows the new window.
func (t *target) lateness(boundary time.Time) time.Duration {
	w := openBrowser(t.url)
	defer w.leave()
	t.pause(boundary)
	for t.dead.Err() == nil && time.Since(boundary) < limit() {
		var seen sightings
		w.load(&seen)
		if !w.asOf.Before(boundary) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	return time.Since(boundary)
}
