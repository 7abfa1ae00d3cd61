package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"exchequer/cache"
	"exchequer/internal/postgres"
	"exchequer/internal/testkit"
)

// BenchmarkFleet requests the home page from three real processes of the binary, on
// one Postgres and one Redis, with a ledger of 890,000 postings in 30 days and the
// statement timeout of 15 s that serve sets. Each part starts cold.
func BenchmarkFleet(b *testing.B) {
	s := &stage{parent: b, binary: buildBinary(b), ledgers: map[int]*testkit.PostgresServer{}}
	b.Run("incident", s.incident)
	b.Run("incident-uncached", s.incidentUncached)
	b.Run("burst-1x", func(b *testing.B) { s.burst(b, 1) })
	b.Run("burst-4x", func(b *testing.B) { s.burst(b, 4) })
	b.Run("redis-stopped", s.redisStopped)
	b.Run("database-down", s.databaseDown)
	b.Run("boundary", s.boundary)
}

// A stage holds what the parts share: the binary, and ledgers made at first use.
type stage struct {
	parent  *testing.B
	binary  string
	ledgers map[int]*testkit.PostgresServer // by the size
}

func buildBinary(b *testing.B) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "exchequer")
	cmd := exec.Command("go", "build", "-o", path, "../cmd/exchequer")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("build the binary: %v\n%s", err, out)
	}
	return path
}

// ledger returns a server with the given multiple of the incident's ledger, in the
// same 30 days, which end now.
func (s *stage) ledger(b *testing.B, times int) *testkit.PostgresServer {
	b.Helper()
	if server, made := s.ledgers[times]; made {
		return server
	}
	server := testkit.OwnPostgres(s.parent)
	db, err := postgres.Open(b.Context(), server.URL, postgres.Options{StatementTimeout: -1})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	build(b, db, cache.WindowAt(time.Now(), pageWindow), times*445_000)
	s.ledgers[times] = server
	return server
}

// pageWindow is the window of the home page's panels.
const pageWindow = 30 * time.Second

// A fleet is processes that share a database and a Redis. They end with the
// benchmark that started them.
type fleet struct {
	b     *testing.B
	redis *testkit.RedisServer
	urls  []string
	logs  []string // files
	pids  []int
}

const fleetSize = 3

func (s *stage) fleet(b *testing.B, database string, env ...string) *fleet {
	b.Helper()
	redis := testkit.Redis(b)
	f := s.fleetOf(b, fleetSize, append(env, "DATABASE_URL="+database, "REDIS_URL="+redis.URL()))
	f.redis = redis
	return f
}

// fleetOf starts so many processes.
func (s *stage) fleetOf(b *testing.B, size int, env []string) *fleet {
	b.Helper()
	f := &fleet{b: b, logs: make([]string, size)}
	for i := range f.logs {
		f.logs[i] = filepath.Join(b.TempDir(), "log")
		f.start(s.binary, f.logs[i], env)
	}
	for _, path := range f.logs {
		f.urls = append(f.urls, f.address(path))
	}
	return f
}

// start runs a process. Its log goes to a file.
func (f *fleet) start(binary, path string, env []string) {
	f.b.Helper()
	log, err := os.Create(path)
	if err != nil {
		f.b.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(binary, "serve", "--listen", "127.0.0.1:0", "--linger", "0s", "--drain", "5s")
	cmd.Stderr, cmd.Env = log, append(env, "PATH="+os.Getenv("PATH"), "HOME="+f.b.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		f.b.Fatal(err)
	}
	f.pids = append(f.pids, cmd.Process.Pid)
	f.b.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		late.Stop()
	})
}

var readyAt = regexp.MustCompile(`"msg":"ready","url":"(http://[^"]+)"`)

// address waits until the process of a log serves, and returns its address.
func (f *fleet) address(path string) string {
	f.b.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		said, err := os.ReadFile(path)
		if err != nil {
			f.b.Fatal(err)
		}
		if at := readyAt.FindSubmatch(said); at != nil {
			return string(at[1])
		}
		if time.Now().After(deadline) {
			f.b.Fatalf("a process does not start:\n%s", said)
		}
	}
}

