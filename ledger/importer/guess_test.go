package importer_test

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"exchequer/internal/testkit"
	"exchequer/ledger"
	"exchequer/ledger/importer"
)

// drafted returns the draft for a file and what the check makes of it.
func drafted(t *testing.T, path string) (importer.Guess, *importer.Mapping, importer.Check) {
	t.Helper()
	g, err := importer.GuessMapping(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := importer.Parse([]byte(g.Mapping))
	if err != nil {
		t.Fatalf("the draft cannot be read: %v\n%s", err, g.Mapping)
	}
	if len(g.Missing) > 0 {
		t.Fatalf("the draft lacks %q\n%s", g.Missing, g.Mapping)
	}
	check, err := m.CheckFiles(t.Context(), []string{path}, 20_000)
	if err != nil {
		t.Fatalf("the draft does not fit its file: %v\n%s", err, g.Mapping)
	}
	return g, m, check
}

func TestADraftFitsItsFile(t *testing.T) {
	post := func(account string, amount int64) ledger.Posting {
		return ledger.Posting{Account: account, Amount: amount}
	}
	for file, c := range map[string]struct {
		at       time.Time
		postings []ledger.Posting
		decimals int
		symbol   string
		supply   int64
		has      string // a line of the draft
		unsure   string
	}{
		"club.csv": {
			day(2026, 2, 1), []ledger.Posting{post("Mint", -10000), post("anna", 10000)}, 2, "", 10000,
			`message = "{message}"`, `does "Mint" issue money?`,
		},
		"quickshop-transfers.csv": {
			day(2026, 3, 1).Add(10 * time.Hour), []ledger.Posting{post("069a79f4-44e9-4726-a5be-fca90e38aaf5", -1250), post("853c80ef-3c37-49fd-aa49-938b674adae6", 1250)}, 2, "", 9700,
			`ref    = "{ref}"`, `"error" has a value in 1 of 4 rows`,
		},
		"quickshop-purchases.csv": {
			day(2026, 3, 1).Add(10 * time.Hour), []ledger.Posting{post("069a79f4-44e9-4726-a5be-fca90e38aaf5", -1250), post("payee/17", 1250)}, 2, "", 0,
			`source = "{source}"`, "",
		},
		"etherscan.csv": {
			time.Unix(1704067211, 0).UTC(), []ledger.Posting{post("0x0000000000000000000000000000000000000000", -100000050), post("0x1111111111111111111111111111111111111111", 100000050)}, 2, "EXM", 100000050,
			`thousands = ","`, "issue money?",
		},
		"hledger.csv": {
			day(2026, 1, 1), []ledger.Posting{post("assets:bank", 100000), post("equity:opening", -100000)}, 2, "€", 298000,
			`group    = "group"`, "",
		},
		"firefly.csv": {
			day(2025, 12, 31).Add(23 * time.Hour), []ledger.Posting{post("Employer", -200000), post("Checking", 200000)}, 2, "€", 0,
			`message = "description"`, "the sign seems to say nothing",
		},
		"essentials-economy.csv": {
			day(2026, 2, 6).Add(10 * time.Hour), []ledger.Posting{post("anna", -125), post("ben", 125)}, 1, "", 270,
			`from    = ["payer", "no_payer"]`, `"sender" is empty in 1 of 3 rows`,
		},
		"shop-log.csv": {
			day(2026, 2, 6).Add(10 * time.Hour), []ledger.Posting{post("ben", -320), post("anna", 320)}, 2, "", 0,
			`unit_price = "price"`, "",
		},
		"bank-de.csv": {
			day(2026, 2, 5), []ledger.Posting{post("party/Bäckerei", 350), post("us", -350)}, 2, "€", -191650,
			`encoding  = "windows-1252"`, "are accents and umlauts right?",
		},
		"us.csv": {
			day(2025, 3, 4), []ledger.Posting{post("anna", -500), post("ben", 500)}, 2, "$", 0,
			`dates     = ["MM/DD/YYYY"]`, `is "03/04/2025" written month first? if not: ["DD/MM/YYYY"]`,
		},
	} {
		t.Run(file, func(t *testing.T) {
			g, m, check := drafted(t, filepath.Join("testdata", "guess", file))
			first := check.Files[0].Example.Transactions[0]
			byAmount := func(a, b ledger.Posting) int { return cmp.Compare(a.Amount, b.Amount) }
			slices.SortFunc(c.postings, byAmount)
			slices.SortFunc(first.Postings, byAmount)
			if diff := gocmp.Diff(c.postings, first.Postings); diff != "" || !first.At.Equal(c.at) {
				t.Errorf("the first row is at %v (-want +got):\n%s", first.At, diff)
			}
			if m.Settings.Decimals != c.decimals || m.Settings.Symbol != c.symbol || check.Issuers.Supply != c.supply {
				t.Errorf("%d decimals, symbol %q, supply %d, want %d, %q, %d", m.Settings.Decimals, m.Settings.Symbol, check.Issuers.Supply, c.decimals, c.symbol, c.supply)
			}
			if !strings.Contains(g.Mapping, "\n"+c.has) {
				t.Errorf("no line begins with %s", c.has)
			}
			all := strings.Join(g.Unsure, "\n")
			if !strings.Contains(all, c.unsure) || c.unsure == "" && all != "" {
				t.Errorf("unsure of %q, want %q", all, c.unsure)
			}
			if t.Failed() {
				t.Log(g.Mapping)
			}
		})
	}
}

func day(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

func TestAmbiguousDatesAndNumbersAreDecidedByTheDataWhereItCan(t *testing.T) {
	const head = "date;from;to;amount\n"
	for name, c := range map[string]struct{ rows, dates, decimal, unsure string }{
		"a day above 12":           {"03/04/2021;a;b;1,50\n03/14/2021;b;a;2\n", `["MM/DD/YYYY"]`, `","`, ""},
		"a day above 12, European": {"03.04.2021;a;b;1.50\n14.03.2021;b;a;2\n", `["DD.MM.YYYY"]`, `"."`, ""},
		"rows in order":            {"01/11/2021;a;b;1\n02/11/2021;b;a;2\n03/11/2021;a;b;1\n01/12/2021;b;a;1\n02/12/2021;a;b;1\n", `["DD/MM/YYYY"]`, `"."`, ""},
		"not the future":           {"02/11/" + time.Now().AddDate(1, 0, 0).Format("2006") + ";a;b;1\n", `["DD/MM/YYYY"]`, `"."`, `written day first?`},
		"nothing tells":            {"03/04/2021;a;b;1\n02/04/2021;b;a;1\n", `["DD/MM/YYYY"]`, `"."`, `is "03/04/2021" written day first? if not: ["MM/DD/YYYY"]`},
		"one or a thousand":        {"2021-01-01;a;b;1,234\n2021-01-01;b;a;5,678\n", `["YYYY-MM-DD"]`, `","`, `is "1,234" a whole number with thousands? then decimal = ".", thousands = ","`},
		"both separators":          {"2021-01-01;a;b;1,234.5\n2021-01-01;b;a;5,678\n", `["YYYY-MM-DD"]`, `"."`, ""},
		"a name of the month":      {"3 Feb 2021;a;b;1\n14 Mar 2021;b;a;2\n", `["D MMM YYYY"]`, `"."`, ""},
		"two formats":              {"2021-01-01;a;b;1\n01.02.2021;b;a;2\n", `["YYYY-MM-DD", "DD.MM.YYYY"]`, `"."`, "several formats"},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := importer.GuessMapping(save(t, "own.csv", head+c.rows))
			if err != nil {
				t.Fatal(err)
			}
			// The accounts of so few rows are not what is asked for here.
			unsure := strings.Join(slices.DeleteFunc(g.Unsure, func(u string) bool { return strings.Contains(u, "issue money") }), "\n")
			if !strings.Contains(g.Mapping, " = "+c.dates) || !strings.Contains(g.Mapping, "\ndecimal   = "+c.decimal) ||
				!strings.Contains(unsure, c.unsure) || c.unsure == "" && unsure != "" {
				t.Errorf("unsure of %q, want %q; the draft:\n%s", unsure, c.unsure, g.Mapping)
			}
		})
	}
}

