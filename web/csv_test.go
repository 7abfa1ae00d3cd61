package web

import (
	"encoding/csv"
	"io"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

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
		w.header(aggregates.Table{Columns: columns})
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

func TestCSVIsSafeAndNamesItsUnits(t *testing.T) {
	tn := newTown()
	server := tn.start(t)
	response, body := ask(t, "GET", server.URL+"/economy/activity.csv")
	if got, want := response.Header.Get("Content-Disposition"), `attachment; filename="economy-activity-30-`+time.Now().UTC().Format(time.DateOnly)+`.csv"`; got != want {
		t.Errorf("Content-Disposition = %s", got)
	}
	rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil || len(rows) != 4 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	contains(t, strings.Join(rows[0], "|"), "Value moved (₤)")
	if rows[1][2] != "12.50" {
		t.Errorf("money is written %q, want 12.50", rows[1][2])
	}
	contains(t, body, "\r\n")
}

func TestOnlyTextsAreGuardedAgainstFormulas(t *testing.T) {
	var b strings.Builder
	out := newCSV(&b, ledger.Settings{Symbol: "£", Decimals: 2})
	columns := []aggregates.Column{{Title: "=name"}, {Title: "Sum", Unit: aggregates.Money}, {Title: "Day", Unit: aggregates.Day}, {Title: "Share", Unit: aggregates.Percent}}
	out.header(aggregates.Table{Columns: columns})
	for _, name := range []string{
		"=1+1", "+1", "-1", "@x", "\tx", "\rx", `a "b", c`, "plain", "",
		"  =1", "a;=1+1", "a;\t=1", "a\n=1+1", "a\r\nb", "|＝1", "\u200b=1", "a =1", "Bakery - North", "C++", "x-ray a@b", "- a", "a; - b",
	} {
		out.row(columns, []any{name, int64(-5), time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), -0.25})
	}
	out.row(columns, []any{"none", nil, nil, nil})
	if err := out.end(); err != nil {
		t.Fatal(err)
	}
	want := "'=name,Sum (£),Day,Share (share of 1)\r\n"
	for _, name := range []string{
		"'=1+1", "'+1", "'-1", "'@x", `" x"`, `" x"`, `"a ""b"", c"`, "plain", "",
		`"  '=1"`, "a;'=1+1", "a; '=1", "a '=1+1", "a  b", "|'＝1", "\u200b'=1", "a '=1", "Bakery - North", "C++", "x-ray a@b", "'- a", "a; '- b",
	} {
		want += name + ",-0.05,2026-01-02,-0.25\r\n"
	}
	want += "none,,,\r\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}
