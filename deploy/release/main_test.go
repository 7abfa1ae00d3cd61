package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// One target stands for all, since each takes minutes to compile; it is one that nobody
// here runs.
func TestAReleaseIsTheSameBytesEachTimeAndHasAllThatIsShipped(t *testing.T) {
	t.Chdir("../..")
	var first []byte
	dir := t.TempDir()
	for range 2 {
		if err := release(dir, "v1.2.3", []string{"windows/amd64"}); err != nil {
			t.Fatal(err)
		}
		sums, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		if first != nil && !bytes.Equal(sums, first) {
			t.Errorf("the second time the sums are\n%s\nand the first time\n%s", sums, first)
		}
		first = sums
	}

	const name = "exchequer_v1.2.3_windows_amd64"
	packed, err := os.ReadFile(filepath.Join(dir, name+".tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%x  %s.tar.gz\n", sha256.Sum256(packed), name); !strings.Contains(string(first), want) {
		t.Errorf("SHA256SUMS has no %q:\n%s", want, first)
	}
	there := map[string]bool{}
	plain, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	for archive := tar.NewReader(plain); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		there[header.Name] = true
	}
	for _, want := range []string{"exchequer.exe", "LICENSE", "licenses/go/LICENSE", "licenses/github.com/jackc/pgx/v5/LICENSE", "licenses/idiomorph.LICENSE", "deploy/systemd/exchequer.service", "deploy/postgres/roles.sql"} {
		if !there[name+"/"+want] {
			t.Errorf("the archive has no %s", want)
		}
	}

	text, err := os.ReadFile(filepath.Join(dir, name+".cdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	var bill document
	if err := json.Unmarshal(text, &bill); err != nil {
		t.Fatal(err)
	}
	modules := map[string]component{}
	for _, c := range bill.Components {
		modules[c.Name] = c
	}
	for _, want := range []string{"std", "github.com/jackc/pgx/v5", "github.com/a-h/templ"} {
		if c := modules[want]; !strings.HasPrefix(c.PURL, "pkg:golang/"+want+"@") || c.Version == "" {
			t.Errorf("the bill of materials has %+v for %s", c, want)
		}
	}
	if _, linked := modules["github.com/chromedp/chromedp"]; linked || bill.Metadata.Component.Version != "v1.2.3" {
		t.Errorf("the bill of materials is of %+v, and has a module of the tests: %t", bill.Metadata.Component, linked)
	}
}
