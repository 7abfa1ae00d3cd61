package native

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"exchequer/ledger/importer/csvfile"
)

// A table reads a file of the set row by row. It stops at the first error, which it
// keeps in err.
type table struct {
	file  *csvfile.File
	index map[string]int
	row   []string
	line  int
	err   error
}

// openTable opens a file. The file must have the needed columns and may have the
// optional ones, in any order, and no others.
func openTable(path string, read *atomic.Int64, needed, optional []string) (*table, error) {
	file, err := csvfile.Open(path, csvfile.Format{Delimiter: ','}, read)
	if err != nil {
		return nil, err
	}
	t := &table{file: file, index: map[string]int{}}
	for i, name := range file.Header {
		_, twice := t.index[name]
		if twice || !slices.Contains(needed, name) && !slices.Contains(optional, name) {
			file.Close()
			return nil, fmt.Errorf("%s:1: column %q is unknown or there twice: expected %s", path, name,
				strings.Join(append(slices.Clone(needed), optional...), ", "))
		}
		t.index[name] = i
	}
	for _, name := range needed {
		if _, found := t.index[name]; !found {
			file.Close()
			return nil, fmt.Errorf("%s:1: column %q is missing: expected %s", path, name, strings.Join(needed, ", "))
		}
	}
	return t, nil
}

func (t *table) close() { t.file.Close() }

// next reads the next row. It returns false at the end and after an error.
func (t *table) next() bool {
	if t.err != nil {
		return false
	}
	row, line, err := t.file.Read()
	var syntax *csvfile.SyntaxError
	switch {
	case errors.Is(err, io.EOF):
		t.row = nil
		return false
	case errors.As(err, &syntax):
		t.err = fmt.Errorf("%s:%d: %w", t.file.Path, line, err)
		return false
	case err != nil:
		t.err = err
		return false
	}
	t.row, t.line = row, line
	if len(row) != len(t.file.Header) {
		t.err = fmt.Errorf("%s: the row has %d fields, expected %d as in the header", t.place(), len(row), len(t.file.Header))
		return false
	}
	return true
}

func (t *table) place() string { return t.file.Path + ":" + strconv.Itoa(t.line) }

// text returns a field, empty if the file does not have the column.
func (t *table) text(name string) string {
	i, found := t.index[name]
	if !found {
		return ""
	}
	field := t.row[i]
	if len(field) > csvfile.MaxField {
		t.fail(name, fmt.Sprintf("expected at most %d bytes", csvfile.MaxField))
		return ""
	}
	return field
}

// needed returns a field that must not be empty.
func (t *table) needed(name string) string {
	field := t.text(name)
	if field == "" {
		t.fail(name, "expected a value")
	}
	return field
}

func (t *table) integer(name string) int64 {
	n, err := strconv.ParseInt(t.text(name), 10, 64)
	if err != nil {
		t.fail(name, "expected a whole number that fits in 64 bits")
	}
	return n
}

// optionalInteger returns nil for an empty field.
func (t *table) optionalInteger(name string) *int64 {
	if t.text(name) == "" {
		return nil
	}
	n := t.integer(name)
	return &n
}

func (t *table) time(name string) time.Time {
	at, err := time.Parse(time.RFC3339Nano, t.text(name))
	if err != nil {
		t.fail(name, "expected a time such as 2026-01-31T12:00:00Z")
	}
	return at.UTC()
}

// optionalTime returns the zero time for an empty field.
func (t *table) optionalTime(name string) time.Time {
	if t.text(name) == "" {
		return time.Time{}
	}
	return t.time(name)
}

func (t *table) boolean(name string) bool {
	switch t.text(name) {
	case "true":
		return true
	case "false":
	default:
		t.fail(name, "expected true or false")
	}
	return false
}

// optionalBoolean returns nil for an empty field.
func (t *table) optionalBoolean(name string) *bool {
	if t.text(name) == "" {
		return nil
	}
	b := t.boolean(name)
	return &b
}

func (t *table) fail(name, want string) {
	if t.err != nil {
		return
	}
	value := ""
	if i, found := t.index[name]; found {
		value = t.row[i]
	}
	if len(value) > 80 {
		value = strings.ToValidUTF8(value[:80], "") + "…"
	}
	t.err = fmt.Errorf("%s: column %q: %q: %s", t.place(), name, value, want)
}
