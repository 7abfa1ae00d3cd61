package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/internal/testkit"
)

// A client gets its requests back as a minute goes by, and waits as long as it is told.
func TestALimitIsOfAnyMinute(t *testing.T) {
	r := NewRate(60, nil)
	const ann, bob = "192.0.2.1", "192.0.2.2"
	at := time.Date(2026, 3, 11, 10, 30, 30, 0, time.UTC)
	for i := range 60 {
		if left, _, ok := r.take(counted(ann), at); !ok || left != int64(59-i) {
			t.Fatalf("request %d: allowed %t, %d left", i+1, ok, left)
		}
	}
	_, wait, ok := r.take(counted(ann), at)
	if ok || wait != 31*time.Second { // the minute ends in 30 s, and a second later a sixtieth of it is over
		t.Errorf("one more: allowed %t, told to wait %s", ok, wait)
	}
	if _, _, ok := r.take(counted(bob), at); !ok {
		t.Error("another client is refused")
	}
	if _, _, ok := r.take(counted(ann), at.Add(wait-time.Second)); ok {
		t.Error("allowed before the wait is over")
	}
	if _, _, ok := r.take(counted(ann), at.Add(wait)); !ok {
		t.Error("refused after the wait")
	}
	if left, _, ok := r.take(counted(ann), at.Add(5*time.Minute)); !ok || left != 59 {
		t.Errorf("minutes later: allowed %t, %d left", ok, left)
	}
}

// A client with many networks of 64 bits has no more than four times the requests.
func TestALimitIsOfALargeNetworkToo(t *testing.T) {
	r := NewRate(10, nil)
	at := time.Date(2026, 3, 11, 10, 30, 30, 0, time.UTC)
	allowed := 0
	for i := range 100 {
		if _, _, ok := r.take(counted(fmt.Sprintf("2001:db8:0:%x::1", i)), at); ok {
			allowed++
		}
	}
	if allowed != 40 {
		t.Errorf("%d of 100 networks of one /48 are allowed, want 40", allowed)
	}
	if _, _, ok := r.take(counted("2001:db8:1::1"), at); !ok {
		t.Error("another network is refused")
	}
}

func TestClientsThatAreTooManyAreCountedAsOne(t *testing.T) {
	r := NewRate(5, nil)
	at := time.Date(2026, 3, 11, 10, 30, 30, 0, time.UTC)
	address := func(i int) string { return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}).String() }
	for i := range mostClients {
		r.take(counted(address(i)), at)
	}
	allowed := 0
	for i := range 20 {
		if _, _, ok := r.take(counted(address(mostClients+i)), at); ok {
			allowed++
		}
	}
	if allowed != 5 {
		t.Errorf("%d of 20 newcomers are allowed, want 5", allowed)
	}
	if _, _, ok := r.take(counted(address(0)), at); !ok {
		t.Error("a client that was counted before is refused")
	}
}

// A fleet's clock that was ahead and is set back refuses nobody for as long.
func TestALimitFollowsAClockThatIsSetBack(t *testing.T) {
	r := NewRate(5, nil)
	at := time.Date(2026, 3, 11, 10, 30, 30, 0, time.UTC)
	for range 6 {
		r.take(counted("192.0.2.1"), at.Add(time.Hour))
	}
	for i := range 3 {
		if _, _, ok := r.take(counted("192.0.2.1"), at.Add(time.Duration(i)*time.Minute)); !ok {
			t.Errorf("refused %d minutes after the clock was set back", i)
		}
	}
	if left, _, _ := r.take(counted("192.0.2.1"), at.Add(2*time.Minute-31*time.Second)); left != 3 {
		t.Errorf("a request that comes as a minute ends leaves %d, want 3: it is counted in the next", left)
	}
}

// fleetCounts is the counts of a fleet in memory.
type fleetCounts struct {
	mu   sync.Mutex
	away bool
	all  map[string]int64
}

