package importer_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/klauspost/compress/zstd"

	"exchequer/internal/testkit"
	"exchequer/ledger"
	"exchequer/ledger/importer"
)

const payments = `origin = "test"
[ledger]
name = "Test"
symbol = "£"
decimals = 2
[columns]
date = "Date"
amount = ["Amount", "Net Amount"]
payer = "Payer"
payee = "Payee"
note = { header = "Note", optional = true }
[[accounts]]
role = "payer"
kind = "system"
ref = "{payer}"
[[accounts]]
role = "payee"
kind = "business"
ref = "to/{payee}"
name = "{payee}"
[transaction]
at = "date"
from = "payer"
to = "payee"
amount = "amount"
source = "payment"
message = "{note}"
`

const good = "Date,Amount,Payer,Payee\n2026-01-01,1.50,council,anna\n2026-01-02,-0.50,council,anna\n"

func TestBadInputIsAClearErrorAndWritesNothing(t *testing.T) {
	db, m := testkit.Postgres(t), parse(t, payments)
	for name, c := range map[string]struct{ data, want string }{
		"another delimiter":                {strings.ReplaceAll(good, ",", ";"), `data.csv:1: column "amount" is missing: expected "Amount" or "Net Amount" in the header, which has "Date;Amount;Payer;Payee"; is the delimiter ';', and not ','?`},
		"a missing column":                 {strings.Replace(good, "Payee", "Whom", 1), `data.csv:1: column "payee" is missing: expected "Payee" in the header, which has "Date", "Amount", "Payer", "Whom"`},
		"a column that occurs twice":       {strings.Replace(good, "Payer", "Net Amount", 1), `data.csv:1: column "amount" is there twice: "Amount" and "Net Amount"`},
		"an empty file":                    {"", "data.csv: the file is empty, expected a header"},
		"a header alone":                   {"Date,Amount,Payer,Payee\n", "the file has a header and no rows"},
		"a gzip that ends early":           {string(squeeze(t, good)[:30]), "data.csv: read data after line 0: the compressed data ends early: the file is not complete"},
		"a zstd that ends early":           {string(zstdOf(t, strings.Repeat(good, 100))[:40]), "the compressed data ends early"},
		"a field of 1 MB":                  {good + "2026-01-03,1.00,council," + strings.Repeat("x", 1<<20) + "\n", `data.csv:4: column "payee" (Payee): "xxxx`},
		"a quote that nobody closes":       {good + "2026-01-03,1.00,\"council," + strings.Repeat("2026-01-03,1.00,council,anna\n", 400_000), "data.csv: the row after line 3 is longer than 4 MB: is a quote not closed?"},
		"a short quote that nobody closes": {good + "2026-01-03,1.00,\"council,anna\n", `data.csv:4: extraneous or missing " in quoted-field`},
		"a quote in a bare field":          {good + "2026-01-03,1.00,coun\"cil,anna\n", `data.csv:4: bare " in non-quoted-field`},
		"invalid UTF-8":                    {good + "2026-01-03,1.00,council,caf\xe9\n", `data.csv:4: column "payee" (Payee): "caf\xe9": expected UTF-8: is the file's encoding "windows-1252"?`},
		"a zero byte":                      {good + "2026-01-03,1.00,council,an\x00na\n", `data.csv:4: column "payee" (Payee): "an\x00na": expected text without zero bytes`},
		"an amount beyond 64 bits":         {good + "2026-01-03,92233720368547758.08,council,anna\n", `data.csv:4: column "amount" (Amount): "92233720368547758.08": expected an amount that fits in 64 bits, in units of 10^-2`},
		"too many decimals":                {good + "2026-01-03,1.005,council,anna\n", `data.csv:4: column "amount" (Amount): "1.005": expected an amount with at most 2 decimals`},
		"NaN":                              {good + "2026-01-03,NaN,council,anna\n", `data.csv:4: column "amount" (Amount): "NaN": expected digits, with "." before decimals, such as -1234.56`},
		"an empty amount":                  {good + "2026-01-03,,council,anna\n", `data.csv:4: column "amount" (Amount): "": expected digits`},
		"a date in the future":             {good + "2999-01-03,1.00,council,anna\n", `data.csv:4: column "date" (Date): "2999-01-03": expected a date like YYYY-MM-DD that is not in the future`},
		"another date format":              {good + "03/01/2026,1.00,council,anna\n", `data.csv:4: column "date" (Date): "03/01/2026": expected a date like YYYY-MM-DD`},
		"an empty name":                    {good + "2026-01-03,1.00,council, \n", `data.csv:4: column "payee" (Payee): " ": expected a value: an account of role "payee" needs it`},
		"too few fields":                   {good + "2026-01-03,1.00,council\n", "data.csv:4: the row has 3 fields, expected 4 as in the header"},
		"not a CSV file":                   {"\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 300_000), "this is not a CSV file with a header"},
		"what only the ledger knows":       {good + "2026-01-03,1.00,council," + strings.Repeat("x", 600) + "\n", `ref is longer than 512 bytes`},
	} {
		t.Run(name, func(t *testing.T) {
			file := save(t, "data.csv", c.data)
			_, err := importer.Run(t.Context(), importer.Options{Ledger: ledger.New(db), Mapping: m, Files: []string{file}})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Run = %.400v\nwant it to say %s", err, c.want)
			}
			if n := number(t, db, `SELECT (SELECT count(*) FROM transactions) + (SELECT count(*) FROM accounts)`); n != 0 {
				t.Errorf("%d transactions and accounts were written, want none", n)
			}
		})
	}
}

