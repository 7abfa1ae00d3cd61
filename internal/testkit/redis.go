package testkit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// A RedisServer is a real Redis process on loopback, which a test may kill, freeze,
// empty and start again.
type RedisServer struct {
	Addr string // host:port

	t        Owner
	dir      string
	password string
	args     []string
	cmd      *exec.Cmd
}

// Redis starts a server that ends with its owner, with settings such as
// "maxmemory 3mb".
func Redis(t Owner, settings ...string) *RedisServer {
	t.Helper()
	s := prepare(t, "redis-server")
	host, port, _ := net.SplitHostPort(s.Addr)
	s.args = []string{"--bind", host, "--port", port, "--dir", s.dir, "--save", "", "--logfile", filepath.Join(s.dir, "log")}
	for _, setting := range settings {
		name, value, _ := strings.Cut(setting, " ")
		if name == "requirepass" {
			s.password = value
		}
		s.args = append(s.args, "--"+name)
		s.args = append(s.args, strings.Fields(value)...)
	}
	s.Start()
	return s
}

// prepare returns a server with a directory and an address of its own.
func prepare(t Owner, program string) *RedisServer {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("no %s on this machine: install it (Debian: apt-get install %s)", program, program)
	}
	dir, err := os.MkdirTemp("", "exchequer-redis-")
	if err != nil {
		t.Fatal(err)
	}
	s := &RedisServer{Addr: FreeAddr(t), t: t, dir: dir}
	t.Cleanup(func() {
		s.Kill()
		os.RemoveAll(dir)
	})
	return s
}

// URL returns the server's address as in REDIS_URL.
func (s *RedisServer) URL() string { return "redis://" + s.Addr }

// Start runs the server, for the first time or after Kill, and waits until it
// answers. Without the setting "appendonly yes" it is empty.
func (s *RedisServer) Start() {
	s.t.Helper()
	s.run()
	s.await(20*time.Second, "redis-server answers", s.answers)
}

// run starts the process.
func (s *RedisServer) run() {
	s.t.Helper()
	s.cmd = exec.Command("redis-server", s.args...)
	// A session of its own, so that Ctrl-C on the tests does not reach it. It
	// ends with the test process, however that ends.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
}

// await waits until a condition of a server or its group holds.
func (s *RedisServer) await(within time.Duration, what string, f func() error) {
	s.t.Helper()
	var err error
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = f(); err == nil {
			return
		}
	}
	log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	s.t.Fatalf("not within %v: %s: %v\n%s", within, what, err, log)
}

// Kill ends the server at once. It may be frozen or dead already.
func (s *RedisServer) Kill() {
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

// Freeze suspends the server without closing its connections, until Thaw.
func (s *RedisServer) Freeze() { s.signal(syscall.SIGSTOP) }

// Thaw resumes the server after Freeze.
func (s *RedisServer) Thaw() { s.signal(syscall.SIGCONT) }

func (s *RedisServer) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatalf("signal redis-server: %v", err)
	}
}

// Do sends one command over a connection of its own, without a client library, and
// returns the first line of the answer.
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

// Ask is Do with the whole answer.
func (s *RedisServer) Ask(words ...any) (any, error) {
	// A pool with as many failures as connections dials in the background for a second.
	client := redis.NewClient(&redis.Options{
		Addr: s.Addr, Password: s.password, Protocol: 2, DisableIdentity: true, MaxRetries: -1, DialerRetries: 1,
		DialTimeout: time.Second, ReadTimeout: 2 * time.Second,
	})
	defer client.Close()
	return client.Do(context.Background(), words...).Result()
}

// text is Ask for commands that return a text.
func (s *RedisServer) text(words ...any) (string, error) {
	answer, err := s.Ask(words...)
	if err != nil {
		return "", fmt.Errorf("%s: %v: %w", s.Addr, words, err)
	}
	return fmt.Sprint(answer), nil
}

// expect returns an error unless the server's answer contains the words.
func (s *RedisServer) expect(words string, command ...any) error {
	answer, err := s.text(command...)
	if err == nil && !strings.Contains(answer, words) {
		err = fmt.Errorf("%s: %v does not say %q", s.Addr, command, words)
	}
	return err
}

// answers returns an error unless this server answers at its address. It starts the
// server again if another process had taken the address.
func (s *RedisServer) answers() error {
	if ended, _ := syscall.Wait4(s.cmd.Process.Pid, nil, syscall.WNOHANG, nil); ended == s.cmd.Process.Pid {
		s.run()
	}
	return s.expect(fmt.Sprintf("process_id:%d\r", s.cmd.Process.Pid), "INFO", "server")
}

// FreeAddr returns a loopback address without a listener, most likely also a moment later.
func FreeAddr(t Owner) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