func (c *fleetCounts) Count(_ context.Context, minute int64, clients []string, added []int64) (counts, before []int64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away {
		return nil, nil, errors.New("away")
	}
	for i, client := range clients {
		c.all[fmt.Sprint(minute, client)] += added[i]
		counts, before = append(counts, c.all[fmt.Sprint(minute, client)]), append(before, c.all[fmt.Sprint(minute-1, client)])
	}
	return counts, before, nil
}

func TestAFleetCountsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet := &fleetCounts{all: map[string]int64{}}
		here, there := NewRate(100, fleet), NewRate(100, fleet)
		go here.Share(t.Context())
		go there.Share(t.Context())
		take := func(r *Rate, n int) (allowed int) {
			for range n {
				if _, _, ok := r.take(counted("192.0.2.1"), time.Now()); ok {
					allowed++
				}
			}
			return allowed
		}
		if a, b := take(here, 60), take(there, 1); a != 60 || b != 1 {
			t.Fatalf("allowed %d and %d", a, b)
		}
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		take(here, 1) // so that this process asks again
		time.Sleep(time.Second)
		synctest.Wait()
		take(there, 1)
		time.Sleep(time.Second)
		synctest.Wait()
		if n := take(there, 100); n != 37 {
			t.Errorf("after 63 requests of both, %d of 100 are allowed, want 37", n)
		}
		fleet.mu.Lock()
		fleet.away = true
		fleet.mu.Unlock()
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if a, b := take(here, 200), take(there, 200); a != 100 || b != 100 {
			t.Errorf("alone, %d and %d are allowed, want 100 each", a, b)
		}
	})
}

func TestTheAPILimitsEachClient(t *testing.T) {
	tn := newTown()
	tn.change = func(d *Deps) {
		d.APIRate = NewRate(3, nil)
		d.TrustedProxies = []string{"127.0.0.0/8", "::1/128"}
	}
	server := tn.start(t)
	get := func(path, client string) (*http.Response, string) {
		t.Helper()
		return ask(t, "GET", server.URL+path, "X-Forwarded-For", client)
	}
	for i, path := range []string{"/api/v1/stats", "/api/v1/openapi.json", "/api/v1/market"} {
		response, body := get(path, "2001:db8::"+strconv.Itoa(i)) // one client has all of them
		reset, _ := strconv.Atoi(response.Header.Get("RateLimit-Reset"))
		if response.StatusCode != http.StatusOK || response.Header.Get("RateLimit-Limit") != "3" || response.Header.Get("RateLimit-Remaining") != strconv.Itoa(2-i) || reset < 1 || reset > 60 {
			t.Errorf("%s: status %d, %v: %.200s", path, response.StatusCode, response.Header, body)
		}
	}
	response, body := get("/api/v1/stats", "2001:db8::ffff")
	retry, _ := strconv.Atoi(response.Header.Get("Retry-After"))
	if response.StatusCode != http.StatusTooManyRequests || retry < 1 || retry > 120 || response.Header.Get("RateLimit-Remaining") != "0" ||
		response.Header.Get("Content-Type") != "application/problem+json" || response.Header.Get("Access-Control-Allow-Origin") != "*" || response.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("beyond the limit: status %d, %v", response.StatusCode, response.Header)
	}
	if problem := decoded(t, body); problem["status"] != 429.0 || problem["detail"] != errRate.text {
		t.Errorf("the problem is %s", body)
	}
	if response, _ := get("/api/v1/stats", "2001:db8:0:1::"); response.StatusCode != http.StatusOK {
		t.Errorf("another network: status %d", response.StatusCode)
	}
	for _, path := range []string{"/economy", "/economy/richest.json", "/healthz"} {
		if response, _ := get(path, "2001:db8::"); response.StatusCode != http.StatusOK || response.Header.Get("RateLimit-Limit") != "" {
			t.Errorf("%s, which has no limit: status %d, %v", path, response.StatusCode, response.Header)
		}
	}
}

