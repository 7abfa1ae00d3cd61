package web

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"regexp"
	"strings"
	"testing"
	"time"

	"exchequer/internal/testkit"
)

// oddPaths and oddHeaders are where the search for requests that break something begins.
var (
	oddPaths = []string{
		"/", "/economy?days=30", "/accounts/%2e%2e%2fetc%2fpasswd", "/static/../../etc/passwd", "//evil.example/%2f..", "/%00", "/economy/%ff%fe", "/accounts/" + strings.Repeat("%F0%9F%92%A9", 40),
		"/search?q=%27%3B%20DROP%20TABLE%20accounts%3B--", "/search?q=%25%25%5F", "/economy?days=-1&days=all&days=", "/compare?s=supply~account:a1~item:b", "/watch?i=a~b&a=c,d", "/accounts?at=0000-00-00&after=%00",
		"/embed/economy/overview?theme=dark&theme=%0d%0aSet-Cookie:%20a=b", "/oembed?url=https%3A%2F%2Feconomy.test%2Feconomy%2Foverview&maxwidth=-1", "/badges/items/bread.svg?label=%3Csvg", "/api/v1/stats?days=7", "/api/v1/flow?days=NaN",
		"/api/v1/items/%E2%80%AE", "/sitemap/accounts-99999999999999999999.xml", "/economy/richest.csv?full=1&sep=%0a", "/economy/overview.meta.json", "/appraise?i=bread:9223372036854775807~x:-1", "/transactions/town/%2F/..;/", "/feeds/events.atom?x=%u0000",
		"/sign-in?next=//evil.example", "/sign-in?next=/%0d%0aLocation:%20x", "/healthz;a=b", "/Economy", "/economy/", "/theme.css?v=\x7f", "/reports/2026-13", "/accounts/a1/statement.csv?before=!", "/c/x/economy",
	}
	oddHeaders = []string{
		"", "Cookie: theme=dark; exchequer=" + strings.Repeat("A", 43) + "; __Host-exchequer=x", "Cookie: " + strings.Repeat("a=b;", 900), "Cookie: theme=\"\\\"; exchequer==;;=", "Accept: text/html;q=0.0000001,*/*;q=9", "Accept-Encoding: br;q=1.1, gzip;q=-1, *;q=0",
		"If-None-Match: \"\",W/\"x\",*", "If-None-Match: " + strings.Repeat("\"a\",", 900), "Range: bytes=0-0,1-1,-1,999999999999999999999-", "Authorization: Basic !!!", "Authorization: Bearer exq_" + strings.Repeat("a", 200), "X-Forwarded-For: 1.2.3.4, ::ffff:1.2.3.4%eth0, unknown",
		"Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: \xff\xfe", "Referer: https://economy.test\\@evil.example/", "If-Modified-Since: Thu, 01 Jan 0001 00:00:00 GMT", "X-Request-Id: ../../\t", "traceparent: 00-00000000000000000000000000000000-0000000000000000-ff", "Expect: 100-continue", "X-HTTP-Method-Override: DELETE",
	}
	// ours are the headers that the site sends. Any other one came out of a request.
	ours = regexp.MustCompile(`^(Accept-Ranges|Access-Control-(Allow-Origin|Expose-Headers)|Allow|Cache-Control|Connection|Content-(Disposition|Encoding|Length|Location|Range|Security-Policy|Type)|Cross-Origin-(Opener|Resource)-Policy|Date|Etag|Last-Modified|Link|Location|Permissions-Policy|Ratelimit-(Limit|Remaining|Reset)|Referrer-Policy|Retry-After|Server-Timing|Set-Cookie|Trailer|Transfer-Encoding|Vary|Www-Authenticate|X-(Accel-Buffering|Content-Type-Options|Cut|Request-Id|Robots-Tag))$`)
)

// A target is a site that is sent what no browser sends.
type target struct {
	address string
	log     *testkit.Buffer
}

func openTarget(t testing.TB) *target {
	t.Helper()
	o := &target{log: &testkit.Buffer{}}
	site := wholeSite(t, slog.New(slog.NewJSONHandler(o.log, nil)))
	server := httptest.NewUnstartedServer(site)
	server.Config = Server("", site)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.Start()
	t.Cleanup(server.Close)
	o.address = strings.TrimPrefix(server.URL, "http://")
	return o
}