func TestADraftSaysWhatToFillIn(t *testing.T) {
	for name, c := range map[string]struct{ data, want string }{
		"no words at all":         {"a,b,c\nx,y,z\nu,v,w\n", "columns.amount: the column with the amount"},
		"no date":                 {"from,to,amount\nanna,ben,5\n", "columns.date: the column with the date"},
		"a date that is none":     {"date,from,to,amount\n\"Friday, 6 February 2026\",anna,ben,5\n", `the dates of "date", such as "Friday, 6 February 2026"`},
		"milliseconds":            {"time,from,to,amount\n1700000000000,anna,ben,5\n", "divide it by 1000"},
		"two columns of amounts":  {"date,account,debit,credit\n2026-01-01,anna,5,\n", `it is in two, "debit" and "credit"`},
		"two currencies in one":   {"date,from,to,amount\n2026-01-01,anna,ben,$5\n2026-01-01,anna,ben,€5\n", `"amount" has values such as "$5"`},
		"nobody":                  {"date,amount\n2026-01-01,5\n", "columns.payer: the column with who pays"},
		"a column that is double": {"date,from,to,amount,Amount\n2026-01-01,anna,ben,5,6\n", "columns.amount"},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := importer.GuessMapping(save(t, "own.csv", c.data))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(strings.Join(g.Missing, "\n"), c.want) || !strings.Contains(g.Mapping, ` = "?"  # fill in: `) {
				t.Errorf("missing is %q, want %q; the draft:\n%s", g.Missing, c.want, g.Mapping)
			}
			if _, err := importer.Parse([]byte(g.Mapping)); err != nil {
				t.Errorf("the draft cannot be read: %v", err)
			}
		})
	}
}