func TestAFileOfSeveralCurrenciesBecomesALedgerOfEach(t *testing.T) {
	const data = "Date,Amount,Payer,Payee,Currency\n2026-01-01,1.50,council,anna,GBP\n2026-01-01,9,council,anna,yen\n2026-01-02,2.00,council,anna,EUR\n2026-01-03,4.00,council,bert,GBP\n2026-01-04,0.25,council,anna,STG\n"
	file := save(t, "data.csv", data)
	for where, want := range map[string]struct {
		transactions, others int
		supply               int64
	}{
		`"EUR"`:          {1, 4, 200},
		`["GBP", "STG"]`: {3, 2, 575},
	} {
		db := testkit.Postgres(t)
		m := parse(t, inMoney(where))
		summary := imported(t, db, m, file)
		if summary.Transactions != want.transactions || summary.Rows != want.transactions || summary.OtherRows != want.others || summary.Rejected != 0 {
			t.Errorf("%s: imported %+v, want %d rows, and %d left out", where, summary, want.transactions, want.others)
		}
		if supply := number(t, db, `SELECT sum(b.balance) FROM balances b JOIN accounts a ON a.id = b.account WHERE a.kind = 'business'`); supply != want.supply {
			t.Errorf("%s: the supply is %d, want %d", where, supply, want.supply)
		}
		check, err := m.CheckFiles(t.Context(), []string{file}, 1000)
		if err != nil || check.Files[0].Rows != 5 || check.Files[0].Others != want.others {
			t.Errorf("%s: checked %+v, %v", where, check.Files, err)
		}
	}
	_, err := importer.Run(t.Context(), importer.Options{Ledger: ledger.New(testkit.Postgres(t)), Mapping: parse(t, inMoney(`"eur"`)), Files: []string{file}})
	if err == nil || !strings.Contains(err.Error(), `none of the 5 rows is as [where] says: money = ["eur"]`) {
		t.Errorf("a currency that no row has: %v", err)
	}
}

// inMoney returns the mapping of payments in a currency.
func inMoney(where string) string {
	return strings.Replace(payments, "payer = \"Payer\"\n", "payer = \"Payer\"\nmoney = \"Currency\"\n", 1) + "[where]\nmoney = " + where + "\n"
}

