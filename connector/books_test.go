package connector_test

import (
	"encoding/csv"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/connector"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// printed returns what a program says its balances are, in cents, by account.
func printed(t *testing.T, file string) map[string]int64 {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]int64{}
	for _, r := range records {
		amount := regexp.MustCompile(`^\s*-?[\d.,]+`).FindString(r[1])
		if amount == "" { // the header
			continue
		}
		value, err := strconv.ParseFloat(strings.Replace(strings.TrimSpace(amount), ",", ".", 1), 64)
		if err != nil {
			t.Fatal(err)
		}
		if cents := int64(value*100 + 0.5*float64(sign(value))); cents != 0 {
			all[strings.TrimSpace(r[0])] = cents
		}
	}
	return all
}

func sign(f float64) int {
	if f < 0 {
		return -1
	}
	return 1
}

// held returns the balances of the ledger, by account.
func held(t *testing.T, db *pgxpool.Pool) map[string]int64 {
	t.Helper()
	all := map[string]int64{}
	for line := range strings.Lines(lines(t, db, `SELECT a.ref || '=' || b.balance FROM accounts a JOIN balances b ON b.account = a.id WHERE b.balance <> 0`)) {
		ref, balance, _ := strings.Cut(strings.TrimSpace(line), "=")
		all[ref], _ = strconv.ParseInt(balance, 10, 64)
	}
	return all
}

// The files are what the programs themselves have printed.
func TestBooksHaveTheBalancesThatTheirProgramsPrint(t *testing.T) {
	for preset, transactions := range map[string]string{"hledger": "9", "ledger": "9", "beancount": "5"} {
		t.Run(preset, func(t *testing.T) {
			db := testkit.Postgres(t)
			file := filepath.Join("testdata", preset+".csv")
			syncOnce(t, db, preset, "file:"+file)
			if d := cmp.Diff(printed(t, filepath.Join("testdata", preset+"-balances.csv")), held(t, db)); d != "" {
				t.Errorf("balances (-printed +ours):\n%s", d)
			}
			if got := lines(t, db, `SELECT count(*)::text FROM transactions`); got != transactions {
				t.Errorf("%s transactions, want %s", got, transactions)
			}
			if got := lines(t, db, allRejects); got != "" {
				t.Errorf("left out: %s", got)
			}
			const kinds = `SELECT string_agg(DISTINCT kind::text, ' ' ORDER BY kind::text) FROM accounts WHERE ref ~* $1`
			for pattern, want := range map[string]string{"^assets": "personal", "^liabilities": "business", "^(income|expenses|equity)": "system"} {
				if got := lines(t, db, kinds, pattern); got != want {
					t.Errorf("kinds of %s: %s, want %s", pattern, got, want)
				}
			}

			// An earlier transaction that is added renumbers the others, and only it is new.
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			longer := filepath.Join(t.TempDir(), "books.csv")
			if err := os.WriteFile(longer, []byte(withAnotherFirst(t, preset, string(text))), 0o600); err != nil {
				t.Fatal(err)
			}
			syncOnce(t, db, preset, "file:"+longer)
			if got := lines(t, db, allRejects); got != "" {
				t.Errorf("left out: %s", got)
			}
			if got, want := lines(t, db, `SELECT concat_ws(' ', count(*), min(at)::date) FROM transactions`), strconv.Itoa(atoi(t, transactions)+1)+" 2025-12-31"; got != want {
				t.Errorf("transactions and the first day after one was added: %s, want %s", got, want)
			}
		})
	}
}

