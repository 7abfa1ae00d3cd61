package testkit

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A RedisServer is a real Redis process on loopback that a test may kill,
// freeze, empty and start again.
type RedisServer struct {
	Addr string // host:port

	t    testing.TB
	dir  string
	args []string
	cmd  *exec.Cmd
}

// Redis starts a server, which ends with the test. Settings are its own, such
// as "maxmemory 3mb".
func Redis(t testing.TB, settings ...string) *RedisServer {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Fatal("no redis-server on this machine: install it (Debian: apt-get install redis-server)")
	}
	dir, err := os.MkdirTemp("", "exchequer-redis-")
	if err != nil {
		t.Fatal(err)
	}
	s := &RedisServer{Addr: freeAddr(t), t: t, dir: dir}
	host, port, _ := net.SplitHostPort(s.Addr)
	s.args = []string{"--bind", host, "--port", port, "--dir", dir, "--save", "", "--logfile", filepath.Join(dir, "log")}
	for _, setting := range settings {
		name, value, _ := strings.Cut(setting, " ")
		s.args = append(s.args, "--"+name, value)
	}
	t.Cleanup(func() {
		s.Kill()
		os.RemoveAll(dir)
	})
	s.Start()
	return s
}

// URL is the server's address as in REDIS_URL.
func (s *RedisServer) URL() string { return "redis://" + s.Addr }

// Start runs the server, also again after Kill, and waits until it answers.
// Without "appendonly yes" among the settings it is empty.
func (s *RedisServer) Start() {
	s.t.Helper()
	s.cmd = exec.Command("redis-server", s.args...)
	// Its own session, since Ctrl-C on the tests is not meant for it; and it
	// ends with the test process, however that ends.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); s.ping() != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			s.t.Fatalf("start redis-server: %v\n%s", s.ping(), log)
		}
	}
}

// Kill ends the server at once. It may be frozen or dead already.
func (s *RedisServer) Kill() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

// Freeze stops the server without closing its connections; Thaw lets it go on.
func (s *RedisServer) Freeze() { s.signal(syscall.SIGSTOP) }

// Thaw undoes Freeze.
func (s *RedisServer) Thaw() { s.signal(syscall.SIGCONT) }

func (s *RedisServer) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatalf("signal redis-server: %v", err)
	}
}

// Do sends one command, in a test's plain words, and returns the first line of
// the answer. It needs no client.
func (s *RedisServer) Do(words ...string) (string, error) {
	conn, err := net.DialTimeout("tcp", s.Addr, time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Second))
	fmt.Fprintf(conn, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(conn, "$%d\r\n%s\r\n", len(word), word)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return "", err
	}
	if line = strings.TrimSpace(line); strings.HasPrefix(line, "-") {
		return "", errors.New(line[1:])
	}
	return line, nil
}

func (s *RedisServer) ping() error {
	_, err := s.Do("PING")
	return err
}

// freeAddr returns an address of loopback that nobody listens on.
func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
