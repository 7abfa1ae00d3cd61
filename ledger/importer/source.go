package importer

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

// The longest that are read. A longer row is most often a quote that nobody
// closed, and would otherwise take the rest of the file into memory.
const (
	maxField = 64 << 10
	maxRow   = 4 << 20
	buffered = 64 << 10
)

// A csvFormat is how the files are written.
type csvFormat struct {
	delimiter rune
	encoding  string
	number    numberFormat
	dates     dateFormats
}

// A source is one file that is being read.
type source struct {
	path   string // as it was given, for messages
	base   string // the name in refs: without directory, .gz, .zst
	csv    *csv.Reader
	limit  *limitedReader
	last   int // line of the row that was read last
	header []string
	index  map[string]int // of the mapping's columns that the file has
	close  func()
}

// open begins to read a file and its header. Bytes counts what is read of the
// file as it lies on the disk.
func (m *Mapping) open(path string, bytes *atomic.Int64) (*source, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open data: %w", err)
	}
	s := &source{path: path, base: baseName(path), close: func() { file.Close() }}
	if err := s.begin(m, file, bytes); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *source) begin(m *Mapping, file *os.File, bytes *atomic.Int64) error {
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("open data: %w", err)
	}
	if info.IsDir() {
		return fmt.Errorf("%s: is a directory; name the files in it", s.path)
	}
	if !info.Mode().IsRegular() && strings.HasPrefix(s.path, "/dev/") && m.namesFile() {
		return fmt.Errorf("%s: a pipe without a name of its own cannot be imported by this mapping, whose refs contain {@file}: "+
			"save the data to a file first", s.path)
	}
	text, err := s.decompress(bufio.NewReaderSize(&countingReader{file, bytes}, buffered))
	if err != nil {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	if m.csv.encoding == "windows-1252" {
		text = bufio.NewReaderSize(charmap.Windows1252.NewDecoder().Reader(text), buffered)
	}
	s.limit = &limitedReader{from: text}
	s.csv = csv.NewReader(bufio.NewReaderSize(s.limit, buffered))
	s.csv.Comma = m.csv.delimiter
	s.csv.ReuseRecord = true
	s.csv.FieldsPerRecord = -1
	return s.readHeader(m)
}

// decompress recognises gzip and zstd by their first bytes, and skips a byte
// order mark.
func (s *source) decompress(raw *bufio.Reader) (*bufio.Reader, error) {
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
		closeFile := s.close
		s.close = func() { r.Close(); closeFile() }
		text = bufio.NewReaderSize(r, buffered)
	}
	if mark, err := text.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, err := text.Discard(3)
		return text, err
	}
	return text, nil
}

// whole says what an early end of compressed data means.
func whole(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errors.New("the compressed data ends early: the file is not complete")
	}
	return err
}

// read returns the next row's fields, which are valid until the next call, and
// the line on which it starts. A [RowError] concerns this row alone, any other
// error the rest of the file.
func (s *source) read() (fields []string, line int, err error) {
	s.limit.allow = s.csv.InputOffset() + maxRow + buffered
	fields, err = s.csv.Read()
	var syntax *csv.ParseError
	switch {
	case err == nil:
		s.last, _ = s.csv.FieldPos(0)
		return fields, s.last, nil
	case errors.Is(err, io.EOF):
		return nil, 0, io.EOF
	case errors.As(err, &syntax):
		return fields, syntax.StartLine, s.syntaxError(syntax)
	case errors.Is(err, errLongRow):
		return nil, 0, fmt.Errorf("%s: the row after line %d is longer than %d MB: is a quote not closed?", s.path, s.last, maxRow>>20)
	default:
		return nil, 0, fmt.Errorf("%s: read data: %w", s.path, whole(err))
	}
}

func (s *source) syntaxError(e *csv.ParseError) *RowError {
	want := "a quoted field to end with \" before the delimiter; quotes within are doubled"
	if errors.Is(e.Err, csv.ErrBareQuote) {
		want = "no quote within a field that does not begin with one"
	}
	return &RowError{File: s.path, Line: e.StartLine, Problem: fmt.Sprintf("line %d, byte %d: %v: expected %s", e.Line, e.Column, e.Err, want)}
}

func (s *source) readHeader(m *Mapping) error {
	fields, line, err := s.read()
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: the file is empty, expected a header", s.path)
	}
	if err != nil {
		return err
	}
	for _, f := range fields {
		if len(f) > maxField {
			return fmt.Errorf("%s:%d: a header of %d bytes: this is not the CSV file that the mapping describes", s.path, line, len(f))
		}
	}
	s.header = append([]string(nil), fields...)
	s.index, err = m.Check(s.header)
	if err != nil {
		return fmt.Errorf("%s:%d: %w", s.path, line, err)
	}
	return nil
}

// Check finds the mapping's columns in a file's header, and says which of them
// are missing.
func (m *Mapping) Check(header []string) (map[string]int, error) {
	index := map[string]int{}
	for _, c := range m.columns {
		for i, field := range header {
			if !c.named(field) {
				continue
			}
			if first, twice := index[c.name]; twice {
				return nil, fmt.Errorf("column %q is there twice: %q and %q", c.name, header[first], field)
			}
			index[c.name] = i
		}
		if _, found := index[c.name]; !found && !c.optional {
			return nil, fmt.Errorf("column %q is missing: expected %s in the header, which has %s%s",
				c.name, quoted(c.headers, " or "), quoted(header, ", "), m.delimiterHint(header))
		}
	}
	return index, nil
}

func (c column) named(header string) bool {
	header = strings.TrimSpace(header)
	for _, h := range c.headers {
		if strings.EqualFold(h, header) {
			return true
		}
	}
	return false
}

// delimiterHint guesses whether the header was cut at the wrong character.
func (m *Mapping) delimiterHint(header []string) string {
	if len(header) != 1 {
		return ""
	}
	for _, d := range ",;\t|" {
		if d != m.csv.delimiter && strings.ContainsRune(header[0], d) {
			return fmt.Sprintf("; is the delimiter %q, and not %q?", d, m.csv.delimiter)
		}
	}
	return ""
}

func quoted(list []string, separator string) string {
	const shown = 12
	var s strings.Builder
	for i, text := range list {
		if i > 0 {
			s.WriteString(separator)
		}
		if i == shown {
			fmt.Fprintf(&s, "%d more", len(list)-shown)
			break
		}
		s.WriteString(shortened(text))
	}
	return s.String()
}

// shortened quotes a value for a message.
func shortened(s string) string {
	const limit = 80
	if len(s) <= limit {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprintf("%q… (%d bytes)", strings.ToValidUTF8(s[:limit], ""), len(s))
}

// baseName is a file's name in refs. Compressing a file does not rename it.
func baseName(path string) string {
	base := filepath.Base(path)
	base = strings.TrimSuffix(base, ".gz")
	return strings.TrimSuffix(base, ".zst")
}

// namesFile says whether refs contain the file's name.
func (m *Mapping) namesFile() bool {
	return m.payment != nil && m.payment.ref.has(nameFile) || m.sale != nil && m.sale.ref.has(nameFile)
}

var errLongRow = errors.New("row too long")

// A limitedReader ends with errLongRow when more was read than allow.
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
