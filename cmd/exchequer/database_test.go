package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/postgres"
	"exchequer/internal/testkit"
)

// openDir is a directory that the server's account may enter, which t.TempDir
// is not for root.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "exchequer-disk-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// fullDisk puts programs before Postgres' own that say what those say on a full
// disk, for as long as the file exists that it returns.
func fullDisk(t *testing.T) (full string) {
	t.Helper()
	found := postgres.FindBinaries(t.Context())
	if len(found) == 0 {
		t.Fatal("no Postgres on this machine")
	}
	dir := openDir(t)
	full = filepath.Join(dir, "full")
	for _, name := range []string{"postgres", "initdb"} {
		script := fmt.Sprintf(`#!/bin/sh
if [ -e %s ] && [ "$1" != --version ]; then
	echo 'PANIC:  could not write to file "pg_wal/xlogtemp.1": No space left on device' >&2
	exit 1
fi
exec %s "$@"
`, full, found[0].Program(name))
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	return full
}

func setFull(t *testing.T, file string, full bool) {
	t.Helper()
	var err error
	if full {
		err = os.WriteFile(file, nil, 0o644)
	} else {
		err = os.Remove(file)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// waitFor returns when the log has something for the nth time, and calls
// meanwhile until then.
func (s *serving) waitFor(t *testing.T, something string, times int, meanwhile func()) {
	t.Helper()
	for limit := time.Now().Add(90 * time.Second); strings.Count(s.said.String(), something) < times; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("it did not say %q %d times:\n%s", something, times, s.said)
		}
		meanwhile()
	}
}

func TestAFullDiskEndsNothing(t *testing.T) {
	full := fullDisk(t)
	dir := openDir(t)
	setFull(t, full, true)
	address := testkit.FreeAddr(t)
	c := startChildUnready(t, "", "serve", "--data-dir", dir, "--listen", address, "--log-format", "json", "--linger", "0s")
	c.waitFor(t, "the disk is full", 1, func() {})
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 503, "/": 503} {
		status, body := get(t, "http://"+address+path)
		if status != want || want == 503 && !strings.Contains(body, "disk") {
			t.Errorf("%s at a start on a full disk = %d, %q, want %d and why", path, status, body, want)
		}
	}

	setFull(t, full, false)
	c.wait(t)
	page := func() {
		t.Helper()
		if status, _ := get(t, c.url+"/"); status != http.StatusOK {
			t.Errorf("/ = %d, want the last known numbers", status)
		}
	}
	page()
	if _, body := get(t, c.url+"/readyz"); body != "ready\n" {
		t.Errorf("/readyz = %q, want that nothing is missing", body)
	}

	setFull(t, full, true)
	killPostgres(t, filepath.Join(dir, "postgres", "postmaster.pid"))
	c.waitFor(t, "does not start; trying again", 2, page)
	if _, body := get(t, c.url+"/readyz"); !strings.Contains(body, "database: ") {
		t.Errorf("/readyz = %q, want that the database is missing", body)
	}

	setFull(t, full, false)
	c.waitFor(t, "Postgres is back", 1, page)
	if status, body := get(t, c.url+"/readyz"); status != http.StatusOK || body != "ready\n" {
		t.Errorf("/readyz = %d, %q, want that nothing is missing", status, body)
	}
	c.process.Signal(syscall.SIGTERM)
	if code := c.end(); code != 0 {
		t.Errorf("exit code = %d, want 0; it said:\n%s", code, c.said)
	}
}

// TestARealFullDiskEndsNothing fills a small file system until Postgres panics.
func TestARealFullDiskEndsNothing(t *testing.T) {
	dir := openDir(t)
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=140m,mode=755"); err != nil {
		t.Skipf("only where file systems may be mounted: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	s := start(t, "serve", "--data-dir", dir, "--log-format", "json", "--linger", "0s")
	page := func() {
		t.Helper()
		if status, _ := get(t, s.url+"/"); status != http.StatusOK {
			t.Errorf("/ = %d, want the last known numbers", status)
		}
	}
	page()
	url := "postgres://exchequer@/exchequer?port=5432&host=" + filepath.Join(dir, "run")
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), "CREATE TABLE kept AS SELECT 1 AS n"); err != nil {
		t.Fatal(err)
	}

	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast)
	for range 20 { // each needs a new segment of the log
		conn.Exec(t.Context(), "SELECT pg_switch_wal(); CREATE TABLE IF NOT EXISTS lost AS SELECT 1; INSERT INTO lost SELECT 1")
	}
	s.waitFor(t, "does not start; trying again", 2, page)
	if !strings.Contains(s.said.String(), "the disk is full, make room on it") {
		t.Errorf("it does not say that the disk is full:\n%s", s.said)
	}

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	s.waitFor(t, "Postgres is back", 1, page)
	again, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close(context.Background())
	var kept int
	if err := again.QueryRow(t.Context(), "SELECT n FROM kept").Scan(&kept); err != nil || kept != 1 {
		t.Errorf("what was committed = %d, %v, want it kept", kept, err)
	}
	page()
	if code := s.end(); code != 0 {
		t.Errorf("exit code = %d, want 0; it said:\n%s", code, s.said)
	}
}

// fill writes a file that takes all the room there is.
func fill(t *testing.T, path string) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for piece := make([]byte, 64<<10); err == nil; {
		_, err = file.Write(piece)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}

func TestRetriesGoOnWithABoundedPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var pauses []time.Duration
		err := retry(ctx, func() error { return errors.New("no room") }, func(_ error, pause time.Duration) bool {
			if pauses = append(pauses, pause); len(pauses) == 1000 {
				cancel()
			}
			return true
		})
		seconds := []time.Duration{1, 2, 4, 8, 16, 30, 30}
		for i, want := range seconds {
			if pauses[i] != want*time.Second {
				t.Errorf("pause %d = %v, want %v s", i, pauses[i], int(want))
			}
		}
		if len(pauses) != 1000 || slices.Max(pauses) != longestPause || !errors.Is(err, context.Canceled) {
			t.Errorf("%d tries, longest pause %v, then %v; want 1000, 30 s, and the end by the context", len(pauses), slices.Max(pauses), err)
		}
	})
}