func TestADirectoryAndAMissingFileAreClearErrors(t *testing.T) {
	m := parse(t, payments)
	for file, want := range map[string]string{t.TempDir(): "is a directory; name the files in it", "nowhere.csv": "nowhere.csv: no such file"} {
		_, err := importer.Run(t.Context(), importer.Options{Mapping: m, Files: []string{file}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Run = %v, want it to say %q", err, want)
		}
	}
	a, b := save(t, "data.csv", good), save(t, "data.csv.gz", good)
	_, err := importer.Run(t.Context(), importer.Options{Mapping: m, Files: []string{a, b}})
	if err == nil || !strings.Contains(err.Error(), "have the same name, which this mapping's refs are made of") {
		t.Errorf("Run of two files with one name = %v, want an error", err)
	}
}

func TestAPipeIsImportedAsAStream(t *testing.T) {
	db, m := testkit.Postgres(t), parse(t, payments)
	path := filepath.Join(t.TempDir(), "named.csv")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	wrote := make(chan error)
	go func() { wrote <- os.WriteFile(path, []byte(good), 0) }()
	summary := imported(t, db, m, path)
	if err := <-wrote; err != nil || summary.Transactions != 2 {
		t.Errorf("imported %+v, %v, want two transactions", summary, err)
	}
	read, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	defer w.Close()
	nameless := "/dev/fd/" + strconv.Itoa(int(read.Fd()))
	_, err = importer.Run(t.Context(), importer.Options{Ledger: ledger.New(db), Mapping: m, Files: []string{nameless}})
	if err == nil || !strings.Contains(err.Error(), "a pipe without a name of its own cannot be imported by this mapping") {
		t.Errorf("Run of a nameless pipe = %v, want an error", err)
	}
}

func TestTheWaysInWhichAFileMayBeWritten(t *testing.T) {
	const want = 2
	for name, data := range map[string]string{
		"plain":                 good,
		"Windows line ends":     strings.ReplaceAll(good, "\n", "\r\n"),
		"a byte order mark":     "\ufeff" + good,
		"gzip":                  string(squeeze(t, "\ufeff"+good)),
		"zstd":                  string(zstdOf(t, good)),
		"no last line end":      strings.TrimSuffix(good, "\n"),
		"blank lines":           strings.ReplaceAll(good, "\n", "\n\n"),
		"quotes and line ends":  "\"Date\",Amount,\"Pay\"\"er\",Payer,Payee\n2026-01-01,\"1.50\",x,\"a \"\"big\"\"\ncouncil\",anna\n2026-01-02,1,y,b,c\n",
		"other header and case": strings.Replace(good, "Date,Amount", " DATE ,net amount", 1),
		"more columns":          "Note,Extra," + strings.ReplaceAll(strings.TrimSuffix(good, "\n"), "\n", "\nhello,\xff,") + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			db, m := testkit.Postgres(t), parse(t, payments)
			file := save(t, "data.csv", data)
			if got := imported(t, db, m, file); got.Transactions != want || got.Rows != want {
				t.Errorf("imported %+v, want %d transactions", got, want)
			}
			verify(t, db)
		})
	}
}

func TestBadRowsAreLeftOutAndCanBePutRight(t *testing.T) {
	db, m := testkit.Postgres(t), parse(t, payments)
	file := save(t, "data.csv", good+
		"2026-01-03,NaN,council,bert\n"+
		"2026-01-04,2.00,council,"+strings.Repeat("x", 600)+"\n"+ // only the ledger refuses this
		"2026-01-05,1.00,coun\"cil,carl\n"+
		"2026-01-06,3.00,council,dora\n")
	var rejects bytes.Buffer
	summary, err := importer.Run(t.Context(), importer.Options{Ledger: ledger.New(db), Mapping: m, Files: []string{file}, SkipInvalid: true, Rejects: &rejects})
	if err != nil || summary.Transactions != 3 || summary.Rejected != 3 || summary.Rows != 6 {
		t.Fatalf("Run = %+v, %v, want 3 transactions and 3 of 6 rows rejected", summary, err)
	}
	if n := number(t, db, `SELECT count(*) FROM accounts`); n != 3 {
		t.Errorf("%d accounts, want only council, anna and dora", n)
	}
	r := csv.NewReader(&rejects)
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil || len(rows) != 4 {
		t.Fatalf("rejects are %q, %v, want a header and 3 rows", rows, err)
	}
	if got := strings.Join(rows[0], ","); got != "rejected_file,rejected_line,rejected_because,Date,Amount,Payer,Payee" {
		t.Errorf("the rejects' header is %s", got)
	}
	reasons := map[string]string{}
	for _, row := range rows[1:] {
		if row[0] != file {
			t.Errorf("rejected file %q, want %q", row[0], file)
		}
		reasons[row[1]] = row[2]
		if row[1] == "4" && strings.Join(row[3:], ",") != "2026-01-03,NaN,council,bert" {
			t.Errorf("the rejected row is %q, want it as it was", row[3:])
		}
	}
	for line, want := range map[string]string{"4": `column "amount" (Amount): "NaN": expected digits`, "5": "longer than 512 bytes", "6": `bare "`} {
		if !strings.Contains(reasons[line], want) {
			t.Errorf("line %s was rejected because %q, want %q", line, reasons[line], want)
		}
	}
	right := save(t, "right.csv", strings.Join(rows[0], ",")+"\nx,4,y,2026-01-03,7.00,council,bert\n")
	if got := imported(t, db, m, right); got.Transactions != 1 {
		t.Errorf("the corrected rejects gave %+v, want one transaction", got)
	}
	verify(t, db)
}

