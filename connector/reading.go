package connector

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"exchequer/connector/format"
	"exchequer/ledger/importer"
)

// A reading is how the rows of a stream are read from what is no database.
type reading struct {
	spec    format.Spec
	grows   bool
	files   string                    // of a folder, a pattern of their names
	where   map[string]*regexp.Regexp // by column; rows that do not match are none of the stream
	numbers []string                  // columns whose numbers may have an exponent, or a comma before their decimals
	same    string                    // a column that has the same value in all rows, such as the currency
	http    httpFile
	id      bool       // the column @id is needed
	columns [][]string // headers of each column of the mapping
	group   []string   // headers of the column by which rows are one transaction
}

// readFile is a reading as its TOML is written.
type readFile struct {
	Format  string            `toml:"format"`
	Grows   bool              `toml:"grows"`
	Each    string            `toml:"each"`
	Columns []string          `toml:"columns"`
	Pattern string            `toml:"pattern"`
	Ignore  string            `toml:"ignore"`
	Files   string            `toml:"files"`
	Where   map[string]string `toml:"where"`
	Same    string            `toml:"same"`
	Numbers []string          `toml:"numbers"`
	HTTP    httpFile          `toml:"http"`
}

// Columns that every row of a file has, beside its own.
const (
	columnID   = "@id"   // what the row has, hashed, and which one of the equal ones it is
	columnName = "@name" // of its file in a folder, without what follows the last point
	columnText = "@text" // the line, if it could not be read
)

var fileColumns = []string{columnID, columnName, columnText}

// reading checks how a stream is read.
func (f *readFile) reading(csv importer.CSVFile, mark string, parameters map[string]string, columns [][]string, group []string) (*reading, error) {
	r := &reading{grows: f.Grows, files: f.Files, same: f.Same, numbers: f.Numbers, http: f.HTTP, where: map[string]*regexp.Regexp{}, columns: columns, group: group}
	wanted := slices.Concat(columns...)
	for column, pattern := range f.Where {
		filled := withParameters(pattern, parameters, regexp.QuoteMeta)
		if filled == "" && pattern != "" { // of a parameter that is not given
			continue
		}
		re, err := regexp.Compile("^(?:" + filled + ")$")
		if err != nil {
			return nil, fmt.Errorf("read.where.%s: %w", column, err)
		}
		r.where[column] = re
		wanted = append(wanted, column)
	}
	for _, column := range []string{f.Same, mark} {
		if column != "" {
			wanted = append(wanted, column)
		}
	}
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	r.id = slices.Contains(wanted, columnID)
	wanted = slices.DeleteFunc(wanted, func(c string) bool { return slices.Contains(fileColumns, c) })
	r.spec = format.Spec{Format: f.Format, Delimiter: csv.Delimiter, Encoding: csv.Encoding, Each: f.Each, Columns: f.Columns, Pattern: f.Pattern, Ignore: f.Ignore, Wanted: wanted}
	read, err := format.New(r.spec)
	if r.files == "" {
		r.files = "*"
	}
	_, pattern := filepath.Match(r.files, "")
	switch {
	case err != nil:
		return nil, fmt.Errorf("read: %w", err)
	case pattern != nil:
		return nil, fmt.Errorf("read.files: %w", pattern)
	case f.Grows && !read.Grows():
		return nil, fmt.Errorf("read: a file of the format %s does not grow by lines", f.Format)
	case f.Grows && len(group) > 0:
		return nil, errors.New("read: of a file that grows each row is a transaction: leave out grows, or transaction.group")
	case (f.Grows || mark != "") && f.Same != "":
		return nil, errors.New("read: same goes without grows, and without a mark")
	}
	return r, r.http.check(mark)
}

// format returns the format anew: that of CSV knows the header of its file.
func (r *reading) format() *format.Format {
	f, err := format.New(r.spec)
	if err != nil {
		panic(err) // it was checked
	}
	return f
}

// header returns the names of all columns.
func header(f *format.Format) []string { return slices.Concat(f.Header(), fileColumns) }

// complete adds the columns that every row of a file has.
func complete(row format.Row, width int, id, name, text string) format.Row {
	if row.Problem == "" {
		row.Fields = append(slices.Clip(row.Fields), id, name, "")
		return row
	}
	row.Fields = make([]string, width, width+len(fileColumns))
	row.Fields = append(row.Fields, id, name, text)
	return row
}