// producerRuns returns how often each memo's producer has run in the whole fleet,
// successful or not.
func (f *fleet) producerRuns() map[string]int {
	f.b.Helper()
	runs := map[string]int{}
	for _, url := range f.urls {
		for _, m := range counted.FindAllSubmatch(f.metrics(url), -1) {
			n, err := strconv.ParseFloat(string(m[3]), 64)
			if err != nil {
				f.b.Fatal(err)
			}
			switch string(m[2]) {
			case "done", "failed", "lost":
				runs[string(m[1])] += int(n)
			}
		}
	}
	for memo, n := range runs {
		if n == 0 {
			delete(runs, memo)
		}
	}
	return runs
}

var counted = regexp.MustCompile(`(?m)^exchequer_cache_refreshes_total\{memo="([^"]+)",outcome="([^"]+)"\} (\S+)$`)

func (f *fleet) metrics(url string) []byte {
	f.b.Helper()
	client := http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	response, err := client.Get(url + "/metrics")
	if err != nil {
		f.b.Fatal(err)
	}
	defer response.Body.Close()
	var said bytes.Buffer
	if _, err := bufio.NewReader(response.Body).WriteTo(&said); err != nil {
		f.b.Fatal(err)
	}
	return said.Bytes()
}

// troubles returns the lines of the processes' logs above level info.
func (f *fleet) troubles() string {
	var lines strings.Builder
	for i, path := range f.logs {
		said, _ := os.ReadFile(path)
		for line := range strings.Lines(string(said)) {
			if strings.Contains(line, `"level":"WARN"`) || strings.Contains(line, `"level":"ERROR"`) {
				fmt.Fprintf(&lines, "process %d: %.300s\n", i, strings.TrimSpace(line))
			}
		}
	}
	return lines.String()
}

// outcomes returns the outcomes of the refreshes of a memo, process by process.
func (f *fleet) outcomes(memo string) string {
	f.b.Helper()
	var said []string
	for i, url := range f.urls {
		for _, m := range counted.FindAllSubmatch(f.metrics(url), -1) {
			if string(m[1]) == memo && string(m[3]) != "0" {
				said = append(said, fmt.Sprintf("process %d: %s %s", i, m[2], m[3]))
			}
		}
	}
	return strings.Join(said, ", ")
}

// most returns the highest count and the number of memos.
func most(runs map[string]int) (highest, memos int) {
	for _, n := range runs {
		highest = max(highest, n)
	}
	return highest, len(runs)
}

// since returns the difference of the counts.
func since(before, after map[string]int) map[string]int {
	added := map[string]int{}
	for memo, n := range after {
		if n > before[memo] {
			added[memo] = n - before[memo]
		}
	}
	return added
}

// earlyInWindow waits until the beginning of a window, unless the current one is
// young.
func earlyInWindow(window time.Duration) {
	w := cache.WindowAt(time.Now(), window)
	if time.Since(w.Start) > window/3 {
		time.Sleep(time.Until(w.End) + window/30)
	}
}

// windowsSince returns how many windows there were since a time.
func windowsSince(start time.Time, window time.Duration) int {
	return int(cache.WindowAt(time.Now(), window).Start.Sub(cache.WindowAt(start, window).Start)/window) + 1
}

// warm requests the home page from each process until it comes complete at once.
func (f *fleet) warm() {
	f.b.Helper()
	for _, url := range f.urls {
		v := newVisitor(url, 30*time.Second)
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			a := v.visit()
			if a.failure == "" && a.status == http.StatusOK && a.etag != "" {
				break
			}
			if time.Now().After(deadline) {
				f.b.Fatalf("%s does not become warm: %s", url, fmt.Sprint(a.status, " ", a.failure))
			}
		}
		v.leave()
	}
}
