package importer

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	"exchequer/ledger/importer/csvfile"
)

// A csvFormat is the format of the files.
type csvFormat struct {
	csvfile.Format
	number numberFormat
	dates  dateFormats
}

// A source is where rows come from.
type source struct {
	Path   string         // its name in messages
	Header []string       // the names of its columns
	base   string         // its name in refs
	index  map[string]int // by name in the mapping, the columns of the header
}

// A fileSource is one file that is being read.
type fileSource struct {
	source
	file *csvfile.File
}

// open opens a file and finds the columns in its header.
func (m *Mapping) open(path string, read *atomic.Int64) (*fileSource, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && strings.HasPrefix(path, "/dev/") && m.namesFile() {
		return nil, fmt.Errorf("%s: a pipe without a name of its own cannot be imported by this mapping, whose refs contain {@file}: "+
			"save the data to a file first", path)
	}
	file, err := csvfile.Open(path, m.csv.Format, read)
	if err != nil {
		return nil, err
	}
	index, err := m.Check(file.Header)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("%s:1: %w", path, err)
	}
	return &fileSource{source{file.Path, file.Header, csvfile.BaseName(path), index}, file}, nil
}

// read returns the next row. After a [RowError] the next row can be read, after any
// other error none.
func (s *fileSource) read() (fields []string, line int, err error) {
	fields, line, err = s.file.Read()
	var syntax *csvfile.SyntaxError
	if errors.As(err, &syntax) {
		err = &RowError{File: s.Path, Line: line, Problem: syntax.Text}
	}
	return fields, line, err
}

// Check returns the index of the mapping's columns in a file's header. It returns an
// error if one is missing.
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

// delimiterHint returns a hint if the header looks split at the wrong character.
func (m *Mapping) delimiterHint(header []string) string {
	if len(header) != 1 {
		return ""
	}
	for _, d := range ",;\t|" {
		if d != m.csv.Delimiter && strings.ContainsRune(header[0], d) {
			return fmt.Sprintf("; is the delimiter %q, and not %q?", d, m.csv.Delimiter)
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

// shortened returns a value for a message, quoted and truncated if it is long.
func shortened(s string) string {
	const limit = 80
	if len(s) <= limit {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprintf("%q… (%d bytes)", strings.ToValidUTF8(s[:limit], ""), len(s))
}

// namesFile reports whether refs contain the file's name.
func (m *Mapping) namesFile() bool {
	return m.payment != nil && m.payment.ref.has(nameFile) || m.sale != nil && m.sale.ref.has(nameFile)
}
