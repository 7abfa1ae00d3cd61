package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"exchequer/internal/testkit"
)

// asProgram in the environment makes the test binary the program itself.
const asProgram = "EXCHEQUER_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}

// A child is the program in a process of its own.
type child struct {
	serving
	process *os.Process
}

// startChild starts the program, by a shell with the command line before, and
// returns when it is ready.
func startChild(t *testing.T, before string, args ...string) *child {
	t.Helper()
	c := startChildUnready(t, before, append(args, "--listen", "127.0.0.1:0")...)
	c.wait(t)
	return c
}

func startChildUnready(t *testing.T, before string, args ...string) *child {
	t.Helper()
	cmd := exec.Command("/bin/sh", append([]string{"-c", before + ` exec "$0" "$@"`, os.Args[0]}, args...)...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	c := &child{serving: serving{said: &testkit.Buffer{}}}
	cmd.Stdout, cmd.Stderr = c.said, c.said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c.process = cmd.Process
	c.end = sync.OnceValue(func() int { cmd.Wait(); return cmd.ProcessState.ExitCode() })
	t.Cleanup(func() { cmd.Process.Kill(); c.end() })
	return c
}

// exchequer runs the program to its end.
func exchequer(t *testing.T, args ...string) (code int, out, said string) {
	t.Helper()
	var stdout, stderr testkit.Buffer
	code = run(t.Context(), args, &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// A serving is a program that serves until it is told to end.
type serving struct {
	url  string
	said *testkit.Buffer   // on both streams
	log  *testkit.Buffer   // on stderr; nil for a child
	end  func() (code int) // as Ctrl-C does

	ended func() bool // by itself; may be nil
}

func start(t *testing.T, args ...string) *serving {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &serving{said: &testkit.Buffer{}, log: &testkit.Buffer{}}
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, append(args, "--listen", "127.0.0.1:0"), s.said, io.MultiWriter(s.said, s.log))
	}()
	s.end = sync.OnceValue(func() int { cancel(); return <-ended })
	t.Cleanup(func() { s.end() })
	s.ended = func() bool { return len(ended) > 0 }
	s.wait(t)
	return s
}

// wait returns when the program is ready.
func (s *serving) wait(t *testing.T) {
	t.Helper()
	const mark = "Exchequer is ready at "
	for limit := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if _, rest, ready := strings.Cut(s.said.String(), mark); ready {
			s.url = strings.Fields(rest)[0]
			return
		}
		if s.ended != nil && s.ended() || time.Now().After(limit) {
			t.Fatalf("exchequer is not ready:\n%s", s.said)
		}
	}
}

// wantJSON fails unless each line of a log is JSON.
func wantJSON(t *testing.T, log string) {
	t.Helper()
	for line := range strings.Lines(log) {
		if !json.Valid([]byte(line)) {
			t.Errorf("the log has a line that is not JSON: %q", line)
		}
	}
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func TestServeWantsAMigratedSchemaAndSaysHow(t *testing.T) {
	db := testkit.Postgres(t)
	if _, err := db.Exec(t.Context(), "DROP SCHEMA public CASCADE; CREATE SCHEMA public"); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DATABASE_URL", db.Config().ConnString())
	code, _, said := exchequer(t, "serve", "--listen", "127.0.0.1:0")
	if code != 1 || !strings.Contains(said, "exchequer migrate") {
		t.Fatalf("serve on an empty database = %d, %q, want 1 and the command to run", code, said)
	}
	if code, _, said := exchequer(t, "migrate"); code != 0 {
		t.Fatalf("migrate = %d, %s", code, said)
	}

	redis := testkit.Redis(t)
	t.Setenv("REDIS_URL", redis.URL())
	s := start(t, "serve")
	if status, body := get(t, s.url+"/readyz"); status != http.StatusOK {
		t.Errorf("/readyz = %d, %q", status, body)
	}
	if status, body := get(t, s.url+"/"); status != http.StatusOK || !strings.Contains(body, "An empty ledger") {
		t.Errorf("/ of an empty ledger = %d, without its name", status)
	}
	if keys, err := redis.Do("DBSIZE"); err != nil || strings.Trim(keys, ":\r\n") == "0" {
		t.Errorf("keys in Redis after a page = %q, %v, want some", keys, err)
	}
	if code, out, said := exchequer(t, "healthcheck", "--server", s.url); code != 0 || out != "ready\n" {
		t.Errorf("healthcheck = %d, %q, %q", code, out, said)
	}
	if _, err := db.Exec(t.Context(), "DROP TABLE schema_version"); err != nil {
		t.Fatal(err)
	}
	if code, _, said := exchequer(t, "healthcheck", "--server", s.url); code != 1 || !strings.Contains(said, "migrate") {
		t.Errorf("healthcheck of a server without its schema = %d, %q, want 1 and what to run", code, said)
	}
	if code := s.end(); code != 0 {
		t.Errorf("exit code = %d, want 0; it said:\n%s", code, s.said)
	}
}

func TestTheLogSaysAtStartWhatIsInForce(t *testing.T) {
	t.Setenv("DATABASE_URL", testkit.PostgresURL(t))
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, `"redis":"memory","tenant":"default","policies":"","signs":"","verify":"nightly","privacy":"open","sign-in":"off","operators":false,"postgres":"own"`},
		{[]string{
			"--redis-url", "redis://me:hush-hush@127.0.0.1:1,127.0.0.1:2?master=town", "--tenant", "town", "--operator-token", "hush-hush-hush-hush",
			"--policy", "stats=timeout:5s,window:10s;flow=hard:48h",
		}, `"redis":"sentinel","tenant":"town","policies":"flow=hard:48h0m0s;stats=window:10s,timeout:5s","signs":"","verify":"nightly","privacy":"open","sign-in":"off","operators":true,"postgres":"own"`},
	} {
		s := start(t, append([]string{"serve", "--log-format", "json"}, c.args...)...)
		s.end()
		said := s.said.String()
		want := `"msg":"in force","version":"` + version + `","address":"` + strings.TrimPrefix(s.url, "http://") + `",` + c.want
		wantJSON(t, s.log.String())
		if strings.Count(said, "in force") != 1 || !strings.Contains(said, want) || strings.Contains(said, "hush") {
			t.Errorf("serve %v said\n%s\nwant once, and no secret:\n%s", c.args, said, want)
		}
	}
}