// keeps returns whether a row of the header is one of the stream's, and an error if it
// cannot be told.
func (r *reading) keeps(header []string) (func(fields []string) bool, error) {
	columns := map[int]*regexp.Regexp{}
	for name, re := range r.where {
		i := slices.Index(header, name)
		if i < 0 {
			return nil, fmt.Errorf("column %q of read.where is missing; there are %q", name, header)
		}
		columns[i] = re
	}
	return func(fields []string) bool {
		for i, re := range columns {
			if i < len(fields) && !re.MatchString(strings.TrimSpace(fields[i])) {
				return false
			}
		}
		return true
	}, nil
}

// normalize writes the numbers of a row without exponents and with a point. None of them
// have thousands separators.
func (r *reading) normalize(header, fields []string) {
	for i, name := range header[:min(len(header), len(fields))] {
		if !slices.Contains(r.numbers, name) {
			continue
		}
		if strings.Count(fields[i], ",") == 1 && !strings.Contains(fields[i], ".") {
			fields[i] = strings.Replace(fields[i], ",", ".", 1)
		}
		fields[i] = format.Plain(fields[i])
	}
}

// A sifter passes on the rows of a stream that are its own, each with its id.
type sifter struct {
	r      *reading
	name   string // of the file
	emit   func(header []string, row format.Row) error
	header []string
	keeps  func([]string) bool
	seen   map[[12]byte]int // how often there was a row, or a group, with these values
	group  []format.Row
	key    string
}

func newSifter(r *reading, emit func(header []string, row format.Row) error) *sifter {
	return &sifter{r: r, emit: emit, seen: map[[12]byte]int{}}
}

// row passes on a row as its format reads it.
func (s *sifter) row(f *format.Format, text string, row format.Row) (err error) {
	own := f.Header()
	if s.header == nil || len(s.header) != len(own)+len(fileColumns) || row.Problem == "" && !slices.Equal(s.header[:len(own)], own) {
		if err := s.end(); err != nil {
			return err
		}
		s.header = header(f)
		if s.keeps, err = s.r.keeps(s.header); err != nil {
			return err
		}
	}
	row = complete(row, len(own), "", s.name, text)
	if row.Problem != "" {
		if err := s.end(); err != nil {
			return err
		}
		return s.emit(s.header, row)
	}
	if !s.keeps(row.Fields) {
		return nil
	}
	s.r.normalize(s.header, row.Fields)
	if !s.r.id {
		return s.emit(s.header, row)
	}
	key := s.value(row.Fields, s.r.group)
	if len(s.group) > 0 && (key == "" || key != s.key || len(s.group) >= maxGroup) {
		if err := s.end(); err != nil {
			return err
		}
	}
	s.key, s.group = key, append(s.group, row)
	return nil
}

// maxGroup is how many rows one transaction may have.
const maxGroup = 100_000

// among reports whether a header is among names, as a mapping compares them.
func among(names []string, header string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, strings.TrimSpace(header)) })
}

func (s *sifter) value(fields, names []string) string {
	for i, name := range s.header {
		if i < len(fields) && among(names, name) {
			return strings.TrimSpace(fields[i])
		}
	}
	return ""
}

// end passes on the group of rows that are one transaction.
func (s *sifter) end() error {
	if len(s.group) == 0 {
		return nil
	}
	hash := sha256.New()
	for _, row := range s.group {
		for _, names := range s.r.columns {
			if !among(s.r.group, names[0]) {
				fmt.Fprintf(hash, "%q,", s.value(row.Fields, names))
			}
		}
		fmt.Fprintln(hash)
	}
	var sum [12]byte
	copy(sum[:], hash.Sum(nil))
	s.seen[sum]++
	id := identity(sum, s.seen[sum])
	group := s.group
	s.group = s.group[:0]
	at := len(s.header) - len(fileColumns)
	for _, row := range group {
		if at < len(row.Fields) {
			row.Fields[at] = id
		}
		if err := s.emit(s.header, row); err != nil {
			return err
		}
	}
	return nil
}

// identity returns the id of a row: a hash, and which of the rows with it this is.
func identity(sum [12]byte, ordinal int) string {
	id := hex.EncodeToString(sum[:])
	if ordinal > 1 {
		id += "-" + strconv.Itoa(ordinal)
	}
	return id
}

// withParameters replaces {name} in a text.
func withParameters(text string, parameters map[string]string, quote func(string) string) string {
	for key, value := range parameters {
		text = strings.ReplaceAll(text, "{"+key+"}", quote(value))
	}
	return text
}