func TestProgramsAreAskedToSayWhoTheyAre(t *testing.T) {
	tn := newTown()
	tn.change = func(d *Deps) { d.AskUserAgent = true }
	server := tn.start(t)
	for agent, want := range map[string]int{
		"": 403, "curl/8.14.1": 403, "python-requests/2.32.3": 403, "Python/3.13 aiohttp/3.10": 403, "Go-http-client/1.1": 403, "Java/21.0.1": 403, "node": 403,
		"Apache-HttpClient/4.5.13 (Java/17)": 403, "curl/8.14.1 (me@example.org)": 200, "my-tool/2": 200, "python-requests/2 (+https://example.org/bot)": 403, "my-tool/2 (+https://example.org/bot)": 200,
		"Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0": 200, "javatea/1": 200,
		`PycURL/7.45.3 libcurl/8.9.1 OpenSSL/3.3.1`: 403, "HTTPie/3.2.4": 403, "Bun/1.2.5": 403, "lwp-request/6.77 libwww-perl/6.77": 403, "unirest-java/3.11.09": 403,
		"Symfony HttpClient/Curl": 403, "Jakarta Commons-HttpClient/3.1": 403, "ktor-client": 403, "hackney/1.20.1": 403, "Dalvik/2.1.0 (Linux; U; Android 14)": 403,
		"node-fetch/1.0 (+https://github.com/bitinn/node-fetch)": 403, "go-resty/2.16.5 (https://github.com/go-resty/resty)": 403, "Scrapy/2.11.2 (+https://scrapy.org)": 403,
	} {
		response, body := ask(t, "GET", server.URL+"/api/v1/stats", "User-Agent", agent)
		if response.StatusCode != want {
			t.Errorf("%q: status %d, want %d", agent, response.StatusCode, want)
		}
		if want == http.StatusForbidden && decoded(t, body)["detail"] != errAgent.text {
			t.Errorf("%q is told %s", agent, body)
		}
	}
	if response, _ := ask(t, "GET", server.URL+"/economy", "User-Agent", ""); response.StatusCode != http.StatusOK {
		t.Errorf("a page: status %d", response.StatusCode)
	}
}

// Some proxies forward addresses with ports. Their clients are not one client.
func TestAForwardedAddressMayHaveAPort(t *testing.T) {
	tn := newTown()
	tn.change = func(d *Deps) {
		d.APIRate = NewRate(1, nil)
		d.TrustedProxies = []string{"127.0.0.0/8", "::1/128"}
	}
	server := tn.start(t)
	for i, address := range []string{"192.0.2.1:50123", "192.0.2.2:50123", "[2001:db8::1]:443", "2001:db8:1::1", "192.0.2.3:1, 127.0.0.9:80"} {
		if response, _ := ask(t, "GET", server.URL+"/api/v1/stats", "X-Forwarded-For", address); response.StatusCode != http.StatusOK {
			t.Errorf("client %d, %s: status %d", i, address, response.StatusCode)
		}
	}
	if response, _ := ask(t, "GET", server.URL+"/api/v1/stats", "X-Forwarded-For", "192.0.2.1:60000"); response.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a client by another port: status %d", response.StatusCode)
	}
}

func TestAForwardedAddressThatCannotBeReadIsLoggedOnce(t *testing.T) {
	tn := newTown()
	var log testkit.Buffer
	tn.log = &log
	tn.change = func(d *Deps) { d.TrustedProxies = []string{"127.0.0.0/8", "::1/128"} }
	server := tn.start(t)
	ask(t, "GET", server.URL+"/healthz")
	for range 3 {
		ask(t, "GET", server.URL+"/healthz", "X-Forwarded-For", "unknown")
	}
	if n := strings.Count(log.String(), "forwards no address"); n != 1 {
		t.Errorf("logged %d times, want once", n)
	}
}
