package format

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rowsOf returns the rows of a text, each as its fields or its problem.
func rowsOf(t testing.TB, s Spec, text string) ([]string, error) {
	t.Helper()
	f, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	err = f.Read(strings.NewReader(text), func(_ string, row Row) error {
		if row.Problem != "" {
			all = append(all, "! "+row.Problem)
		} else {
			all = append(all, strings.Join(row.Fields, "|"))
		}
		return nil
	})
	return all, err
}

func TestTextsBecomeRows(t *testing.T) {
	for name, c := range map[string]struct {
		spec Spec
		text string
		want []string
	}{
		"CSV":                          {Spec{Format: CSV}, "\ufeffa,b\r\n1,\"x, \"\"y\"\"\nz\" \r\n\r\n2,\n3", []string{"1|x, \"y\"\nz", "2|", "3"}},
		"CSV without a header":         {Spec{Format: CSV, Columns: []string{"a", "b"}}, "1,2\n", []string{"1|2"}},
		"CSV of another delimiter":     {Spec{Format: CSV, Delimiter: ";", Encoding: Windows1252}, "\r\nbetrag;wer\r\n\"1;5\";B\xe4cker\r\n2,5;", []string{"1;5|Bäcker", "2,5|"}},
		"CSV with a quote not closed":  {Spec{Format: CSV}, "a\n\"1\n2\n", []string{"! " + errCSV.Error()}},
		"CSV with a quote in a field":  {Spec{Format: CSV}, "a,b\n5\" nail,2\n3,4\n", []string{"5\" nail|2", "3|4"}},
		"lines":                        {Spec{Format: Lines, Pattern: `^(?P<who>\w+) (?:pays (?P<out>\d+)|gets (?P<in>\d+))$`, Ignore: `^#`}, "ann pays 5\n# no\n\nbob gets 7\nwhat\n", []string{"ann|5|", "bob||7", "! the line does not match the pattern"}},
		"lines of two forms":           {Spec{Format: Lines, Pattern: `^(?:in (?P<who>\w+)|(?P<who>\w+) out)$`}, "in ann\nbob out\n", []string{"ann", "bob"}},
		"JSON":                         {Spec{Format: JSON, Each: "of.list", Wanted: []string{"id", "n", "of.name", "tags.1", "missing"}}, `{"id": 9, "of": {"name": "x", "list": [{"n": 1.50, "tags": ["a", "b"]}, {"n": 2e3, "id": null}, {"n": true}]}}`, []string{"9|1.50|x|b|", "|2000|x||", "9|true|x||"}},
		"a JSON list":                  {Spec{Format: JSON, Wanted: []string{"n"}}, `[{"n": 12345678901234567890.123}, {"n": "1"}]`, []string{"12345678901234567890.123", "1"}},
		"NDJSON":                       {Spec{Format: NDJSON, Wanted: []string{"n"}}, "{\"n\": 1}\n\n{\"n\":\n[{\"n\": 2}, {\"n\": 3}]\n", []string{"1", "! it is not JSON: unexpected EOF", "2", "3"}},
		"YAML":                         {Spec{Format: YAML, Each: "*", Wanted: []string{keyName, "money", "at"}}, "ann: {money: 010.50, at: 2026-01-01}\nbob: &b {money: '7', at: ~}\ncid: *b\n", []string{"ann|010.50|2026-01-01", "bob|7|", "cid|7|"}},
		"YAML without anything":        {Spec{Format: YAML, Wanted: []string{"money"}}, "", []string{""}},
		"a trade with an end balance":  {Spec{Format: EssentialsTrade}, `API,Add,API,"1 May 2026 10:00:00","ann",1.5E+1,money,$,"","","","","","","",""115.0,`, []string{"2026-05-01 10:00:00|plugin|essentials:server|system|Server|player:ann|personal|ann|15||||player:ann|ann|115.0||||"}},
		"a trade without one":          {Spec{Format: EssentialsTrade}, `API,Add,API,"1 May 2026 10:00:00","ann",1,money,$,"","","","","","","","",`, []string{"2026-05-01 10:00:00|plugin|essentials:server|system|Server|player:ann|personal|ann|1||||||||||"}},
		"a trade of an unknown date":   {Spec{Format: EssentialsTrade}, `API,Add,API,"some time","ann",1,money,$,"","","","","","","","",`, []string{"! the date is not understood"}},
		"a trade that nobody pays for": {Spec{Format: EssentialsTrade}, `Sign,Free,Interact,"1 May 2026 10:00:00","ann","","","","ann",1,DIRT,,"w",1,2,3,,`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := rowsOf(t, c.spec, c.text)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("rows (-want +got):\n%s", d)
			}
		})
	}
}

