package postgres

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

// programDir in the environment makes the test binary the program that tests
// kill: it runs the server of that directory and writes rows.
const programDir = "EXCHEQUER_TEST_PROGRAM_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(programDir); dir != "" {
		if err := writeRows(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// writeRows prints the number of each row once it is committed.
func writeRows(dir string) error {
	ctx := context.Background()
	e, err := StartEmbedded(ctx, EmbeddedConfig{Dir: dir})
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, e.URL())
	if err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "CREATE TABLE IF NOT EXISTS rows (n bigint)"); err != nil {
		return err
	}
	for n := 1; ; n++ {
		if _, err := conn.Exec(ctx, "INSERT INTO rows VALUES ($1)", n); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// A program is another process with a server of its own.
type program struct {
	cmd       *exec.Cmd
	out       io.ReadCloser
	committed *bufio.Scanner
}

func startProgram(t *testing.T, dir string) *program {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), programDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	return &program{cmd, out, bufio.NewScanner(out)}
}

// waitFor returns when the program has committed n rows.
func (p *program) waitFor(t *testing.T, n int) {
	t.Helper()
	for p.committed.Scan() {
		if got, _ := strconv.Atoi(p.committed.Text()); got >= n {
			return
		}
	}
	t.Fatal("the program ended early")
}

// kill ends the program at once and returns how many rows it had committed.
func (p *program) kill(t *testing.T) int {
	t.Helper()
	p.cmd.Process.Kill()
	last := 0
	for p.committed.Scan() {
		last, _ = strconv.Atoi(p.committed.Text())
	}
	p.cmd.Wait()
	return last
}

// serverDir is a directory that the server's account can enter, which t.TempDir
// is not for root.
func serverDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "exchequer-embedded-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, pid := range servers(t, dir) {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		os.RemoveAll(dir)
	})
	return dir
}

// servers returns the pids of the server of dir.
func servers(t *testing.T, dir string) []int {
	t.Helper()
	return serversIn(mustAccount(t, dir), filepath.Join(dir, "postgres"))
}

func startEmbedded(t *testing.T, config EmbeddedConfig) *Embedded {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	e, err := StartEmbedded(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopEmbedded(t, e) })
	return e
}

