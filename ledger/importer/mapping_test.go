package importer_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"exchequer/internal/testkit"
	"exchequer/ledger"
	"exchequer/ledger/importer"
)

func TestAllErrorsOfAMappingAreReported(t *testing.T) {
	for name, c := range map[string]struct{ from, to, want string }{
		"an unknown key":          {"symbol =", "currency =", `line 4: unknown key "ledger.currency"`},
		"not TOML":                {"[columns]", "[columns", "line 6: "},
		"a wrong type":            {"decimals = 2", `decimals = "two"`, "line 5: "},
		"no origin":               {`origin = "test"`, "", "origin is missing"},
		"too many decimals":       {"decimals = 2", "decimals = 10", "ledger.decimals is 10, want 0 to 9"},
		"an unknown column":       {`amount = "amount"`, `amount = "money"`, `transaction.amount is "money", which [columns] does not name`},
		"an unknown role":         {`to = "payee"`, `to = "nobody"`, `transaction.to: no [[accounts]] has the role "nobody"`},
		"an unknown kind":         {`kind = "business"`, `kind = "firm"`, `account role "payee": kind is "firm", want one of`},
		"an issuer that is none":  {`kind = "business"`, "kind = \"business\"\nissuer = \"yes\"", `account role "payee": issuer is yes, want true, false, or a column such as "{issuer}"`},
		"a template of no column": {`ref = "to/{payee}"`, `ref = "to/{whom}"`, "{whom} is not a name of [columns] or [constants]"},
		"an open brace":           {`ref = "to/{payee}"`, `ref = "to/{payee"`, "{ without }"},
		"an unknown column key":   {"optional = true", "optinal = true", `columns.note: unknown key "optinal"`},
		"a pattern that is none":  {"optional = true", "match = \"(\"", "columns.note.match: error parsing regexp"},
		"a pattern of groups":     {"optional = true", "match = \"(a)(b)\"", "columns.note.match has 2 groups, want one at most"},
		"a rule that is none":     {`source = "payment"`, "source = \"payment\"\nnegative = \"flip\"", `transaction.negative is "flip", want one of`},
		"no source":               {`source = "payment"`, "", "transaction.source is missing"},
		"an oldest that is none":  {"decimals = 2", "decimals = 2\n[csv]\noldest = \"1066\"", `csv.oldest: "1066" is not a date such as 1066-10-14`},
		"an unknown time zone":    {"decimals = 2", "decimals = 2\ntimezone = \"Berlin\"", `ledger.timezone: unknown time zone "Berlin", want a name such as Europe/Berlin, or UTC`},
		"@total without a sale":   {`amount = "amount"`, `amount = "@total"`, "transaction.amount is @total, but there is no [sale]"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(payments, c.from, c.to, 1)
			if text == payments {
				t.Fatalf("the mapping has no %q", c.from)
			}
			if _, err := importer.Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Parse = %v, want it to say %q", err, c.want)
			}
		})
	}
}

func TestTheShippedMappingsCanBeRead(t *testing.T) {
	files, err := filepath.Glob(mappings + "*.toml")
	if err != nil || len(files) < 2 {
		t.Fatalf("mappings are %v, %v", files, err)
	}
	for _, file := range files {
		if _, err := importer.Load(file); err != nil {
			t.Error(err)
		}
	}
}

func TestACheckShowsWhatTheFirstRowWouldBecome(t *testing.T) {
	m := parse(t, payments)
	check, err := m.CheckFiles(t.Context(), []string{save(t, "data.csv", good)}, 1000)
	if err != nil || len(check.Files) != 1 || check.Files[0].Rows != 2 || check.Files[0].Columns["amount"] != "Amount" {
		t.Fatalf("CheckFiles = %+v, %v, want one file with two rows", check, err)
	}
	example := check.Files[0].Example.Transactions
	if len(example) != 1 || example[0].Ref != "data.csv:2" || example[0].Postings[1] != (ledger.Posting{Account: "to/anna", Amount: 150}) {
		t.Errorf("the example is %+v, want data.csv:2 with 150 to anna", example)
	}
	if _, err := m.CheckFiles(t.Context(), []string{save(t, "data.csv", good+"2026-01-01,x,a,b\n")}, 1000); err == nil {
		t.Error("CheckFiles passes over a bad row")
	}
}

