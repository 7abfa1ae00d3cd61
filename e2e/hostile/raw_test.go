package hostile_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// sent sends bytes as they are, and returns all that comes back until the program closes the
// connection, or says nothing for a second.
func (p *program) sent(raw string) string {
	p.t.Helper()
	conn := p.dial("127.0.0.1")
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	go func() { _, _ = io.WriteString(conn, raw) }() // it may be refused before its end
	var all bytes.Buffer
	part := make([]byte, 64<<10)
	for {
		_ = conn.SetReadDeadline(time.Now().Add(time.Second))
		n, err := conn.Read(part)
		all.Write(part[:n])
		if err != nil {
			return all.String()
		}
	}
}

// Requests that two readers may take for different ones: each gets one answer at most, and
// what is hidden in it is never read as a request. A reader in front that takes more of it
// for a body would else answer somebody with what another has sent.
func TestWhatIsHiddenInARequestIsNoRequest(t *testing.T) {
	t.Parallel()
	p := start(t)
	const hidden = "GET /hidden HTTP/1.1\r\nHost: a\r\nX: "
	length := fmt.Sprintf("Content-Length: %d\r\n", 5+len(hidden))
	for what, raw := range map[string]string{
		"a length and chunks":                 "POST /theme HTTP/1.1\r\nHost: a\r\n" + length + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"chunks and a length":                 "POST /theme HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" + length + "\r\n0\r\n\r\n" + hidden,
		"two encodings":                       "POST /theme HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + hidden,
		"an encoding that is none":            "POST /theme HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n" + length + "\r\n0\r\n\r\n" + hidden,
		"a list of encodings":                 "POST /theme HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + hidden,
		"an encoding with a tab":              "POST /theme HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n" + hidden,
		"an encoding with a vertical tab":     "POST /theme HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + hidden,
		"a space before the colon":            "POST /theme HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + hidden,
		"a folded line":                       "POST /theme HTTP/1.1\r\nHost: a\r\nX: a\r\n Transfer-Encoding: chunked\r\n" + length + "\r\n0\r\n\r\n" + hidden,
		"a folded value":                      "POST /theme HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + hidden,
		"two lengths":                         "POST /theme HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n" + length + "\r\n0\r\n\r\n" + hidden,
		"a list of lengths":                   "POST /theme HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 60\r\n\r\n0\r\n\r\n" + hidden,
		"a length with a sign":                "POST /theme HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n0\r\n\r\n" + hidden,
		"a length below 0":                    "POST /theme HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n" + hidden,
		"a length in hexadecimal":             "POST /theme HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n0\r\n\r\n" + hidden,
		"lines that end with LF":              "POST /theme HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n0\n\n" + hidden,
		"a header line that ends with CR":     "POST /theme HTTP/1.1\r\nHost: a\r\nX: a\rTransfer-Encoding: chunked\r\n" + length + "\r\n0\r\n\r\n" + hidden,
		"a chunk that ends with LF":           "POST /theme HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;\na\r\n0\r\n\r\n" + hidden,
		"a chunk larger than it says":         "POST /theme HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n" + hidden,
		"a chunk of a size beyond all":        "POST /theme HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000005\r\nabcde\r\n0\r\n\r\n" + hidden,
		"a chunk with an endless extension":   "POST /theme HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("x", 1<<20) + "\r\na\r\n0\r\n\r\n" + hidden,
		"chunks with endless trailers":        "POST /theme HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("X: y\r\n", 100_000) + "\r\n" + hidden,
		"two hosts":                           "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"no host":                             "GET /healthz HTTP/1.1\r\n\r\n",
		"a host that is none":                 "GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n",
		"chunks in HTTP/1.0":                  "POST /theme HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"a request of HTTP/2 without TLS":     "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + hidden,
		"a request line with three spaces":    "GET /healthz /hidden HTTP/1.1\r\nHost: a\r\n\r\n",
		"a header without a name":             "GET /healthz HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n",
		"a header with a null":                "GET /healthz HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
		"a body of a GET":                     "GET /healthz HTTP/1.1\r\nHost: a\r\n" + length + "\r\n0\r\n\r\n" + hidden,
		"an upgrade":                          "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
		"a tunnel to somewhere else":          "CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n",
		"the address of another site":         "GET http://evil.example/healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n",
		"an answer that is expected to go on": "POST /theme HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n" + length + "\r\n0\r\n\r\n" + hidden,
	} {
		said := p.sent(raw)
		reader := bufio.NewReader(strings.NewReader(said))
		answers := 0
		for {
			response, err := http.ReadResponse(reader, nil)
			if err != nil {
				if rest, _ := io.ReadAll(reader); answers == 0 || len(rest) > 0 {
					t.Errorf("%s: %v in %.300q", what, err, said)
				}
				break
			}
			_, _ = io.Copy(io.Discard, response.Body)
			if response.StatusCode == http.StatusContinue {
				continue
			}
			answers++
			if response.StatusCode == http.StatusSwitchingProtocols || response.StatusCode >= 500 && response.StatusCode != http.StatusNotImplemented && response.StatusCode != http.StatusHTTPVersionNotSupported {
				t.Errorf("%s = %s", what, response.Status)
			}
			if reader.Buffered() == 0 && answers > 0 {
				if _, err := reader.Peek(1); err != nil {
					break
				}
			}
		}
		if answers != 1 {
			t.Errorf("%s has %d answers: %.600q", what, answers, said)
		}
	}
	if said := p.said.String(); strings.Contains(said, "/hidden") {
		at := strings.Index(said, "/hidden")
		t.Errorf("a request within another one was answered: %.300s", said[max(0, at-200):])
	}
	p.answers("after all that")
}

