package bench

import (
	"encoding/json"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"exchequer/aggregates"
	"exchequer/cache"
)

// eachAccount requests the documents of the accounts one after the other.
const eachAccount = `
local n = -1
request = function()
	n = n + 1
	return wrk.format("GET", string.format("/api/v1/accounts/player-%05d", n))
end
`

// brotliDocuments reads distinct documents in brotli with 64 clients.
func brotliDocuments(t *target) int {
	return t.wrk("/", 64, min(limit(), 30*time.Second), eachAccount, "Accept-Encoding: br")
}

// walk reads all accounts without compression, as a crawler does.
func walk(t *target) int {
	return t.wrk("/", 16, limit(), eachAccount)
}

// pagesAtBoundaries requests 75 ordinary pages at once, a second after each of three
// boundaries, as browsers do.
func pagesAtBoundaries(t *target) int {
	var paths []string
	for _, days := range aggregates.AllDays() {
		for _, population := range []string{"personal", "private", "all"} {
			for _, page := range []string{"/", "/economy/overview", "/economy/inequality", "/economy/activity", "/economy/richest"} {
				paths = append(paths, page+"?days="+days.Key()+"&population="+population)
			}
		}
	}
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: len(paths)}}
	defer client.CloseIdleConnections()
	boundaries := 3
	if testing.Short() {
		boundaries = 1
	}
	var whole atomic.Int64
	var mu sync.Mutex
	var took durations
	first := cache.WindowAt(time.Now(), pageWindow).End.Add(time.Second)
	for i := range boundaries {
		t.pause(first.Add(time.Duration(i) * pageWindow))
		t.atOnce(len(paths), len(paths), func(i int) {
			began := time.Now()
			if status := t.ask(client, paths[i], "br"); status != http.StatusOK {
				return
			}
			whole.Add(1)
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(began))
		})
	}
	t.note("of %d pages, the last after %.0f ms", boundaries*len(paths), ms(took.quantile(1)))
	return int(whole.Load())
}

// flood requests one address for 5 s on four connections, the home page in gzip.
func flood(path string) func(*target) int {
	return func(t *target) int {
		return t.wrk(path, 4, 5*time.Second, "", "Accept-Encoding: gzip")
	}
}

// learnKeys requests up to 60,000 keys of accounts at the beginning of a minute's
// window, so that the attack runs in the same window, before they are refreshed.
func learnKeys(t *target) {
	span := limit() - 12*time.Second
	if testing.Short() {
		span = limit()
	} else {
		t.pause(cache.WindowAt(time.Now(), time.Minute).End)
	}
	t.wrk("/", 16, span, `
		local n = -1
		request = function()
			n = math.min(n + 1, 59999)
			return wrk.format("GET", string.format("/api/v1/accounts/player-%05d", n))
		end
	`)
	var health struct {
		Memos []struct {
			Memo string
			Keys int
		}
	}
	body, err := t.fetch("/health/cache")
	if err == nil {
		err = json.Unmarshal(body, &health)
	}
	if err != nil {
		t.b.Fatalf("health of the cache: %v", err)
	}
	for _, m := range health.Memos {
		if m.Memo == "account" {
			t.note("%d keys known", m.Keys)
		}
	}
}

// longPaths sends paths whose bytes take six bytes each in the log.
func longPaths(t *target) int {
	size := func() int64 {
		info, err := os.Stat(t.log)
		if err != nil {
			t.b.Fatal(err)
		}
		return info.Size()
	}
	before := size()
	answered := t.wrk("/", 4, 5*time.Second, `
		local path = "/" -- of the first request, which wrk checks
		request = function()
			local asked = wrk.format("GET", path)
			path = "/" .. string.rep("\255", 15500)
			return asked
		end
	`)
	t.note("%d bytes of log a request", (size()-before)/int64(max(answered, 1)))
	return answered
}