const invoices = `origin = "shop"
[ledger]
name = "Shop"
symbol = "£"
decimals = 2
round = "half-even"
[columns]
invoice = "Invoice"
item = "Item"
quantity = "Quantity"
price = "Price"
customer = "Customer"
[constants]
day = "2026-01-02"
till = "till"
[[accounts]]
role = "shop"
kind = "system"
ref = "{till}"
[[accounts]]
role = "customer"
kind = "personal"
ref = "customer/{customer}"
[[accounts]]
role = "unknown"
kind = "business"
ref = "unknown"
[transaction]
ref = "{invoice}"
group = "invoice"
group_gap = 1
at = "day"
from = "shop"
to = ["customer", "unknown"]
amount = "@total"
source = "invoice"
[sale]
item = "{item}"
quantity = "quantity"
unit_price = "price"
seller = "shop"
buyer = ["customer", "unknown"]
`

func TestRowsOfAGroupAreOneTransaction(t *testing.T) {
	db, m := testkit.Postgres(t), parse(t, invoices)
	file := save(t, "sales.csv", "Invoice,Item,Quantity,Price,Customer\n"+
		"1,tea,2,1.005,7\n"+ // 2.01
		"1,cup,1,0.125,7\n"+ // rounded to 0.12
		"2,tea,1,1.00,\n"+ // cuts into invoice 1
		"1,tea,-1,1.00,7\n"+
		"3,gift,5,0,8\n"+ // moves nothing
		"4,tea,-1,1.00,7\n") // goods came back
	got := imported(t, db, m, file)
	if got.Transactions != 3 || got.Sales != 6 || got.ZeroTransactions != 1 || got.RoundedAmounts != 1 || got.Rounding != "-0.005" {
		t.Errorf("imported %+v, want 3 transactions, 6 sales, 1 of zero, and -0.005 by rounding", got)
	}
	for query, want := range map[string]int64{
		`SELECT balance FROM balances JOIN accounts ON id = account WHERE ref = 'customer/7'`:        13,
		`SELECT balance FROM balances JOIN accounts ON id = account WHERE ref = 'unknown'`:           100,
		`SELECT sum(postings) FROM balances JOIN accounts ON id = account WHERE ref = 'till'`:        3,
		`SELECT count(*) FROM sales s JOIN transactions t ON t.id = s.transaction WHERE t.ref = '1'`: 3,
		`SELECT count(*) FROM sales WHERE transaction IS NULL`:                                       1,
		`SELECT count(*) FROM accounts WHERE ref = 'customer/8'`:                                     1,
	} {
		if n := number(t, db, query); n != want {
			t.Errorf("%s = %d, want %d", query, n, want)
		}
	}
	verify(t, db)
}

func TestAGroupThatComesBackIsAnError(t *testing.T) {
	db, m := testkit.Postgres(t), parse(t, invoices)
	file := save(t, "sales.csv", "Invoice,Item,Quantity,Price,Customer\n1,tea,1,1,7\n2,tea,1,1,7\n2,tea,1,1,7\n1,tea,1,1,7\n")
	_, err := importer.Run(t.Context(), importer.Options{Ledger: ledger.New(db), Mapping: m, Files: []string{file}})
	if err == nil || !strings.Contains(err.Error(), `sales.csv:5: column "invoice" (Invoice): "1": expected the rows of a transaction to stand together`) {
		t.Errorf("Run = %v, want it to name line 5", err)
	}
}

func TestABadRowRejectsItsGroup(t *testing.T) {
	db, m := testkit.Postgres(t), parse(t, invoices)
	var rejects strings.Builder
	file := save(t, "sales.csv", "Invoice,Item,Quantity,Price,Customer\n1,tea,1,1,7\n1,tea,NaN,1,7\n1,tea,1,1,7\n2,tea,1,1,7\n")
	got, err := importer.Run(t.Context(), importer.Options{Ledger: ledger.New(db), Mapping: m, Files: []string{file}, SkipInvalid: true, Rejects: &rejects})
	if err != nil || got.Rejected != 3 || got.Transactions != 1 || got.Sales != 1 {
		t.Errorf("Run = %+v, %v, want three rows rejected and one invoice", got, err)
	}
	if n := strings.Count(rejects.String(), "its transaction has a bad row, line 3: "); n != 2 {
		t.Errorf("%d rows are rejected for the bad one, want 2:\n%s", n, &rejects)
	}
}

