package connector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"exchequer/connector/format"
)

// A file is a source of one file, of which a stream reads what is appended, or all.
type file struct {
	engine
	path string
}

func (f *file) read(_ context.Context, use func(snapshot) error) error { return use(f) }

func (f *file) close() {}

// tail returns a tail of the file for a stream that grows.
func (f *file) tail(s *stream) *tail { return &tail{path: f.path, r: s.read} }

// version returns what changes when the file does.
func (f *file) version(*stream) string {
	info, err := os.Stat(f.path)
	if err != nil {
		return ""
	}
	return stamp(info)
}

func stamp(info os.FileInfo) string {
	return fmt.Sprintf("%d %d %d", inode(info), info.Size(), info.ModTime().UnixNano())
}

func (f *file) each(ctx context.Context, s *stream, _ int64, _ int, emit func(header []string, row format.Row) error) error {
	from, err := openRegular(f.path)
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	defer from.Close()
	err = s.read.rows(ctx, from, "", emit)
	if err != nil && !errors.Is(err, errEnough) {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	return nil
}

// rows passes on all rows of a file, or of an answer.
func (r *reading) rows(ctx context.Context, from io.Reader, name string, emit func(header []string, row format.Row) error) error {
	read, sift := r.format(), newSifter(r, emit)
	sift.name = name
	err := read.Read(&interruptible{ctx, from}, func(text string, row format.Row) error { return sift.row(read, text, row) })
	if err != nil {
		return err
	}
	return sift.end()
}

// An interruptible reader ends with its context.
type interruptible struct {
	ctx  context.Context
	from io.Reader
}

func (r *interruptible) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.from.Read(p)
}

const (
	maxFiles = 200_000
	maxFile  = 4 << 20
)

// A folder is a source of many small files, all of which are read each time. What did not
// change since is not parsed again.
type folder struct {
	engine
	path  string
	known map[string]map[string]parsed // by stream and name
}

type parsed struct {
	stamp  string
	header []string
	rows   []format.Row
}

func (d *folder) read(_ context.Context, use func(snapshot) error) error { return use(d) }

func (d *folder) close() {}

func (d *folder) each(ctx context.Context, s *stream, _ int64, _ int, emit func(header []string, row format.Row) error) error {
	dir, err := os.Open(d.path)
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(maxFiles + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("source: %w", err)
	}
	if len(names) > maxFiles {
		return fmt.Errorf("source: %s has more than %d files", d.path, maxFiles)
	}
	slices.Sort(names)
	before, now := d.known[s.name], map[string]parsed{}
	for _, name := range names {
		if ok, _ := filepath.Match(s.read.files, name); !ok { // the pattern was checked
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		info, err := os.Stat(filepath.Join(d.path, name))
		if err != nil || !info.Mode().IsRegular() {
			continue // it was removed, or is no file
		}
		p, known := before[name]
		if !known || p.stamp != stamp(info) {
			p = d.parse(ctx, s, name, info)
		}
		now[name] = p
		for _, row := range p.rows {
			// Who gets a row keeps its fields.
			row.Fields = slices.Clone(row.Fields)
			if err := emit(p.header, row); errors.Is(err, errEnough) {
				return nil
			} else if err != nil {
				return err
			}
		}
	}
	d.known[s.name] = now
	return nil
}

// parse reads a file. One that cannot be read becomes a row with the problem: it is most
// likely being written.
func (d *folder) parse(ctx context.Context, s *stream, name string, info os.FileInfo) parsed {
	p := parsed{stamp: stamp(info)}
	err := func() error {
		if info.Size() > maxFile {
			return fmt.Errorf("it is longer than %d MB", maxFile>>20)
		}
		text, err := os.ReadFile(filepath.Join(d.path, name))
		if err != nil {
			return errors.New("it cannot be read")
		}
		return s.read.rows(ctx, bytes.NewReader(text), strings.TrimSuffix(name, filepath.Ext(name)), func(header []string, row format.Row) error {
			p.header, p.rows = header, append(p.rows, row)
			return nil
		})
	}()
	if err != nil {
		read := s.read.format()
		problem := format.Row{Problem: fmt.Sprintf("file %s: %v", name, err)}
		p = parsed{header: header(read), rows: []format.Row{complete(problem, len(read.Header()), "", name, name)}}
	}
	return p
}
