package web

import (
	"encoding/csv"
	"io"
	"strings"
	"testing"
	"unicode"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// FuzzCSV looks at a file as spreadsheets do that split it at other characters
// than the comma, and that do or do not know what quotes mean.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{
		"=1+1", ";=1+1", "abc;=1+1", "abc\t=1+1", "\t=1+1", "abc\n=cmd()", "\n=1+1", "a|@x", `a;"=1"`, `";=1`, "a -", "a - b", " - a",
		"a\r\nb", "\u200b=1", "\u2028=1", ";＝1", `"=1"`, "a\x00=1", "\xff=1", "-, -",
	} {
		f.Add(s, "b")
		f.Add("a", s)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		var out strings.Builder
		w := newCSV(&out, ledger.Settings{Symbol: a})
		columns := []aggregates.Column{{Title: a}, {Title: b, Unit: aggregates.Money}, {Title: "c"}}
		w.header(columns)
		w.row(columns, []any{a, b, a + b})
		w.row(columns, []any{b, a, b + a})
		if err := w.end(); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(out.String(), "\n"); n != 3 || strings.Count(out.String(), "\r\n") != n {
			t.Fatalf("three rows have become %d lines: %q", n, out.String())
		}
		for _, separator := range ",;\t|:/ " {
			quoted := csv.NewReader(strings.NewReader(out.String()))
			quoted.Comma, quoted.LazyQuotes, quoted.FieldsPerRecord = separator, true, -1
			for {
				cells, err := quoted.Read()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatalf("%q split at %q: %v", out.String(), separator, err)
				}
				checkCells(t, cells, separator, out.String())
			}
			for line := range strings.SplitSeq(out.String(), "\r\n") {
				checkCells(t, strings.Split(line, string(separator)), separator, out.String())
			}
		}
	})
}

func checkCells(t *testing.T, cells []string, separator rune, file string) {
	for _, cell := range cells {
		visible := strings.TrimLeftFunc(cell, func(r rune) bool { return r == '"' || unicode.IsSpace(r) || !unicode.IsPrint(r) })
		if visible == "" || len([]rune(cell)) == 1 && separator == ' ' {
			continue // a dash between words
		}
		if strings.ContainsAny(string([]rune(visible)[0]), "=+-@＝＋－＠") {
			t.Errorf("split at %q, the cell %q is a formula, in %q", separator, cell, file)
		}
	}
}