func TestWhatCannotBeStartedSaysWhyInOneLine(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	t.Setenv("DATABASE_URL", "postgres://me:hush@127.0.0.1:1/x")
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"a port in use":              {[]string{"serve", "--listen", taken.Addr().String()}, 1, "address already in use"},
		"a database that is away":    {[]string{"serve", "--listen", "127.0.0.1:0"}, 1, "connection refused"},
		"an unknown flag":            {[]string{"serve", "--nonsense"}, 2, "unknown flag --nonsense"},
		"a bad range of proxies":     {[]string{"serve", "--trusted-proxy", "everyone"}, 2, "everyone"},
		"a policy of a typing error": {[]string{"serve", "--policy", "stats=windw:10s"}, 2, "window, soft, hard and timeout"},
		"no command":                 {nil, 2, "expected one of"},
		"a bad Redis URL":            {[]string{"serve", "--listen", "127.0.0.1:0", "--redis-url", "http://me:hush@x"}, 1, "Redis"},
		"two database URLs":          {[]string{"migrate", "--database-url-file", "main.go"}, 1, "both DATABASE_URL and DATABASE_URL_FILE"},
		"two operators' tokens":      {[]string{"serve", "--operator-token", "hush", "--operator-token-file", "main.go"}, 1, "both EXCHEQUER_OPERATOR_TOKEN and EXCHEQUER_OPERATOR_TOKEN_FILE"},
		"a server that is away":      {[]string{"healthcheck", "--server", "http://127.0.0.1:1"}, 1, "connection refused"},
		"certificates for no TLS":    {[]string{"serve", "--listen", "127.0.0.1:0", "--redis-url", "redis://:hush@x", "--redis-ca-file", "main.go"}, 1, "rediss://"},
		"a short operators' token":   {[]string{"serve", "--listen", "127.0.0.1:0", "--operator-token", "hush"}, 1, "16 visible ASCII characters"},
		"a tenant with a colon":      {[]string{"serve", "--listen", "127.0.0.1:0", "--tenant", "a:b"}, 1, "letters, digits"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, said := exchequer(t, c.args...)
			if code != c.code || !strings.Contains(said, c.want) || strings.Count(said, "\n") != 1 || strings.Contains(said, "hush") {
				t.Errorf("exchequer %v = %d, %q, want %d and one line with %q", c.args, code, said, c.code, c.want)
			}
		})
	}
}

func TestAHangupDrains(t *testing.T) {
	t.Setenv("DATABASE_URL", testkit.PostgresURL(t))
	c := startChild(t, "", "serve", "--log-format", "json", "--linger", "2s")
	if err := c.process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for limit := time.Now().Add(time.Minute); !strings.Contains(c.said.String(), "shutting down"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("a hangup does not end it:\n%s", c.said)
		}
	}
	c.process.Signal(syscall.SIGHUP) // as a closed terminal may
	if status, body := get(t, c.url+"/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("/readyz after a hangup = %d, %q, want no", status, body)
	}
	if status, _ := get(t, c.url+"/"); status != http.StatusOK {
		t.Errorf("/ after a hangup = %d, want a page", status)
	}
	if code := c.end(); code != 0 || !strings.Contains(c.said.String(), `"msg":"shutting down","because":"hangup signal received"`) {
		t.Errorf("exit code = %d, want 0 and the signal's name; it said:\n%s", code, c.said)
	}
}

func TestAHangupThatIsIgnoredStaysIgnored(t *testing.T) {
	t.Setenv("DATABASE_URL", testkit.PostgresURL(t))
	c := startChild(t, "trap '' HUP;", "serve", "--log-format", "json", "--linger", "0s") // as nohup does
	if err := c.process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if status, _ := get(t, c.url+"/readyz"); status != http.StatusOK {
		t.Errorf("/readyz after a hangup = %d, want yes", status)
	}
	c.process.Signal(syscall.SIGTERM)
	if code := c.end(); code != 0 || !strings.Contains(c.said.String(), `"because":"terminated signal received"`) {
		t.Errorf("exit code = %d, want 0, by the second signal; it said:\n%s", code, c.said)
	}
}

// killPostgres kills the server that a pid file names, as a machine short of
// memory does.
func killPostgres(t *testing.T, pidFile string) {
	t.Helper()
	text, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func TestAncestorsCannotEndTheDirective(t *testing.T) {
	for text, want := range map[string]string{
		"*": "*", "'none'": "'none'", " https://a.example  'self' ": "https://a.example 'self'", "https://*.example.org:8443": "https://*.example.org:8443",
		"": "", "'none' *": "", "a; script-src *": "", "https://a,b": "", "https://": "", "'unsafe-inline'": "", "https://a/b": "",
	} {
		var got ancestors
		if err := got.UnmarshalText([]byte(text)); (err == nil) != (want != "") || string(got) != want {
			t.Errorf("%q = %q, %v, want %q", text, got, err, want)
		}
	}
}