func TestDocumentsThatAreNotWholeOrTooLargeAreErrors(t *testing.T) {
	bomb := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 9 {
		bomb += fmt.Sprintf("a%d: &a%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i), 10), ", "))
	}
	const entities = `<!DOCTYPE d [<!ENTITY a "xxxxxxxxxx"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><Document><BkToCstmrStmt><Stmt><Acct><Id><IBAN>&b;</IBAN></Id></Acct></Stmt></BkToCstmrStmt></Document>`
	for name, c := range map[string]struct {
		format, text, want string
	}{
		"JSON that ends early":     {JSON, `{"a": [1, `, "it is not JSON"},
		"JSON and more":            {JSON, `{} {}`, "text comes after its end"},
		"YAML of aliases":          {YAML, bomb, "too large or too deep"},
		"YAML in itself":           {YAML, "a: &a [*a]\n", "too large or too deep"},
		"XML with entities":        {CAMT053, entities, "it is not a camt.053"},
		"XML of another encoding":  {CAMT053, `<?xml version="1.0" encoding="UTF-16"?><Document/>`, `its encoding is "UTF-16"`},
		"XML of something else":    {CAMT053, `<Document></Document>`, "it has no statement"},
		"OFX that ends early":      {OFX, `<OFX><BANKMSGSRSV1><STMTRS>`, "it is not whole"},
		"OFX that is deep":         {OFX, "<OFX>" + strings.Repeat("<A>", 100), "too deep"},
		"OFX of something else":    {OFX, `<OFX></OFX>`, "it has no statement"},
		"a document that is large": {JSON, strings.Repeat(" ", maxDocument+1), "it is longer than 64 MB"},
	} {
		t.Run(name, func(t *testing.T) {
			if rows, err := rowsOf(t, Spec{Format: c.format, Wanted: []string{"a"}}, c.text); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("rows %.200q, error %v, want %q", rows, err, c.want)
			}
		})
	}
}

// Whatever a text is, it is read without a panic, and rows have the columns of the header
// unless they are those of CSV.
func FuzzFormats(f *testing.F) {
	for _, text := range []string{
		"a,b\n1,\"2\n3\"\n", `{"list": [{"n": 1}]}`, "list:\n- {n: &a 1}\n- {n: *a}\n",
		`Command,Pay,Player,"Sunday, March 1, 2026 at 10:00:02 AM","ada",10.5,money,$,"bert",10.5,money,$,"world",10,64,-20,89.50,`,
		"<OFX><STMTRS><ACCTID>1<STMTTRN><TRNAMT>5<DTPOSTED>20260101120000[-5:EST]</STMTTRN><LEDGERBAL><BALAMT>7</LEDGERBAL></STMTRS></OFX>",
		`<Document><BkToCstmrStmt><Stmt><Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">1</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal></Stmt></BkToCstmrStmt></Document>`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range Formats {
			spec := Spec{Format: name, Wanted: []string{"n", "a.b", keyName}}
			switch name {
			case Lines:
				spec.Pattern = `^(?P<a>\d+) (?P<b>.*)$`
			case JSON, YAML, NDJSON:
				spec.Each = "list"
			}
			read, err := New(spec)
			if err != nil {
				t.Fatal(err)
			}
			stop := errors.New("enough")
			rows := 0
			err = read.Read(io.LimitReader(strings.NewReader(text), 64<<10), func(_ string, row Row) error {
				if rows++; rows > 1000 {
					return stop
				}
				if row.Problem == "" && name != CSV && len(row.Fields) != len(read.Header()) {
					t.Errorf("%s: a row of %d fields, the header has %d", name, len(row.Fields), len(read.Header()))
				}
				return nil
			})
			_ = err // most texts are not of the format
		}
	})
}