func atoi(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// withAnotherFirst adds a transaction before the first one of printed books, renumbers the
// others and, of hledger, has the columns in the order of later versions.
func withAnotherFirst(t *testing.T, preset, text string) string {
	t.Helper()
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	header := 1
	if preset == "ledger" {
		header = 0
	}
	for _, r := range records[header:] {
		r[0] = "1" + r[0]
	}
	first := records[header]
	for _, leg := range []string{"12,00", "-12,00"} {
		r := slices.Clone(first)
		r[0] = "0"
		for i, field := range r {
			switch {
			case field == "2026-01-01":
				r[i] = "2025-12-31"
			case strings.HasPrefix(strings.TrimSpace(field), "1250"):
				r[i] = strings.Replace(leg, ",", map[bool]string{true: ",", false: "."}[preset == "hledger"], 1)
			case strings.HasPrefix(strings.ToLower(field), "assets:") && strings.HasPrefix(leg, "-"):
				r[i] = "equity:other"
			}
		}
		records = slices.Insert(records, header, r)
	}
	if preset == "hledger" {
		for _, r := range records {
			slices.Reverse(r[2:])
		}
	}
	var out strings.Builder
	w := csv.NewWriter(&out)
	if err := w.WriteAll(records); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestBooksOfSeveralCommoditiesAreNeverAdded(t *testing.T) {
	db, file := testkit.Postgres(t), filepath.Join(t.TempDir(), "books.csv")
	appendTo(t, file, `"txnidx","date","account","amount","commodity"
"1","2026-01-01","assets:bank","5.00","EUR"
"1","2026-01-01","income:work","-5.00","EUR"
"2","2026-01-02","assets:bank","7.00","CHF"
"2","2026-01-02","income:work","-7.00","CHF"
`+strings.ReplaceAll(`"3","2026-01-03","assets:bank","1.00","EUR"
"3","2026-01-03","income:work","-1.00","EUR"
`, "\n", "\r\n"))
	preset := newPreset(t, withoutDescription(t, "hledger"))
	syncOnce(t, db, preset, "file:"+file)
	if d := cmp.Diff(map[string]int64{"assets:bank": 600, "income:work": -600}, held(t, db)); d != "" {
		t.Errorf("balances (-want +got):\n%s", d)
	}
	if got := lines(t, db, `SELECT reason FROM sync_rejects ORDER BY number LIMIT 1`); !strings.Contains(got, `column "commodity" has "CHF" here, and "EUR" before`) {
		t.Errorf("left out: %s", got)
	}
	other := testkit.Postgres(t)
	syncWith(t, other, preset, "file:"+file, map[string]string{"commodity": "CHF"})
	if d := cmp.Diff(map[string]int64{"assets:bank": 700, "income:work": -700}, held(t, other)); d != "" {
		t.Errorf("balances of the commodity that was named (-want +got):\n%s", d)
	}
	if got := lines(t, other, allRejects); got != "" {
		t.Errorf("left out: %s", got)
	}
}

// withoutDescription returns a preset of books that reads no description.
func withoutDescription(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../mappings/presets/" + name + ".toml")
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("description = \"description\"\n", "", "message = \"{description}\"\n", "").Replace(string(text))
}

const firefly = `user_id,group_id,journal_id,created_at,updated_at,group_title,type,currency_code,amount,foreign_currency_code,foreign_amount,primary_currency_code,pc_amount,pc_foreign_amount,description,date,source_name,source_iban,source_type,destination_name,destination_iban,destination_type,reconciled,category,budget,bill,tags,notes
1,1,11,2026-01-01T00:00:00+01:00,2026-01-01T00:00:00+01:00,,"Opening balance",EUR,1250.00,,,EUR,,,"Initial balance for ""Checking""",2026-01-01T00:00:00+01:00,"Initial balance for ""Checking""",,"Initial balance account",Checking,DE02,"Asset account",,,,,,
1,2,12,2026-01-03T00:00:00+01:00,2026-01-03T00:00:00+01:00,,Withdrawal,EUR,-12.50,,,EUR,,,bread,2026-01-03T09:30:00+01:00,Checking,DE02,"Asset account",Baker,,"Expense account",1,Food,,,weekly,"two
lines"
1,3,13,2026-01-04T00:00:00+01:00,2026-01-04T00:00:00+01:00,,Deposit,EUR,2000.00,,,EUR,,,wages,2026-01-04T00:00:00+01:00,Baker,,"Revenue account",Checking,DE02,"Asset account",,,,,,
1,4,14,2026-01-05T00:00:00+01:00,2026-01-05T00:00:00+01:00,,Transfer,EUR,500.00,,,EUR,,,savings,2026-07-05T00:00:00+02:00,Checking,DE02,"Asset account",Savings,,"Asset account",,,,,,
1,5,15,2026-01-06T00:00:00+01:00,2026-01-06T00:00:00+01:00,,"Opening balance",EUR,-3000.00,,,EUR,,,"Initial balance",2026-01-06T00:00:00+01:00,Car,,Loan,"Initial balance for ""Car""",,"Initial balance account",,,,,,
1,6,16,2026-01-07T00:00:00+01:00,2026-01-07T00:00:00+01:00,,Withdrawal,EUR,-100.00,,,EUR,,,instalment,2026-01-07T00:00:00+01:00,Checking,DE02,"Asset account",Car,,Loan,,,,,,
`

func TestFireflysExportBecomesALedger(t *testing.T) {
	db, file := testkit.Postgres(t), filepath.Join(t.TempDir(), "export.csv")
	appendTo(t, file, firefly)
	syncOnce(t, db, "firefly-iii", "file:"+file)
	want := strings.Join([]string{
		"Asset account: Checking personal Checking 263750",
		"Asset account: Savings personal Savings 50000",
		"Expense account: Baker system Baker 1250",
		`Initial balance account: Initial balance for "Car" system Initial balance for "Car" 300000`,
		`Initial balance account: Initial balance for "Checking" system Initial balance for "Checking" -125000`,
		"Loan: Car business Car -290000",
		"Revenue account: Baker system Baker -200000",
	}, "\n")
	if d := cmp.Diff(want, lines(t, db, allBalances)); d != "" {
		t.Errorf("balances (-want +got):\n%s", d)
	}
	const transactions = `SELECT concat_ws(' ', ref, to_char(at, 'YYYY-MM-DD HH24:MI'), source, message) FROM transactions ORDER BY id`
	if got := lines(t, db, transactions+` LIMIT 2`) + "\n" + lines(t, db, `SELECT to_char(at, 'YYYY-MM-DD HH24:MI') FROM transactions WHERE message = 'savings'`); got !=
		"firefly-iii:11 2025-12-31 23:00 Opening balance Initial balance for \"Checking\"\nfirefly-iii:12 2026-01-03 08:30 Withdrawal bread\n2026-07-04 22:00" {
		t.Errorf("transactions: %s", got)
	}
	if got := lines(t, db, allRejects); got != "" {
		t.Errorf("left out: %s", got)
	}
}

const transfers20 = `"Txhash","Blockno","UnixTimestamp","DateTime (UTC)","From","To","TokenValue","USDValueDayOfTx","ContractAddress","TokenName","TokenSymbol"
"0xa1","100","1767225600","2026-01-01 00:00:00","0x0000000000000000000000000000000000000000","0xadd1","1,000.0000005","$1,000.00","0xc0","Coin","COIN"
"0xa2","101","1767225700","2026-01-01 00:01:40","0xadd1","0xadd2","1.5","N/A","0xc0","Coin","COIN"
"0xa2","101","1767225700","2026-01-01 00:01:40","0xadd1","0xadd2","1.5","N/A","0xc0","Coin","COIN"
"0xa2","101","1767225700","2026-01-01 00:01:40","0xadd1","0xadd3","0.000000000000000001","N/A","0xc0","Coin","COIN"
"0xa3","102","1767225800","2026-01-01 00:03:20","0xadd2","0x0000000000000000000000000000000000000000","3","N/A","0xc0","Coin","COIN"
"0xa4","103","1767225900","2026-01-01 00:05:00","0xadd2","0xadd3","9","N/A","0xbad","Copy","COIN"
`

func TestTransfersOfATokenBecomeALedger(t *testing.T) {
	db, file := testkit.Postgres(t), filepath.Join(t.TempDir(), "export.csv")
	appendTo(t, file, transfers20)
	syncOnce(t, db, "erc20", "file:"+file)
	want := "0x0000000000000000000000000000000000000000 system 0x0000000000000000000000000000000000000000 -997000000\n0xadd1 personal 0xadd1 997000000"
	if d := cmp.Diff(want, lines(t, db, allBalances+" LIMIT 2")); d != "" {
		t.Errorf("balances (-want +got):\n%s", d)
	}
	if got := lines(t, db, `SELECT concat_ws(' ', count(*), count(*) FILTER (WHERE ref LIKE 'erc20:0xa2:%')) FROM transactions`); got != "4 2" {
		t.Errorf("transactions, and those of one hash: %s", got)
	}
	if got := lines(t, db, `SELECT reason FROM sync_rejects`); !strings.Contains(got, `"ContractAddress" has "0xbad" here, and "0xc0" before`) {
		t.Errorf("left out: %s", got)
	}

	// What rounding did is reported.
	var said strings.Builder
	config, err := connector.NewConfig("", "erc20", "file:"+file, "", connector.Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	again := testkit.Postgres(t)
	f, err := connector.New(connector.Deps{Ledger: ledger.New(again), DB: again, Log: slog.New(slog.NewTextHandler(&said, nil))}, config)
	if err == nil {
		err = f.Once(t.Context())
	}
	if err != nil || !strings.Contains(said.String(), "stream=transfers amounts=2 added=-0.000000500000000001") {
		t.Errorf("error %v, log: %s", err, said.String())
	}

	// As later versions write it, and with the point moved: thousands of the token.
	coarse := testkit.Postgres(t)
	later := filepath.Join(t.TempDir(), "later.csv")
	appendTo(t, later, strings.NewReplacer("Txhash", "Transaction Hash", "TokenValue", "Quantity").Replace(transfers20))
	syncWith(t, coarse, "erc20", "file:"+later, map[string]string{"shift": "-3", "decimals": "4", "contract": "0xc0"})
	if got := lines(t, coarse, `SELECT concat_ws(' ', a.ref, b.balance) FROM accounts a JOIN balances b ON b.account = a.id WHERE a.ref = '0xadd1'`); got != "0xadd1 9970" {
		t.Errorf("the balance in thousands: %s", got)
	}
	if got := lines(t, coarse, allRejects); got != "" {
		t.Errorf("left out: %s", got)
	}
}