func TestADateBeforeTheOldestIsATypingErrorUnlessAllowed(t *testing.T) {
	file := save(t, "old.csv", "Date,Amount,Payer,Payee\n1066-10-14,1.50,council,anna\n2026-01-02,0.50,council,anna\n")
	db := testkit.Postgres(t)
	_, err := importer.Run(t.Context(), importer.Options{Ledger: ledger.New(db), Mapping: parse(t, payments), Files: []string{file}})
	want := `old.csv:2: column "date" (Date): "1066-10-14": expected a date like YYYY-MM-DD, 1900-01-01 or later; if it is right, allow it: import --oldest 1066-10-14`
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Run = %v\nwant %s", err, want)
	}
	if _, err := parse(t, payments).CheckFiles(t.Context(), []string{file}, 10); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("CheckFiles = %v, want the same", err)
	}
	if done := imported(t, db, parse(t, payments+"[csv]\noldest = \"1066-10-14\"\n"), file); done.Transactions != 2 {
		t.Errorf("with csv.oldest %d transactions were written, want 2", done.Transactions)
	}
}

// FuzzRows checks that the mapping gives rows that the ledger accepts, or an error,
// whatever the file contains.
func FuzzRows(f *testing.F) {
	f.Add("1,tea,2,1.005,7\n1,cup,1,0.125,7\n2,tea,1,1.00,\n")
	f.Add("1,tea,NaN,1,7\n\"1,tea,1,1,7\n")
	f.Add("1,tea,9223372036854775807,9223372036854775807,7\n\xff,\x00,1,1,\n")
	m := parse(f, invoices)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, rows string) {
		path := filepath.Join(dir, "sales"+strconv.Itoa(os.Getpid())+".csv")
		if err := os.WriteFile(path, []byte("Invoice,Item,Quantity,Price,Customer\n"+rows), 0o600); err != nil {
			t.Fatal(err)
		}
		check, err := m.CheckFiles(t.Context(), []string{path}, 1000)
		if err != nil {
			return
		}
		b := check.Files[0].Example
		known := map[string]bool{}
		for _, a := range b.Accounts {
			known[a.Ref] = true
		}
		for _, transaction := range b.Transactions {
			var sum int64
			for _, p := range transaction.Postings {
				sum += p.Amount
				if p.Amount == 0 || !known[p.Account] {
					t.Fatalf("posting %+v of %q", p, rows)
				}
			}
			if sum != 0 || len(transaction.Postings) < 2 || transaction.At.After(time.Now()) {
				t.Fatalf("transaction %+v of %q", transaction, rows)
			}
		}
		for _, s := range b.Sales {
			if s.Item == "" || !known[s.Seller] || !known[s.Buyer] {
				t.Fatalf("sale %+v of %q", s, rows)
			}
		}
	})
}

func TestAMappingSaysWhichAccountsIssueMoney(t *testing.T) {
	text := strings.Replace(payments, "[[accounts]]", "issues = { header = \"Issues\", optional = true }\n[[accounts]]", 1)
	text = strings.Replace(text, `kind = "system"`, "kind = \"government\"\nissuer = true", 1)
	text = strings.Replace(text, `kind = "business"`, "kind = \"system\"\nissuer = \"{issues}\"", 1)
	db, m := testkit.Postgres(t), parse(t, text)
	data := "Date,Amount,Payer,Payee,Issues\n2026-01-01,1.50,council,pool,false\n2026-01-02,0.50,council,sink,\n"
	_, err := importer.Run(t.Context(), importer.Options{Ledger: ledger.New(db), Mapping: m, Files: []string{save(t, "data.csv", data)}})
	if err != nil {
		t.Fatal(err)
	}
	var supply int64
	var issuers string
	const query = `SELECT string_agg(ref, ' ' ORDER BY ref) FILTER (WHERE issuer), sum(balance) FILTER (WHERE NOT issuer)::bigint
		FROM accounts JOIN balances ON account = id`
	if err := db.QueryRow(t.Context(), query).Scan(&issuers, &supply); err != nil {
		t.Fatal(err)
	}
	if issuers != "council to/sink" || supply != 150 {
		t.Errorf("issuers are %q and the supply is %d, want council, to/sink and 150", issuers, supply)
	}
	wrong := save(t, "wrong.csv", strings.Replace(data, "false", "nein", 1))
	if _, err := m.CheckFiles(t.Context(), []string{wrong}, 10); err == nil || !strings.Contains(err.Error(), `"nein": expected true or false, or nothing`) {
		t.Errorf("CheckFiles = %v, want it to refuse nein", err)
	}
}

