//go:build unix

package postgres

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/xi2/xz"
)

// The archives hold some 60 MB in 1,100 files.
const (
	mostFiles  = 10_000
	mostBytes  = 1 << 30
	dictionary = 64 << 20 // how much memory unpacking may use
)

// unpack writes the contents of a jar, a compressed tar of directories, files and
// links, into the directory dir of parent. Nothing is written outside, and no link
// leads outside.
func unpack(ctx context.Context, jar []byte, parent *os.Root, dir string) error {
	archive, err := zip.NewReader(bytes.NewReader(jar), int64(len(jar)))
	if err != nil {
		return err
	}
	for _, file := range archive.File {
		if !strings.HasSuffix(file.Name, ".txz") {
			continue
		}
		packed, err := file.Open()
		if err != nil {
			return err
		}
		defer packed.Close()
		plain, err := xz.NewReader(packed, dictionary)
		if err != nil {
			return err
		}
		root, err := parent.OpenRoot(dir)
		if err != nil {
			return err
		}
		defer root.Close()
		return untar(ctx, plain, root)
	}
	return errors.New("there is no .txz in the archive")
}

func untar(ctx context.Context, plain io.Reader, root *os.Root) error {
	left := io.LimitedReader{R: plain, N: mostBytes}
	entries := tar.NewReader(&left)
	for range mostFiles {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) && left.N > 0 {
			return settle(root)
		}
		if err != nil {
			return fmt.Errorf("read the archive (of %d bytes at most): %w", mostBytes, err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		name := filepath.Clean(filepath.FromSlash(header.Name))
		if err := untarOne(header, entries, root, name); err != nil {
			return fmt.Errorf("%s: %w", header.Name, err)
		}
	}
	return fmt.Errorf("there are more than %d files in the archive", mostFiles)
}

// untarOne writes one entry. A Root refuses every path that leads outside, even
// through a link that was written before.
func untarOne(header *tar.Header, content io.Reader, root *os.Root, name string) error {
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	switch header.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, 0o755)
	case tar.TypeReg:
		perm := os.FileMode(0o644)
		if header.Mode&0o111 != 0 {
			perm = 0o755
		}
		file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
		if err != nil {
			return err
		}
		_, err = io.Copy(file, content)
		return errors.Join(err, file.Chmod(perm), file.Close())
	case tar.TypeSymlink:
		return root.Symlink(header.Linkname, name)
	case tar.TypeLink:
		return root.Link(filepath.Clean(filepath.FromSlash(header.Linkname)), name)
	default:
		return fmt.Errorf("entry of an unexpected kind %q", header.Typeflag)
	}
}

// settle returns an error for links that lead outside, and makes directories
// accessible to the account that will run the programs, whatever the umask is.
func settle(root *os.Root) error {
	return fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return root.Chmod(name, 0o755)
		case entry.Type()&fs.ModeSymlink != 0:
			if _, err := root.Stat(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		return nil
	})
}
