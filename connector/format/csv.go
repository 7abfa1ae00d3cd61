package format

import (
	"errors"
	"strings"
)

// A csvDecoder reads CSV as in RFC 4180, with commas. White space around fields is left to
// who reads them, also around quotes.
type csvDecoder struct {
	columns []string
	given   bool // there is no header in the file
}

func (d *csvDecoder) header() []string { return d.columns }
func (d *csvDecoder) quoted() rune     { return ',' }

func (d *csvDecoder) decode(record string, first bool) ([][]string, error) {
	if strings.TrimSpace(record) == "" {
		return nil, nil
	}
	fields, err := splitCSV(record)
	if first && !d.given {
		d.columns = fields
		return nil, err
	}
	return [][]string{fields}, err
}

var errCSV = errors.New(`it is not CSV: a quoted field ends with " before the comma, and quotes in it are doubled`)

// splitCSV returns the fields of a record.
func splitCSV(record string) ([]string, error) {
	var fields []string
	for {
		if !strings.HasPrefix(record, `"`) {
			field, rest, more := strings.Cut(record, ",")
			fields = append(fields, field)
			if record = rest; !more {
				return fields, nil
			}
			continue
		}
		var field strings.Builder
		for record = record[1:]; ; {
			end := strings.IndexByte(record, '"')
			if end < 0 {
				return nil, errCSV
			}
			field.WriteString(record[:end])
			record = record[end+1:]
			if !strings.HasPrefix(record, `"`) {
				break
			}
			field.WriteByte('"')
			record = record[1:]
		}
		fields = append(fields, field.String())
		if record = strings.TrimLeft(record, " "); record == "" {
			return fields, nil
		}
		if record[0] != ',' {
			return nil, errCSV
		}
		record = record[1:]
	}
}