func TestWhatIsNoCSVWithAHeaderIsAClearError(t *testing.T) {
	for name, c := range map[string]struct{ data, want string }{
		"nothing":           {"", "the file is empty"},
		"a spreadsheet":     {"PK\x03\x04rest", "this is a spreadsheet"},
		"UTF-16":            {"\xff\xfed\x00a\x00", "save it as UTF-8"},
		"one column":        {"amount\n5\n6\n", "no two columns"},
		"a header alone":    {"date,from,to,amount\n", "a header and no rows"},
		"no header":         {"2026-01-01,anna,ben,5\n2026-01-02,ben,anna,6\n", `the first row looks like data ("2026-01-01"), expected a header: write one above it that names the columns, such as "date,text2,text3,amount"`},
		"lines of the bank": {"Account 17\nFebruary 2026\ndate;from;to;amount\n2026-01-01;a;b;5\n2026-01-02;a;b;5\n", "row 3 looks like the header"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := importer.GuessMapping(save(t, "own.csv", c.data))
			if err == nil || !strings.Contains(err.Error(), "own.csv: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("GuessMapping = %v, want %q", err, c.want)
			}
		})
	}
	if _, err := importer.GuessMapping("nothere.csv"); err == nil || err.Error() != "nothere.csv: no such file" {
		t.Errorf("GuessMapping of no file = %v", err)
	}
}

func TestADraftFitsRealFiles(t *testing.T) {
	for _, file := range []string{"manchester/csv/2010-12.csv.gz", "manchester/csv/2019-03.csv.gz", "manchester/csv/2022-05.csv.gz", "online-retail/online-retail.csv.gz"} {
		t.Run(file, func(t *testing.T) {
			path := testkit.Data(t, strings.Split(file, "/")...)
			g, _, check := drafted(t, path)
			if check.Issuers.Supply <= 0 || len(g.Unsure) > 1 {
				t.Errorf("a supply of %d, unsure of %q\n%s", check.Issuers.Supply, g.Unsure, g.Mapping)
			}
		})
	}
}

func FuzzGuess(f *testing.F) {
	files, _ := filepath.Glob("testdata/guess/*.csv")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("date,from,to,amount\n\x00\n"))
	f.Add([]byte("\"date\",a,amount\n1/2/03,\"\\\"\",\"}{\"\n"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(dir, "own.csv")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		g, err := importer.GuessMapping(path)
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("the draft took %v", took)
		}
		if err != nil {
			return
		}
		m, err := importer.Parse([]byte(g.Mapping))
		if err != nil {
			t.Fatalf("the draft cannot be read: %v\n%s", err, g.Mapping)
		}
		if len(g.Missing) > 0 {
			return
		}
		// A row may be bad, but all columns are found.
		if _, err := m.CheckFiles(t.Context(), []string{path}, 0); err != nil {
			t.Fatalf("the draft does not fit its header: %v\n%s", err, g.Mapping)
		}
	})
}
