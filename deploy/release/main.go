// Command release makes what a release consists of: for each target an archive with the
// static binary, the licences of what is linked into it and the files to deploy it; a list
// of its modules (CycloneDX); and SHA256SUMS over all of them. The same sources and the
// same version are the same bytes, wherever they are built with the same Go.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// targets are what is built unless arguments name others.
var targets = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"}

// shipped are the files of the project in each archive, beside the binary.
var shipped = []string{"README.md", "LICENSE", "NOTICE", "deploy/compose.yaml", "deploy/Caddyfile", "deploy/kubernetes.yaml",
	"deploy/grafana", "deploy/prometheus", "deploy/postgres/roles.sql", "deploy/systemd"}

func main() {
	version := flag.String("version", "unknown", "version of the release")
	out := flag.String("out", "bin/release", "folder to make, in place of the one that is there")
	flag.Parse()
	wanted := flag.Args()
	if len(wanted) == 0 {
		wanted = targets
	}
	if err := release(*out, *version, wanted); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// release makes the release in a folder, from the project in the working directory.
func release(out, version string, targets []string) error {
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	var sums bytes.Buffer
	for _, target := range targets {
		system, machine, named := strings.Cut(target, "/")
		if !named {
			return fmt.Errorf("%q: want a target such as linux/amd64", target)
		}
		name := strings.Join([]string{"exchequer", version, system, machine}, "_")
		archive, modules, err := build(name, version, system, machine)
		if err != nil {
			return fmt.Errorf("%s: %w", target, err)
		}
		for _, file := range []struct {
			name    string
			content []byte
		}{{name + ".cdx.json", modules}, {name + ".tar.gz", archive}} {
			if err := os.WriteFile(filepath.Join(out, file.name), file.content, 0o644); err != nil {
				return err
			}
			fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(file.content), file.name)
		}
		fmt.Printf("%s: %.1f MB\n", name, float64(len(archive))/1e6)
	}
	return os.WriteFile(filepath.Join(out, "SHA256SUMS"), sums.Bytes(), 0o644)
}

// build returns the archive of a target, and the list of its modules.
func build(name, version, system, machine string) (archive, modules []byte, err error) {
	dir, err := os.MkdirTemp("", "release-")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "exchequer")
	if system == "windows" {
		binary += ".exe"
	}
	for _, args := range [][]string{
		// A copy without its history is to give the same bytes as a clone.
		{"go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -X main.version=" + version, "-o", binary, "./cmd/exchequer"},
		{".ci/licenses", filepath.Join(dir, "licenses"), "./cmd/exchequer"},
		{"cp", "static/vendor/idiomorph.LICENSE", filepath.Join(dir, "licenses")},
	} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+machine)
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, nil, fmt.Errorf("%s: %w\n%s", args[0], err, out)
		}
	}
	if modules, err = bill(binary, version); err != nil {
		return nil, nil, err
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, nil, err
	}
	t := tar.NewWriter(z)
	if err := add(t, os.DirFS(dir), ".", name); err != nil {
		return nil, nil, err
	}
	for _, file := range shipped {
		if err := add(t, os.DirFS("."), file, name); err != nil {
			return nil, nil, err
		}
	}
	if err := errors.Join(t.Close(), z.Close()); err != nil {
		return nil, nil, err
	}
	return packed.Bytes(), modules, nil
}

// add adds a file, or all below a folder, in the order of names, without what differs
// between machines: times, owners, and rights but to execute.
func add(t *tar.Writer, from fs.FS, root, below string) error {
	return fs.WalkDir(from, root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		file, err := from.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return err
		}
		mode := int64(0o644)
		if info.Mode()&0o100 != 0 {
			mode = 0o755
		}
		if err := t.WriteHeader(&tar.Header{Name: path.Join(below, name), Mode: mode, Size: info.Size()}); err != nil {
			return err
		}
		_, err = io.Copy(t, file)
		return err
	})
}