// The example of docs/import.md, as it stands there.
func TestAmountsWith18DecimalsComeInAs9(t *testing.T) {
	doc, err := os.ReadFile("../../docs/import.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(doc), "### Amounts with 18 decimals")
	example, _, _ = strings.Cut(example[strings.Index(example, "    origin"):], "\n\nWhere the file")
	m := parse(t, example)
	db := testkit.Postgres(t)
	data := "hash,block_timestamp,from_address,to_address,value\n" +
		"0x1,1700000000,0xa,0xb,25000000000000000000\n0x2,1700000001,0xb,0xc,1000000000500000000\n0x3,1700000002,0xb,0xc,7\n"
	summary, err := importer.Run(t.Context(), importer.Options{Ledger: ledger.New(db), Mapping: m, Files: []string{save(t, "data.csv", data)}})
	if err != nil {
		t.Fatal(err)
	}
	if summary.Transactions != 2 || summary.RoundedAmounts != 2 || summary.Rounding != "-0.000000000500000007" {
		t.Errorf("the import is %+v, want two transactions, and two amounts rounded by -0.000000000500000007", summary)
	}
	var balance int64
	if err := db.QueryRow(t.Context(), `SELECT balance FROM balances JOIN accounts ON id = account WHERE ref = '0xb'`).Scan(&balance); err != nil || balance != 24_000_000_000 {
		t.Errorf("0xb has %d, %v, want 24 with 9 decimals", balance, err)
	}
	exact := parse(t, strings.Replace(example, `round    = "half-even"`, `round    = "exact"`, 1))
	_, err = exact.CheckFiles(t.Context(), []string{save(t, "data.csv", data)}, 10)
	const want = `data.csv:3: column "value" (value): "1000000000500000000": expected an amount with at most 9 decimals after its point is moved by ledger.shift = -18; ledger.round says what to do with more`
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("with round = exact: %v, want %s", err, want)
	}
}

func TestDatesOfADataFileAreDaysOfTheCommunity(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	local := strings.Replace(payments, "decimals = 2", "decimals = 2\ntimezone = \"America/New_York\"", 1)
	run := func(mapping string) error {
		t.Helper()
		_, err := importer.Run(t.Context(), importer.Options{Ledger: l, Mapping: parse(t, mapping), Files: []string{save(t, "data.csv", good)}})
		return err
	}
	if err := run(local); err != nil {
		t.Fatal(err)
	}
	if s, err := l.Settings(t.Context()); err != nil || s.Timezone != "America/New_York" {
		t.Errorf("the ledger has the settings %+v, %v", s, err)
	}
	var first, day string
	const query = `SELECT (SELECT min(at)::text FROM transactions), (SELECT min(day)::text FROM account_days)`
	if err := db.QueryRow(t.Context(), query).Scan(&first, &day); err != nil || first != "2026-01-01 05:00:00+00" || day != "2026-01-01" {
		t.Errorf("1 January is the time %s and the day %s, %v, want 05:00 UTC of its own day", first, day, err)
	}
	if err := run(payments); err != nil {
		t.Errorf("a mapping without a time zone: %v", err)
	}
	err := run(strings.Replace(local, "America/New_York", "Europe/Berlin", 1))
	if err == nil || !strings.Contains(err.Error(), "exchequer repair --timezone Europe/Berlin") {
		t.Errorf("a mapping with another time zone: %v, want how to change it", err)
	}
}
