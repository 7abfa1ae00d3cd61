package testkit

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"exchequer/internal/postgres"
)

// A PostgresServer is a real Postgres server with one migrated database, which a
// test may stop, freeze and start again.
type PostgresServer struct {
	URL string // of the database, through a Unix socket

	t      testing.TB
	server *server
	frozen []int
}

// OwnPostgres starts a server that ends with the test. The settings, such as
// "max_connections=30", are added to those of the shared server.
func OwnPostgres(t testing.TB, settings ...string) *PostgresServer {
	t.Helper()
	NotOnCitus(t, "it needs a server of its own")
	started, err := start(settings...)
	if err != nil {
		t.Fatal(err)
	}
	s := &PostgresServer{URL: started.url(template), t: t, server: started}
	t.Cleanup(func() { started.orders.Close() })
	return s
}

// Replica starts a streaming replica of the server, which ends with the test.
func (s *PostgresServer) Replica() *PostgresServer {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	started, err := run(ctx, func(b postgres.Binaries) string {
		return basebackup(ctx, b) + " -h " + s.server.dir + " -U postgres -D data -R -X stream -c fast --no-sync"
	}, nil)
	if err != nil {
		s.t.Fatalf("start a replica: %v", err)
	}
	s.t.Cleanup(func() { started.orders.Close() })
	conn, err := started.connect(ctx)
	if err != nil {
		s.t.Fatalf("start a replica: %v", err)
	}
	conn.Close(ctx)
	return &PostgresServer{URL: started.url(template), t: s.t, server: started}
}

// basebackup returns the program that copies a server, of the release of b. It may be in
// another folder.
func basebackup(ctx context.Context, b postgres.Binaries) string {
	for _, other := range postgres.FindBinaries(ctx) {
		program := other.Program("pg_basebackup")
		if _, err := os.Stat(program); err == nil && other.Major == b.Major {
			return program
		}
	}
	return "pg_basebackup"
}

// Stop shuts the server down in an orderly way and waits for its end.
func (s *PostgresServer) Stop() {
	s.t.Helper()
	s.order("stop")
	stopped := filepath.Join(s.server.dir, "stopped")
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(stopped); err == nil {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatal("the Postgres server does not stop")
		}
	}
}

// Start runs the server again after Stop, with its data, and waits until it
// answers.
func (s *PostgresServer) Start() {
	s.t.Helper()
	s.order("start")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := s.server.connect(ctx)
	if err != nil {
		s.t.Fatalf("start Postgres again: %v", err)
	}
	conn.Close(ctx)
}

func (s *PostgresServer) order(word string) {
	s.t.Helper()
	if _, err := s.server.orders.WriteString(word + "\n"); err != nil {
		s.t.Fatalf("%s Postgres: %v", word, err)
	}
}

// Freeze suspends all processes of the server without closing a connection, until
// Thaw.
func (s *PostgresServer) Freeze() {
	s.t.Helper()
	data := filepath.Join(s.server.dir, "data")
	// Twice: the server may have started a process meanwhile.
	for range 2 {
		found, _ := filepath.Glob("/proc/[0-9]*")
		for _, proc := range found {
			pid, _ := strconv.Atoi(filepath.Base(proc))
			if cwd, err := os.Readlink(filepath.Join(proc, "cwd")); err != nil || cwd != data {
				continue
			}
			if err := syscall.Kill(pid, syscall.SIGSTOP); err == nil {
				s.frozen = append(s.frozen, pid)
			}
		}
	}
	if len(s.frozen) == 0 {
		s.t.Fatal("freeze Postgres: no process of it is to be found")
	}
}

// Thaw resumes the server after Freeze.
func (s *PostgresServer) Thaw() {
	for _, pid := range s.frozen {
		_ = syscall.Kill(pid, syscall.SIGCONT) // it may have ended
	}
	s.frozen = nil
}
