// Package csvfile reads CSV files as streams. It recognises plain, gzip and zstd by
// their first bytes, and accepts a byte order mark and any line endings. It never
// holds more than a row, and returns an error for rows that are too long.
package csvfile

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding/charmap"
)

// The longest field and row. A longer row is most often an unclosed quote, which
// would otherwise read the rest of the file into memory.
const (
	MaxField = 64 << 10 // checked by the caller, who knows the column's name
	maxRow   = 4 << 20
	buffered = 64 << 10
)

// Windows1252 is the one encoding beside UTF-8.
const Windows1252 = "windows-1252"

// A Format is the format of a file.
type Format struct {
	Delimiter rune
	Encoding  string // UTF-8 unless Windows1252
}

// A File is a CSV file that is being read.
type File struct {
	Path    string   // as it was given, for messages
	Header  []string // the first row
	closers []func()
	csv     *csv.Reader
	limit   *limitedReader
	last    int // line of the latest row
}

// A SyntaxError is a row that is not CSV. The next row can be read.
type SyntaxError struct {
	Line int // where the row starts
	Text string
}

// Error returns what is wrong, without the place.
func (e *SyntaxError) Error() string { return e.Text }

// Open opens a file and reads its header. read counts the bytes of the file as
// stored on disk.
func Open(path string, format Format, read *atomic.Int64) (*File, error) {
	file, err := openFile(path)
	if err != nil {
		return nil, err
	}
	f := &File{Path: path, closers: []func(){func() { _ = file.Close() }}}
	if err := f.begin(file, format, read); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Close closes the file.
func (f *File) Close() {
	for _, c := range f.closers {
		c()
	}
}

func (f *File) begin(file *os.File, format Format, read *atomic.Int64) error {
	text, err := f.decompress(bufio.NewReaderSize(&countingReader{file, read}, buffered))
	if err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	if format.Encoding == Windows1252 {
		text = bufio.NewReaderSize(charmap.Windows1252.NewDecoder().Reader(text), buffered)
	}
	f.limit = &limitedReader{from: text}
	f.csv = csv.NewReader(bufio.NewReaderSize(f.limit, buffered))
	f.csv.Comma = format.Delimiter
	f.csv.ReuseRecord = true
	f.csv.FieldsPerRecord = -1
	return f.readHeader()
}

// decompress decompresses gzip and zstd, which it recognises by their first bytes,
// and skips a byte order mark.
func (f *File) decompress(raw *bufio.Reader) (*bufio.Reader, error) {
	magic, err := raw.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read data: %w", err)
	}
	text := raw
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		r, err := gzip.NewReader(raw)
		if err != nil {
			return nil, fmt.Errorf("read gzip: %w", whole(err))
		}
		text = bufio.NewReaderSize(r, buffered)
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		r, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(128<<20))
		if err != nil {
			return nil, fmt.Errorf("read zstd: %w", whole(err))
		}
		f.closers = append(f.closers, r.Close)
		text = bufio.NewReaderSize(r, buffered)
	}
	if mark, err := text.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, err := text.Discard(3)
		return text, err
	}
	return text, nil
}

// whole returns a clearer error for compressed data that ends early.
func whole(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errors.New("the compressed data ends early: the file is not complete")
	}
	return err
}

// Read returns the next row's fields, which are valid until the next call, and the
// line on which it starts. It returns io.EOF at the end. After a [*SyntaxError] the
// next row can be read, after any other error none.
func (f *File) Read() (fields []string, line int, err error) {
	f.limit.allow = f.csv.InputOffset() + maxRow + buffered
	fields, err = f.csv.Read()
	var syntax *csv.ParseError
	switch {
	case err == nil:
		f.last, _ = f.csv.FieldPos(0)
		return fields, f.last, nil
	case errors.Is(err, io.EOF):
		return nil, 0, io.EOF
	case errors.As(err, &syntax):
		return fields, syntax.StartLine, syntaxError(syntax)
	case errors.Is(err, errLongRow):
		return nil, 0, fmt.Errorf("%s: the row after line %d is longer than %d MB: is a quote not closed?", f.Path, f.last, maxRow>>20)
	default:
		return nil, 0, fmt.Errorf("%s: read data after line %d: %w", f.Path, f.last, whole(err))
	}
}

func syntaxError(e *csv.ParseError) *SyntaxError {
	want := "a quoted field to end with \" before the delimiter, and quotes within it to be doubled"
	if errors.Is(e.Err, csv.ErrBareQuote) {
		want = "no quote within a field that does not begin with one"
	}
	return &SyntaxError{Line: e.StartLine, Text: fmt.Sprintf("%v in line %d, byte %d: expected %s", e.Err, e.Line, e.Column, want)}
}

func (f *File) readHeader() error {
	fields, line, err := f.Read()
	var syntax *SyntaxError
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%s: the file is empty, expected a header", f.Path)
	case errors.As(err, &syntax):
		return fmt.Errorf("%s:%d: %w", f.Path, line, err)
	case err != nil:
		return err
	}
	for _, field := range fields {
		if len(field) > MaxField {
			return fmt.Errorf("%s:%d: a header of %d bytes: this is not a CSV file with a header", f.Path, line, len(field))
		}
	}
	f.Header = append([]string(nil), fields...)
	return nil
}

// BaseName returns a file's name without directory, .gz and .zst, so that refs do
// not depend on compression.
func BaseName(path string) string {
	base := filepath.Base(path)
	base = strings.TrimSuffix(base, ".gz")
	return strings.TrimSuffix(base, ".zst")
}

var errLongRow = errors.New("row too long")

// A limitedReader returns errLongRow once it has read more than allow.
type limitedReader struct {
	from        io.Reader
	read, allow int64
}

func (r *limitedReader) Read(p []byte) (int, error) {
	if r.read > r.allow {
		return 0, errLongRow
	}
	n, err := r.from.Read(p)
	r.read += int64(n)
	return n, err
}

type countingReader struct {
	from  io.Reader
	bytes *atomic.Int64
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	r.bytes.Add(int64(n))
	return n, err
}
