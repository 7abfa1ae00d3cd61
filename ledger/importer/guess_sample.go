package importer

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"exchequer/ledger/importer/csvfile"
)

// A sample is the beginning of a file from which its mapping is guessed.
type sample struct {
	path      string
	delimiter rune
	encoding  string
	header    []string
	rows      [][]string // as long as the header
	ragged    int        // rows that are not
	whole     bool       // whether that is the whole file
}

const delimiters = ",;\t|"

func readSample(text []byte, whole bool, path string) (*sample, error) {
	s := &sample{path: path, whole: whole, encoding: "utf-8"}
	fail := func(format string, args ...any) (*sample, error) {
		return nil, fmt.Errorf("%s: %s", path, fmt.Sprintf(format, args...))
	}
	switch {
	case len(bytes.TrimSpace(text)) == 0:
		return fail("the file is empty, expected a header")
	case bytes.HasPrefix(text, []byte("PK\x03\x04")):
		return fail("this is a spreadsheet or an archive: save the table as CSV first")
	case bytes.IndexByte(text, 0) >= 0:
		return fail("this is not a CSV file in UTF-8 or Windows-1252: save it as UTF-8 first")
	}
	if !whole { // the last row may be cut
		text = text[:bytes.LastIndexByte(text, '\n')+1]
	}
	if !utf8.Valid(text) {
		s.encoding = csvfile.Windows1252
		decoded, err := charmap.Windows1252.NewDecoder().Bytes(text)
		if err != nil {
			return fail("%v", err)
		}
		text = decoded
	}
	s.delimiter = guessDelimiter(text)
	if s.delimiter == 0 {
		return fail("no two columns, split at %s: is this a CSV file?", "comma, semicolon, tab or |")
	}
	rows, size := parseRows(text, s.delimiter, sampleRows+1)
	if len(rows) == 0 {
		return fail("no row can be read as CSV: is a quote not closed?")
	}
	if line := headerLine(rows, size); line > 0 {
		return fail("row %d looks like the header, expected it in the first row: remove what stands before it", line+1)
	}
	if len(rows) > sampleRows {
		s.whole = false
	}
	s.header = rows[0]
	if len(s.header) > sampleColumns {
		return fail("%d columns, expected at most %d", len(s.header), sampleColumns)
	}
	for _, row := range rows[1:] {
		if len(row) == len(s.header) {
			s.rows = append(s.rows, row)
		} else {
			s.ragged++
		}
	}
	if len(s.rows) == 0 {
		return fail("the file has a header and no rows like it")
	}
	return s, nil
}

// guessDelimiter returns the delimiter that splits the first rows into the most
// columns that agree, or 0.
func guessDelimiter(text []byte) rune {
	const looked = 200
	var best rune
	var most float64
	for _, d := range delimiters {
		rows, size := parseRows(text, d, looked)
		if size < 2 {
			continue
		}
		agree := 0
		for _, row := range rows {
			if len(row) == size {
				agree++
			}
		}
		score := float64(agree) / float64(len(rows)) * float64(min(size, 8))
		if len(rows[0]) != size {
			score /= 2
		}
		if score > most {
			best, most = d, score
		}
	}
	return best
}

// parseRows returns the first rows, without those that are not CSV, and the most
// common number of fields.
func parseRows(text []byte, delimiter rune, limit int) (rows [][]string, size int) {
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma = delimiter
	r.FieldsPerRecord = -1
	counts := map[int]int{}
	for bad := 0; len(rows) < limit && bad < limit; {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			bad++
			continue
		}
		rows = append(rows, row)
		counts[len(row)]++
	}
	for n, times := range counts {
		if times > counts[size] || times == counts[size] && n > size {
			size = n
		}
	}
	return rows, size
}

// headerLine returns the index of the first row that is as long as most, if the
// rows before it are shorter, as banks write them, else 0.
func headerLine(rows [][]string, size int) int {
	if len(rows[0]) >= size {
		return 0
	}
	for i, row := range rows[:min(len(rows), 50)] {
		if len(row) == size {
			return i
		}
	}
	return 0
}

// columns returns what is known of each column from its values.
func (s *sample) columns(now time.Time) []*guessColumn {
	columns := make([]*guessColumn, len(s.header))
	for i, header := range s.header {
		c := &guessColumn{header: strings.TrimSpace(header), words: headerWords(header)}
		for _, row := range s.rows {
			v := strings.TrimSpace(row[i])
			if v == "" {
				c.empty++
			} else {
				c.values = append(c.values, v)
			}
		}
		c.numbers = readNumbers(c.values)
		c.dates = readDates(c.values, c.has(wordsOf("date")...), now)
		columns[i] = c
	}
	for i, c := range columns {
		for j, other := range columns {
			c.twice = c.twice || i != j && strings.EqualFold(c.header, other.header)
		}
	}
	return columns
}

// checkHeader returns an error if the first row looks like data.
func (s *sample) checkHeader(columns []*guessColumn) error {
	for _, c := range columns {
		first := []string{c.header}
		number := c.numbers.shapes != 0 && readNumbers(first).shapes != 0
		date := c.dates.found() && readDates(first, true, time.Now()).found()
		if !number && !date {
			continue
		}
		var names []string
		for i, c := range columns {
			switch {
			case c.dates.found():
				names = append(names, "date")
			case c.numbers.shapes != 0:
				names = append(names, "amount")
			default:
				names = append(names, fmt.Sprintf("text%d", i+1))
			}
		}
		suggestion := strings.Join(names[:min(len(names), 30)], string(s.delimiter))
		return fmt.Errorf("%s: the first row looks like data (%s), expected a header: write one above it that names the columns, such as %q",
			s.path, shortened(c.header), suggestion)
	}
	return nil
}
