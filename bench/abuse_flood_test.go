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

// eachAccount asks for one account's document after the other.
const eachAccount = `
local n = -1
request = function()
	n = n + 1
	return wrk.format("GET", string.format("/api/v1/accounts/player-%05d", n))
end
`

// brotliDocuments has 64 clients read distinct documents by brotli.
func brotliDocuments(t *target) int {
	return t.wrk("/", 64, min(limit(), 30*time.Second), eachAccount, "Accept-Encoding: br")
}

// walk goes through the accounts without compression, as a crawler does.
func walk(t *target) int {
	return t.wrk("/", 16, limit(), eachAccount)
}

// pagesAtBoundaries asks for 75 ordinary pages, once each, all together, a
// second after each of three boundaries, as browsers do.
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

// flood asks one address for 5 s by four connections. The home page comes by
// gzip.
func flood(path string) func(*target) int {
	return func(t *target) int {
		return t.wrk(path, 4, 5*time.Second, "", "Accept-Encoding: gzip")
	}
}

// learnKeys makes up to 60,000 keys known within a minute's window of the
// accounts, so that what comes after it falls into the same one, before these
// are refreshed.
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

// longPaths sends paths of bytes that a log writes as six each.
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
