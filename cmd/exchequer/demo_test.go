package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"exchequer/internal/testkit"
)

func TestDemoServesATownThatGoesOn(t *testing.T) {
	dir, err := os.MkdirTemp("", "exchequer-demo-") // root's server may not enter t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	demo := []string{"demo", "--data-dir", dir, "--players", "60"}

	s := start(t, demo...)
	if status, body := get(t, s.url+"/"); status != http.StatusOK || !strings.Contains(body, "<svg") {
		t.Errorf("/ = %d, want a page with charts", status)
	}
	wantJSON(t, s.log.String())
	towns, _ := filepath.Glob(filepath.Join(dir, "town-*"))
	if len(towns) != 1 {
		t.Fatalf("folders = %v, want one town", towns)
	}
	if code, _, said := exchequer(t, append(demo, "--listen", "127.0.0.1:0")...); code != 1 || !strings.Contains(said, "in use by exchequer with pid") {
		t.Errorf("a second demo = %d, %q, want who is the first", code, said)
	}
	copied := filepath.Join(t.TempDir(), "town")
	if code, _, said := exchequer(t, "export", "--data-dir", towns[0], copied); code != 0 {
		t.Errorf("export beside the running demo = %d, %s", code, said)
	}
	if code := s.end(); code != 0 {
		t.Errorf("exit code = %d, want 0; it said:\n%s", code, s.said)
	}

	again := start(t, demo...)
	get(t, again.url+"/") // so that there is something known
	if !strings.Contains(again.said.String(), "continuing the town") {
		t.Errorf("the second start founds another town:\n%s", again.said)
	}
	killPostgres(t, filepath.Join(towns[0], "postgres", "postmaster.pid"))
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(again.said.String(), "Postgres is back"); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("a killed Postgres was not started again:\n%s", again.said)
		}
		if status, _ := get(t, again.url+"/"); status != http.StatusOK {
			t.Errorf("/ = %d while Postgres is away, want the last known numbers", status)
		}
	}
	if code := again.end(); code != 0 {
		t.Errorf("exit code = %d, want 0; it said:\n%s", code, again.said)
	}

	t.Setenv("DATABASE_URL", testkit.PostgresURL(t))
	if code, out, said := exchequer(t, "import", copied); code != 0 || !strings.Contains(out, "transactions") {
		t.Errorf("import of the export = %d, %s%s", code, out, said)
	}
}
