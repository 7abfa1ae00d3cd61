package bench

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A process is a server in a process of its own, so that its resources can be
// measured apart from those of its clients.
type process struct {
	url string
	pid int
}

// TestServe is run by such a process; otherwise it does nothing.
func TestServe(t *testing.T) {
	var url string
	switch name, from, _ := strings.Cut(os.Getenv("BENCH_SERVE"), " "); name {
	case "site":
		url = startSite(t)
	case "ledger":
		url = startLedgerSite(t, from)
	case "bare":
		url = listen(t, bare(t, from, false))
	case "fields":
		url = listen(t, bare(t, from, true))
	default:
		t.Skip("not a process of a benchmark")
	}
	fmt.Printf("\nserving %s\n", url)
	_, _ = io.Copy(io.Discard, os.Stdin) // until the benchmark ends
}

var servingAt = regexp.MustCompile(`^serving (\S+)`)

// startProcess serves by name: "site" is the site, "ledger" the site of the ledger at a
// database's address, "bare" the bytes of a page, and
// "fields" these bytes with all header fields of the site. With BENCH_PROFILE=FOLDER
// each writes a CPU profile there.
func startProcess(b *testing.B, name, page string) process {
	b.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestServe$", "-test.timeout=30m")
	if folder := os.Getenv("BENCH_PROFILE"); folder != "" {
		cmd.Args = append(cmd.Args, "-test.cpuprofile="+folder+"/"+name)
	}
	cmd.Env = append(os.Environ(), "BENCH_SERVE="+name+" "+page)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	b.Cleanup(func() {
		_ = in.Close()
		for lines.Scan() { // the rest of its output
		}
		_ = cmd.Wait()
	})
	for lines.Scan() {
		if at := servingAt.FindStringSubmatch(lines.Text()); at != nil {
			return process{url: at[1], pid: cmd.Process.Pid}
		}
	}
	b.Fatalf("%s does not start", name)
	return process{}
}

// bare writes the bytes of a page, plain or in gzip, and does nothing else. It sends
// the fewest header fields, or all those of the page.
func bare(tb testing.TB, page string, fields bool) http.Handler {
	client := plainClient(1)
	defer client.CloseIdleConnections()
	plain, plainBody := get(tb, client, page, nil)
	packed, packedBody := get(tb, client, page, map[string]string{"Accept-Encoding": "gzip"})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, body := plain, plainBody
		if r.Header.Get("Accept-Encoding") != "" {
			from, body = packed, packedBody
		}
		h := w.Header()
		if fields {
			for name, values := range from.Header {
				if name != "Date" { // which net/http adds for both
					h[name] = values
				}
			}
		} else {
			for _, name := range []string{"Content-Type", "Content-Encoding", "Content-Length"} {
				if values := from.Header[name]; values != nil {
					h[name] = values
				}
			}
		}
		_, _ = w.Write(body)
	})
}

// A load is what wrk measured and what the server used.
type load struct {
	rate float64       // requests a second
	p99  time.Duration // of the answers
	cpu  time.Duration // of the server's process, for a request
}

// wrk counts answers that take more than two seconds as errors of the socket.
var wrkFailed = regexp.MustCompile(`Non-2xx|Socket errors: .*(connect|read|write) [1-9]`)

var wrkSays = regexp.MustCompile(`(?s)\n\s+99%\s+(\S+).*?(\d+) requests in.*Requests/sec:\s+(\S+)`)

// wrk requests a path from the process on several connections.
func wrk(b *testing.B, p process, path, encoding string, connections int, span time.Duration) load {
	b.Helper()
	before := usage(b, []int{p.pid})
	out, err := exec.Command("wrk", "--threads", "1", "--connections", strconv.Itoa(connections), "--latency",
		"--duration", span.String(), "--header", "Accept-Encoding: "+encoding, p.url+path).CombinedOutput()
	if err != nil {
		b.Fatalf("wrk: %v\n%s", err, out)
	}
	used := usage(b, []int{p.pid}).cpu - before.cpu
	said := wrkSays.FindSubmatch(out)
	if said == nil || wrkFailed.Match(out) {
		b.Fatalf("wrk says:\n%s", out)
	}
	p99, err := time.ParseDuration(string(said[1]))
	if err != nil {
		b.Fatal(err)
	}
	requests, _ := strconv.Atoi(string(said[2]))
	rate, _ := strconv.ParseFloat(string(said[3]), 64)
	return load{rate: rate, p99: p99, cpu: used / time.Duration(requests)}
}