// odd sends a request line with a path as it is, and a header line, and checks what holds
// for every answer.
func (o *target) odd(t testing.TB, method, path, header string) {
	t.Helper()
	path, header = strings.NewReplacer(" ", "+", "\r", "", "\n", "").Replace(path), strings.NewReplacer("\r", "", "\n", "").Replace(header)
	conn, err := net.DialTimeout("tcp", o.address, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if header != "" {
		header += "\r\n"
	}
	if _, err := fmt.Fprintf(conn, "%s /%s HTTP/1.1\r\nHost: economy.test\r\nAccept: text/html\r\nConnection: close\r\n%s\r\n", method, strings.TrimPrefix(path, "/"), header); err != nil {
		return // it was refused before it was read
	}
	raw, err := io.ReadAll(conn)
	if err != nil && len(raw) == 0 {
		return // likewise
	}
	response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s %q, %q: %v in %.300q", method, path, header, err, raw)
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Errorf("%s %q, %q: the body: %v", method, path, header, err)
	}
	if response.StatusCode >= 500 && response.StatusCode != http.StatusServiceUnavailable && response.StatusCode != http.StatusNotImplemented {
		t.Errorf("%s %q, %q = %s", method, path, header, response.Status)
	}
	if text := o.log.String(); strings.Contains(text, `"stack"`) {
		t.Errorf("%s %q, %q: the log has a panic: %.2000s", method, path, header, text[strings.Index(text, `"stack"`):])
	}
	for name, values := range response.Header {
		if !ours.MatchString(textproto.CanonicalMIMEHeaderKey(name)) {
			t.Errorf("%s %q, %q is answered with the header %s: %q", method, path, header, name, values)
		}
	}
	if to := response.Header.Get("Location"); strings.HasPrefix(to, "//") || strings.Contains(to, "evil.example") && !strings.HasPrefix(to, "/") {
		t.Errorf("%s %q, %q leads to %s", method, path, header, to)
	}
}

func FuzzRequests(f *testing.F) {
	o := openTarget(f)
	for i, path := range oddPaths {
		f.Add("GET", path, oddHeaders[i%len(oddHeaders)])
	}
	for i, header := range oddHeaders {
		f.Add("HEAD", oddPaths[i%len(oddPaths)], header)
	}
	token := regexp.MustCompile(`^[A-Z]{1,20}$`)
	f.Fuzz(func(t *testing.T, method, path, header string) {
		if !token.MatchString(method) || method == "CONNECT" {
			t.Skip()
		}
		o.odd(t, method, path, header)
	})
}

// What the seeds become when bytes of them are exchanged, taken out and doubled. It is the
// same at each run.
func TestNoRequestBreaksAnAnswer(t *testing.T) {
	t.Parallel()
	o := openTarget(t)
	random := rand.New(rand.NewPCG(1, 2))
	mangled := func(text string) string {
		b := []byte(text)
		for range random.IntN(4) {
			if len(b) == 0 {
				break
			}
			at := random.IntN(len(b))
			switch random.IntN(3) {
			case 0:
				b[at] = byte(random.IntN(256))
			case 1:
				b = append(b[:at], b[at+1:]...)
			default:
				b = append(b[:at], append([]byte("%/.~:=&;\x00\xff"[random.IntN(10):][:1]), b[at:]...)...)
			}
		}
		return string(b)
	}
	for range 300 {
		method := []string{"GET", "GET", "GET", "HEAD", "POST", "OPTIONS"}[random.IntN(6)]
		o.odd(t, method, mangled(oddPaths[random.IntN(len(oddPaths))]), mangled(oddHeaders[random.IntN(len(oddHeaders))]))
		if t.Failed() {
			return
		}
	}
}

// A request that has a length and chunks is read by its chunks. Whoever in front of us reads
// it by its length takes what follows for its body, so nothing that follows is read.
func TestARequestInChunksIsTheLastOfItsConnection(t *testing.T) {
	server := newTown().start(t)
	for name, of := range map[string]string{"with a length": "Content-Length: 60\r\n", "without one": ""} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		fmt.Fprint(conn, "GET /healthz HTTP/1.1\r\nHost: a\r\n"+of+"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
		raw, err := io.ReadAll(conn)
		if n := bytes.Count(raw, []byte("HTTP/1.1 200")); err != nil || n != 1 {
			t.Errorf("%s: %d answers, %v: %.600s", name, n, err, raw)
		}
	}
}

func TestNoCountOfTheFleetAllowsMoreThanAProcessWould(t *testing.T) {
	fleet := &fleetCounts{all: map[string]int64{}}
	r := NewRate(10, fleet)
	at := time.Now()
	for range 10 {
		r.take([]string{"a"}, at)
	}
	fleet.all[fmt.Sprint(at.Unix()/60, "a")] = -1_000_000
	r.share(t.Context())
	if _, _, ok := r.take([]string{"a"}, at); ok {
		t.Error("a count below 0 allows more")
	}
}
