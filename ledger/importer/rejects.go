package importer

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"exchequer/ledger/importer/csvfile"
)

// rejects writes the rows that were left out: file, line, reason, and the fields of
// the row. After correction, the file can be imported with the same mapping.
type rejects struct {
	m      *Mapping
	csv    *csv.Writer
	header []string // of the first file that has a bad row
}

func newRejects(w io.Writer, m *Mapping) *rejects {
	r := &rejects{m: m, csv: csv.NewWriter(w)}
	r.csv.Comma = m.csv.Delimiter
	return r
}

func (r *rejects) write(o original, reason string) error {
	if r.header == nil {
		r.header = o.source.Header
		if err := r.csv.Write(append([]string{"rejected_file", "rejected_line", "rejected_because"}, r.header...)); err != nil {
			return fmt.Errorf("write rejects: %w", err)
		}
	}
	record := []string{o.source.Path, strconv.Itoa(o.line), strings.ToValidUTF8(reason, "�")}
	if err := r.csv.Write(append(record, r.arrange(o)...)); err != nil {
		return fmt.Errorf("write rejects: %w", err)
	}
	return nil
}

// arrange returns a row's fields in the order of the written header. Its own file
// may have other names or another order.
func (r *rejects) arrange(o original) []string {
	fields := make([]string, len(o.fields))
	for i, f := range o.fields {
		if len(f) > csvfile.MaxField {
			f = strings.ToValidUTF8(f[:1000], "") + fmt.Sprintf("… (%d bytes)", len(f))
		}
		fields[i] = f
	}
	if len(fields) != len(o.source.Header) || slices.Equal(r.header, o.source.Header) {
		return fields
	}
	first, _ := r.m.Check(r.header)
	arranged := make([]string, len(r.header))
	for i, name := range r.header {
		if at := slices.Index(o.source.Header, name); at >= 0 {
			arranged[i] = fields[at]
		}
	}
	for name, i := range first {
		if at, found := o.source.index[name]; found {
			arranged[i] = fields[at]
		}
	}
	return arranged
}

func (r *rejects) flush() error {
	if r == nil {
		return nil
	}
	r.csv.Flush()
	if err := r.csv.Error(); err != nil {
		return fmt.Errorf("write rejects: %w", err)
	}
	return nil
}