func stopEmbedded(t *testing.T, e *Embedded) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := e.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func query(t *testing.T, url, sql string) int {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var n int
	if err := conn.QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

func TestNoCommittedRowIsLostWhenEverythingIsKilled(t *testing.T) {
	dir := serverDir(t)
	p := startProgram(t, dir)
	p.waitFor(t, 200)
	killed := servers(t, dir)
	if len(killed) < 2 {
		t.Fatalf("servers = %v, want the server and its processes", killed)
	}
	for _, pid := range killed {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	committed := p.kill(t)

	e := startEmbedded(t, EmbeddedConfig{Dir: dir})
	if got := query(t, e.URL(), "SELECT count(*) FROM rows"); got < committed {
		t.Errorf("rows after the kill = %d, want at least the %d that were committed", got, committed)
	}
	if checksums := query(t, e.URL(), "SELECT count(*) FROM pg_settings WHERE name IN ('data_checksums', 'fsync') AND setting = 'on'"); checksums != 2 {
		t.Error("data checksums and fsync are not both on")
	}
}

func TestAKilledProgramLeavesNoServer(t *testing.T) {
	dir := serverDir(t)
	p := startProgram(t, dir)
	p.waitFor(t, 50)
	committed := p.kill(t)

	// The next start does not wait for the old server to be gone: it sees to it.
	e := startEmbedded(t, EmbeddedConfig{Dir: dir})
	if got := query(t, e.URL(), "SELECT count(*) FROM rows"); got < committed {
		t.Errorf("rows = %d, want at least %d", got, committed)
	}
	stopEmbedded(t, e)

	p = startProgram(t, dir)
	p.waitFor(t, 50)
	p.kill(t)
	for end := time.Now().Add(20 * time.Second); len(servers(t, dir)) > 0; {
		if time.Now().After(end) {
			t.Fatal("the server of the killed program still runs after 20 s")
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// A query that was running when the server was killed goes on without it, and
// keeps its shared memory; a new server refuses to start beside it.
func TestAStartEndsTheQueriesOfAKilledServer(t *testing.T) {
	dir := serverDir(t)
	data := filepath.Join(dir, "postgres")
	p := startProgram(t, dir)
	p.waitFor(t, 1)
	conn, err := pgx.Connect(t.Context(), socketURL(socketDir(dir), databaseName))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	ended := make(chan error)
	go func() {
		_, err := conn.Exec(context.Background(), "SET max_parallel_workers_per_gather = 0; SELECT count(*) FROM generate_series(1, 4000000000) a WHERE a % 7 = 8")
		ended <- err
	}()
	time.Sleep(300 * time.Millisecond)
	syscall.Kill(recordedPID(mustAccount(t, dir), data), syscall.SIGKILL)
	p.kill(t)
	time.Sleep(300 * time.Millisecond)
	if len(servers(t, dir)) == 0 {
		t.Fatal("the query ended with its server: this test proves nothing")
	}

	e := startEmbedded(t, EmbeddedConfig{Dir: dir})
	if err := <-ended; err == nil {
		t.Error("the query of the killed server returned")
	}
	query(t, e.URL(), "SELECT count(*) FROM rows")
}

func TestAPidThatNowBelongsToAnotherProgramDoesNotPreventAStart(t *testing.T) {
	dir := serverDir(t)
	e := startEmbedded(t, EmbeddedConfig{Dir: dir})
	pidFile := filepath.Join(dir, "postgres", "postmaster.pid")
	content, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	stopEmbedded(t, e)
	other := exec.Command("sleep", "60")
	other.SysProcAttr = &syscall.SysProcAttr{Credential: mustAccount(t, dir).Credential()}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer other.Wait()
	defer other.Process.Kill()
	_, rest, _ := strings.Cut(string(content), "\n")
	if err := os.WriteFile(pidFile, []byte(strconv.Itoa(other.Process.Pid)+"\n"+rest), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := mustAccount(t, dir).own(pidFile); err != nil {
		t.Fatal(err)
	}

	startEmbedded(t, EmbeddedConfig{Dir: dir})
	if err := other.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the other program was ended: %v", err)
	}
}

func mustAccount(t *testing.T, dir string) Account {
	t.Helper()
	account, err := ownerAccount(filepath.Join(dir, "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	return account
}

func TestASecondStartReturnsTheAddressOfTheRunningServer(t *testing.T) {
	dir := serverDir(t)
	p := startProgram(t, dir)
	p.waitFor(t, 5)

	_, err := StartEmbedded(t.Context(), EmbeddedConfig{Dir: dir})
	var inUse *InUseError
	if !errors.As(err, &inUse) || inUse.PID != p.cmd.Process.Pid {
		t.Fatalf("second start = %v, want an InUseError with pid %d", err, p.cmd.Process.Pid)
	}
	if got := query(t, inUse.URL, "SELECT count(*) FROM rows"); got < 5 {
		t.Errorf("rows by the error's URL = %d, want at least 5", got)
	}
	p.kill(t)
}

func TestStopEndsTheServerCleanly(t *testing.T) {
	dir := serverDir(t)
	// A start that was killed while it made the cluster left this.
	if err := os.MkdirAll(filepath.Join(dir, "postgres.new", "base"), 0o700); err != nil {
		t.Fatal(err)
	}
	e := startEmbedded(t, EmbeddedConfig{Dir: dir})
	conn, err := pgx.Connect(t.Context(), e.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	stopEmbedded(t, e)
	stopEmbedded(t, e)
	select {
	case <-e.Done():
	default:
		t.Error("the server runs after Stop")
	}
	log, err := os.ReadFile(filepath.Join(dir, "postgres.log"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(log), "database system is shut down") {
		t.Errorf("no clean shutdown in the server's log:\n%s", log)
	}
	if len(servers(t, dir)) > 0 {
		t.Error("a server process runs after Stop")
	}
}

func TestAStartThatFailsQuotesTheServersLog(t *testing.T) {
	dir := serverDir(t)
	_, err := StartEmbedded(t.Context(), EmbeddedConfig{Dir: dir, Settings: map[string]string{"shared_buffers": "plenty"}})
	if err == nil || !strings.Contains(err.Error(), `invalid value for parameter "shared_buffers": "plenty"`) {
		t.Errorf("start with a bad setting = %v, want what the server said", err)
	}
	startEmbedded(t, EmbeddedConfig{Dir: dir}) // nothing holds the directory
}

func TestALongPathHasItsSocketElsewhere(t *testing.T) {
	dir := filepath.Join(serverDir(t), strings.Repeat("a-long-name-", 10))
	e := startEmbedded(t, EmbeddedConfig{Dir: dir})
	if got := query(t, e.URL(), "SELECT 1"); got != 1 {
		t.Errorf("SELECT 1 = %d", got)
	}
	stopEmbedded(t, e)
	if _, err := os.Stat(socketDir(dir)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket's directory after Stop: %v, want it gone", err)
	}
}

func TestAFolderThatTheServersAccountMayNotEnterIsNamed(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root runs the server as another account")
	}
	closed := filepath.Join(serverDir(t), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := StartEmbedded(t.Context(), EmbeddedConfig{Dir: filepath.Join(closed, "data")})
	if err == nil || !strings.Contains(err.Error(), "may not enter "+closed+":") || !strings.Contains(err.Error(), "--data-dir") {
		t.Errorf("start = %v, want an error that names %s and --data-dir", err, closed)
	}
}
