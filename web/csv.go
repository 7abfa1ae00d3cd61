package web

import (
	"cmp"
	"encoding/csv"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"exchequer/aggregates"
	"exchequer/internal/csvtext"
	"exchequer/ledger"
	"exchequer/views"
)

// csvWriter writes tables by RFC 4180, one row at a time. Money is written in
// whole units with decimals (12.50), since spreadsheets know no minor units.
type csvWriter struct {
	out      *csv.Writer
	settings ledger.Settings
	cells    []string
	err      error
}

func newCSV(w io.Writer, settings ledger.Settings) *csvWriter {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	return &csvWriter{out: out, settings: settings}
}

// csvHeader returns the header of a CSV file. The name is of ASCII letters,
// digits and hyphens.
func csvHeader(name string) http.Header {
	return http.Header{
		"Content-Type":        {"text/csv; charset=utf-8; header=present"},
		"Content-Disposition": {`attachment; filename="` + name + `.csv"`},
	}
}

// csvName returns the name of the file of a panel: its address, parameters and
// date, "economy-activity-7-2026-11-20".
func csvName(p views.Page, asOf time.Time) string {
	parts := []string{strings.TrimPrefix(p.Path(), "/")}
	for _, d := range p.Only.Params {
		if !d.Free {
			parts = append(parts, p.Params.Get(d))
		}
	}
	parts = append(parts, cmp.Or(p.Params.Get(views.AtParam), asOf.In(p.Settings.Zone()).Format(time.DateOnly)))
	const most = 60 // bytes of the address
	parts[0] = parts[0][:min(len(parts[0]), most)]
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return r
		}
		return '-'
	}, strings.Join(parts, "-"))
}

// header writes the title of each column with its unit.
func (c *csvWriter) header(t aggregates.Table) {
	c.cells = c.cells[:0]
	for _, column := range t.Columns {
		name := column.Title
		switch column.Unit {
		case aggregates.Money:
			name += " (" + c.settings.Symbol + ")"
		case aggregates.Percent:
			name += " (share of 1)"
		case aggregates.Instant:
			name += " (UTC)"
		}
		c.cells = append(c.cells, csvtext.Guard(name))
	}
	c.write()
}

func (c *csvWriter) row(columns []aggregates.Column, values []any) {
	c.cells = c.cells[:0]
	for i, value := range values {
		c.cells = append(c.cells, c.cell(columns[i].Unit, value))
	}
	c.write()
}

func (c *csvWriter) cell(unit aggregates.Unit, value any) string {
	switch v := value.(type) {
	case string:
		return csvtext.Guard(v)
	case int64:
		return c.cell(unit, ledger.SumOf(v))
	case ledger.Sum:
		if unit == aggregates.Money {
			return decimal(v, c.settings.Decimals)
		}
		return v.String()
	case aggregates.Share:
		return c.cell(unit, float64(v))
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case time.Time:
		if unit == aggregates.Day {
			return v.Format(time.DateOnly)
		}
		return v.Format(time.RFC3339)
	default:
		return "" // not available
	}
}

func (c *csvWriter) write() {
	if c.err == nil {
		c.err = c.out.Write(c.cells)
	}
}

// last ends a file that has all its rows.
func (c *csvWriter) last() error { return c.end() }

// incomplete ends a file that lacks its last rows.
func (c *csvWriter) incomplete() {
	c.cells = append(c.cells[:0], "incomplete: the rows that follow could not be read")
	c.write()
	_ = c.end()
}

func (c *csvWriter) end() error {
	c.out.Flush()
	if c.err == nil {
		c.err = c.out.Error()
	}
	return c.err
}

// decimal writes minor units exactly.
func decimal(minor ledger.Sum, decimals int) string {
	digits, negative := strings.CutPrefix(minor.String(), "-")
	sign := ""
	if negative {
		sign = "-"
	}
	if decimals == 0 {
		return sign + digits
	}
	if missing := decimals + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	whole := len(digits) - decimals
	return sign + digits[:whole] + "." + digits[whole:]
}