// Between batches everything is written that was read, and the ledger may be divided.
func TestNothingIsPendingBetweenBatches(t *testing.T) {
	db, m := testkit.Postgres(t), parse(t, payments)
	rows := "Date,Amount,Payer,Payee\n"
	for day := range 120 {
		rows += time.Date(2020, 1, 1+day, 0, 0, 0, 0, time.UTC).Format(time.DateOnly) + ",1.00,council,anna\n"
	}
	var written []int64
	_, err := importer.Run(t.Context(), importer.Options{Ledger: ledger.New(db), Mapping: m, Files: []string{save(t, "data.csv", rows)}, BatchRows: 1, Between: func(ctx context.Context) {
		written = append(written, number(t, db, `SELECT count(*) FROM transactions`))
		if _, err := ledger.DivideByMonth(ctx, db, 1, true); err != nil {
			t.Error(err)
		}
	}})
	if err != nil || len(written) != 2 || written[0] != 49 || written[1] != 99 {
		t.Errorf("Run = %v, with %d written between batches, want 49 and 99", err, written)
	}
	verify(t, db)
}

// What comes after an error is not written, though the next batch is begun while the
// one before is committed.
func TestNothingIsWrittenAfterABatchThatFails(t *testing.T) {
	db, m := testkit.Postgres(t), parse(t, payments)
	const large = ",60000000000000000.00,council,anna\n"
	path := filepath.Join(t.TempDir(), "data.csv")
	data := "Date,Amount,Payer,Payee\n2026-01-01" + large + "2026-01-02" + large + "2026-01-03,1.00,council,bert\n2026-01-04,1.00,council,bert\n"
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	l := ledger.New(db)
	summary, err := importer.Run(t.Context(), importer.Options{Ledger: l, Mapping: m, Files: []string{path}, BatchRows: 1})
	if err == nil || !strings.Contains(err.Error(), "the balance of an account would pass what 64 bits hold") {
		t.Errorf("Run = %v, want that a balance does not fit", err)
	}
	if summary.Transactions != 1 || summary.Rows != 1 {
		t.Errorf("Run counted %+v, want the one row before the error", summary)
	}
	if n := number(t, db, `SELECT count(*) FROM transactions`); n != 1 {
		t.Errorf("%d transactions are written, want the one before the error", n)
	}
	verify(t, db)
}

func TestAnInterruptedImportGoesOn(t *testing.T) {
	db, m := testkit.Postgres(t), parse(t, payments)
	var rows strings.Builder
	rows.WriteString("Date,Amount,Payer,Payee\n")
	for i := range 1000 {
		rows.WriteString("2026-01-01,1.00,council,p" + strconv.Itoa(i%7) + "\n")
	}
	options := importer.Options{Ledger: ledger.New(db), Mapping: m, Files: []string{save(t, "data.csv", rows.String()+"bad\n")}, BatchRows: 100}
	first, err := importer.Run(t.Context(), options)
	if err == nil || !strings.Contains(err.Error(), "data.csv:1002: the row has 1 fields") || first.Transactions == 0 {
		t.Fatalf("Run = %+v, %v, want the batches before line 1002 and an error", first, err)
	}
	options.Files = []string{save(t, "data.csv", rows.String())}
	second, err := importer.Run(t.Context(), options)
	if err != nil || first.Transactions+second.Transactions != 1000 || second.SkippedTransactions != first.Transactions {
		t.Errorf("going on gave %+v, %v, after %+v", second, err, first)
	}
	verify(t, db)
}

func parse(t testing.TB, text string) *importer.Mapping {
	t.Helper()
	m, err := importer.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func imported(t testing.TB, db *pgxpool.Pool, m *importer.Mapping, files ...string) importer.Summary {
	t.Helper()
	summary, err := importer.Run(t.Context(), importer.Options{Ledger: ledger.New(db), Mapping: m, Files: files})
	if err != nil {
		t.Fatal(err)
	}
	return summary
}

func save(t testing.TB, name, data string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func squeeze(t *testing.T, data string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write([]byte(data)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstdOf(t *testing.T, data string) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return w.EncodeAll([]byte(data), nil)
}
