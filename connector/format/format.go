package format

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// A Spec is how something is to be read.
type Spec struct {
	Format    string
	Each      string   // the path of the list whose elements are rows, in JSON and YAML
	Columns   []string // the names of the columns of CSV without a header
	Delimiter string   // of CSV: one ASCII character; empty: a comma
	Encoding  string   // of records: Windows1252; empty: UTF-8
	Pattern   string   // of lines that are rows: its named groups are the columns
	Ignore    string   // of lines that are known to be no rows
	Wanted    []string // the columns that are needed; in JSON and YAML they are paths
}

// Windows1252 is the one encoding beside UTF-8.
const Windows1252 = "windows-1252"

const (
	CSV             = "csv"
	Lines           = "lines"
	NDJSON          = "ndjson"
	JSON            = "json"
	YAML            = "yaml"
	EssentialsTrade = "essentials-trade"
	CAMT053         = "camt053"
	OFX             = "ofx"
)

// Formats are the names of all formats.
var Formats = []string{CSV, Lines, NDJSON, JSON, YAML, EssentialsTrade, CAMT053, OFX}

// A Row is one row of text.
type Row struct {
	Fields  []string
	Problem string // why it could not be read; empty: it could
}

// A Format reads rows. A format of records reads each line by itself, or a few lines that
// are one record, so that it can go on where a file grows; any other reads a whole
// document.
type Format struct {
	spec    Spec
	records recordDecoder // nil: of documents
	whole   documentDecoder
}

// A recordDecoder turns a record into rows.
type recordDecoder interface {
	// decode returns the rows of a record, none if it is no row.
	decode(record string) ([][]string, error)
	header() []string
	quoted() byte // the delimiter of CSV, whose records may have line ends in quotes; else 0
}

// A documentDecoder turns a document into rows.
type documentDecoder func(text []byte, f func(fields []string) error) error

// check returns what is wrong with a spec, whatever its format is.
func (s *Spec) check() error {
	switch {
	case (s.Pattern != "") != (s.Format == Lines):
		return errors.New("a pattern goes with the format lines, and with no other")
	case s.Each != "" && !slices.Contains([]string{NDJSON, JSON, YAML}, s.Format):
		return errors.New("each goes with JSON and YAML only")
	case len(s.Columns) > 0 && s.Format != CSV:
		return errors.New("columns go with CSV only")
	case len(s.Delimiter) > 1 || s.Delimiter != "" && s.Delimiter[0] >= utf8.RuneSelf:
		return fmt.Errorf("the delimiter is %q, want one ASCII character", s.Delimiter)
	case !slices.Contains([]string{"", "utf-8", Windows1252}, s.Encoding):
		return fmt.Errorf("the encoding is %q, want utf-8 or %s", s.Encoding, Windows1252)
	}
	return nil
}

// New returns the format of a spec.
func New(s Spec) (*Format, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	f := &Format{spec: s}
	tree := newTreeRows(s.Each, s.Wanted)
	switch s.Format {
	case CSV:
		f.records = newCSVDecoder(s.Columns, s.Delimiter)
	case Lines:
		lines, err := newLinesDecoder(s.Pattern, s.Ignore)
		if err != nil {
			return nil, err
		}
		f.records = lines
	case NDJSON:
		f.records = ndjsonDecoder{tree}
	case EssentialsTrade:
		f.records = tradeDecoder{}
	case JSON:
		f.whole = func(text []byte, row func([]string) error) error { return tree.of(text, parseJSON, row) }
	case YAML:
		f.whole = func(text []byte, row func([]string) error) error { return tree.of(text, parseYAML, row) }
	case CAMT053:
		f.whole = readCAMT053
	case OFX:
		f.whole = readOFX
	default:
		return nil, fmt.Errorf("the format is %q, want one of %q", s.Format, Formats)
	}
	return f, nil
}

// Grows reports whether the format reads what is appended to a file by itself.
func (f *Format) Grows() bool { return f.records != nil }

// Header returns the names of the columns. Those of CSV are known when its header has been
// decoded.
func (f *Format) Header() []string {
	switch {
	case f.records != nil && f.spec.Format != NDJSON:
		return f.records.header()
	case f.spec.Format == CAMT053 || f.spec.Format == OFX:
		return statementHeader
	}
	return f.spec.Wanted // by their paths
}

// Decode returns the rows of a record.
func (f *Format) Decode(record string) []Row {
	if f.records == nil {
		panic("format: records of " + f.spec.Format)
	}
	if f.spec.Encoding == Windows1252 {
		record, _ = charmap.Windows1252.NewDecoder().String(record) // never fails
	}
	all, err := f.records.decode(record)
	if err != nil {
		return []Row{{Problem: err.Error()}}
	}
	rows := make([]Row, len(all))
	for i, fields := range all {
		rows[i].Fields = fields
	}
	return rows
}

// Scan returns a scanner of the records of r, of which the first begins at an offset.
func (f *Format) Scan(r io.Reader, offset int64) *Scanner {
	return newScanner(r, offset, f.records.quoted())
}

// ReadPage is [Format.Read] of a JSON document. It returns the text at a path of it, such as
// the address of the next page.
func (f *Format) ReadPage(r io.Reader, path string, row func(text string, row Row) error) (at string, err error) {
	if f.spec.Format != JSON {
		return "", errors.New("a path to the next page is one of a JSON document")
	}
	text, err := readDocument(r)
	if err != nil {
		return "", err
	}
	doc, err := parseJSON(text)
	if err != nil {
		return "", err
	}
	tree := newTreeRows(f.spec.Each, f.spec.Wanted)
	err = tree.rows(doc, func(fields []string) error { return row("", Row{Fields: fields}) })
	return lookup(doc, strings.Split(path, ".")), err
}

func readDocument(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err == nil && len(text) > maxDocument {
		err = fmt.Errorf("it is longer than %d MB", maxDocument>>20)
	}
	return text, err
}

// maxDocument is the longest document that is read.
const maxDocument = 64 << 20

// Read calls row with all rows of r. text is a record, for formats of records.
func (f *Format) Read(r io.Reader, row func(text string, row Row) error) error {
	if f.records == nil {
		text, err := readDocument(r)
		if err != nil {
			return err
		}
		return f.whole(text, func(fields []string) error { return row("", Row{Fields: fields}) })
	}
	s := f.Scan(r, 0)
	for {
		err := s.Next()
		if errors.Is(err, io.EOF) && s.Unfinished() {
			err = nil // a file that is whole may end without a line end
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if s.Long() {
			if err := row(s.Text(), Row{Problem: TooLong}); err != nil {
				return err
			}
			continue
		}
		for _, decoded := range f.Decode(s.Text()) {
			if err := row(s.Text(), decoded); err != nil {
				return err
			}
		}
	}
}
