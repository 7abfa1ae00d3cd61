package format

import (
	"errors"
	"strings"
)

// A csvDecoder reads CSV as in RFC 4180. White space around fields is left to the caller.
type csvDecoder struct {
	columns   []string // nil: the header comes
	delimiter string
}

func newCSVDecoder(columns []string, delimiter string) *csvDecoder {
	d := &csvDecoder{delimiter: delimiter}
	if delimiter == "" {
		d.delimiter = ","
	}
	if len(columns) > 0 {
		d.columns = columns
	}
	return d
}

func (d *csvDecoder) header() []string { return d.columns }
func (d *csvDecoder) quoted() byte     { return d.delimiter[0] }

func (d *csvDecoder) decode(record string) ([][]string, error) {
	if strings.TrimSpace(record) == "" {
		return nil, nil
	}
	fields, err := splitCSV(record, d.delimiter)
	if err == nil && d.columns == nil {
		d.columns = fields
		return nil, nil
	}
	return [][]string{fields}, err
}

var errCSV = errors.New(`it is not CSV: a quoted field ends with " before the delimiter, and quotes in it are doubled`)

// splitCSV returns the fields of a record.
func splitCSV(record, delimiter string) ([]string, error) {
	var fields []string
	for {
		if !strings.HasPrefix(record, `"`) {
			field, rest, more := strings.Cut(record, delimiter)
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
		var more bool
		if record, more = strings.CutPrefix(record, delimiter); !more {
			return nil, errCSV
		}
	}
}