// What is larger than anything that a browser sends is refused, and costs no memory.
func TestWhatIsTooLargeIsRefused(t *testing.T) {
	t.Parallel()
	p := start(t)
	before := p.resident()
	long := strings.Repeat("a", 15<<10)
	large := strings.Repeat("a", 1<<20)
	for what, c := range map[string]struct {
		raw  string
		want []int
	}{
		"a path of 15 KB":            {"GET /" + long + " HTTP/1.1\r\nHost: a\r\n\r\n", []int{404}},
		"a path of 1 MB":             {"GET /" + large + " HTTP/1.1\r\nHost: a\r\n\r\n", []int{431}},
		"a query of 15 KB":           {"GET /economy?days=" + long + " HTTP/1.1\r\nHost: a\r\n\r\n", []int{400}},
		"2,000 parameters":           {"GET /economy?" + strings.Repeat("d=1&", 3000) + " HTTP/1.1\r\nHost: a\r\n\r\n", []int{200}},
		"a query of 1 MB":            {"GET /economy?days=" + large + " HTTP/1.1\r\nHost: a\r\n\r\n", []int{431}},
		"a cookie of 15 KB":          {"GET /economy HTTP/1.1\r\nHost: a\r\nCookie: exchequer=" + long + "\r\n\r\n", []int{200}},
		"a thousand cookies":         {"GET /economy HTTP/1.1\r\nHost: a\r\nCookie: " + strings.Repeat("exchequer=a; ", 1000) + "\r\n\r\n", []int{200}},
		"a cookie of 1 MB":           {"GET /economy HTTP/1.1\r\nHost: a\r\nCookie: exchequer=" + large + "\r\n\r\n", []int{431}},
		"100,000 header lines":       {"GET /economy HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: y\r\n", 100_000) + "\r\n", []int{431}},
		"a method of 15 KB":          {long + " /economy HTTP/1.1\r\nHost: a\r\n\r\n", []int{400, 405}},
		"a form of 10 GB":            {"POST /sign-in HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 10000000000\r\n\r\nname=" + large, []int{413}},
		"a form in endless chunks":   {"POST /sign-in HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1000\r\n"+strings.Repeat("a", 0x1000)+"\r\n", 100), []int{413}},
		"a form of several parts":    {"POST /sign-in HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000000\r\n\r\n" + large[:1_000_000], []int{403}},
		"a beacon of 3 KB":           {"POST /rum HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 3000\r\n\r\n{\"route\":\"" + long[:2990], []int{413}},
		"records without a key":      {"POST /api/v1/transactions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 10000000000\r\n\r\n" + large, []int{401}},
		"a password of 60 KB":        {"POST /sign-in HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 61458\r\n\r\nname=admin&password=" + large[:61438], []int{403}},
		"10,000 fields with a field": {"POST /sign-in HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 40000\r\n\r\n" + strings.Repeat("a=b&", 10_000), []int{400}},
	} {
		said := p.sent(c.raw)
		response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(said)), nil)
		if err != nil {
			t.Errorf("%s: %v in %.300q", what, err, said)
			continue
		}
		found := false
		for _, want := range c.want {
			found = found || response.StatusCode == want
		}
		if !found {
			t.Errorf("%s = %s, want %d", what, response.Status, c.want)
		}
	}
	for line := range strings.Lines(p.said.String()) {
		if len(line) > 4<<10 {
			t.Errorf("a line of the log has %d bytes: %.200s", len(line), line)
		}
	}
	if after := p.resident(); after > before+100 {
		t.Errorf("the program takes %d MiB, %d before", after, before)
	}
	p.answers("after all that")
}
