package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"exchequer/internal/testkit"
)

func TestAnOldDateIsRefusedAndThenAllowedByName(t *testing.T) {
	t.Setenv("DATABASE_URL", testkit.PostgresURL(t))
	mapping, data := filepath.Join(t.TempDir(), "old.toml"), filepath.Join(t.TempDir(), "old.csv")
	const columns = `origin = "old"
ledger = { name = "Old", decimals = 0 }
columns = { date = "date", amount = "amount", payee = "payee" }
accounts = [{ role = "crown", ref = "crown", kind = "system" }, { role = "payee", ref = "{payee}", kind = "personal" }]
transaction = { at = "date", from = "crown", to = "payee", amount = "amount", source = "grant" }
`
	rows := "date,amount,payee\n1066-10-14,100,odo\n1500-06-01,250,thomas\n" + time.Now().UTC().Format(time.DateOnly) + ",50,anna\n"
	for path, text := range map[string]string{mapping: columns, data: rows} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	code, _, said := exchequer(t, "import", "--mapping", mapping, data)
	if code != 1 || !strings.Contains(said, `old.csv:2: column "date" (date): "1066-10-14"`) || !strings.Contains(said, "import --oldest 1066-10-14") {
		t.Errorf("import = %d, %s, want the line, the date and what to do", code, said)
	}
	if code, _, said := exchequer(t, "import", "--oldest", "1066", "--mapping", mapping, data); code != 1 || !strings.Contains(said, "--oldest: ") {
		t.Errorf("import with a limit that is no date = %d, %s", code, said)
	}
	code, out, said := exchequer(t, "import", "--oldest", "1066-10-14", "--mapping", mapping, data)
	if code != 0 || !strings.Contains(out, "3 transactions, 6 postings and 0 sales") || !strings.Contains(out, "2 day snapshots") {
		t.Errorf("import with the limit = %d, %s%s, want three transactions and a snapshot for each past day with one", code, out, said)
	}
}

const members = `origin = "club"
ledger = { name = "Club", symbol = "€", decimals = 2 }
columns = { date = "date", payer = "from", payee = "to", amount = "amount" }
accounts = [{ role = "payer", ref = "{payer}", kind = "personal" },
            { role = "payee", ref = "{payee}", kind = "personal" }]
[transaction]
at = "date"
from = "payer"
to = "payee"
amount = "amount"
source = "payment"
`

// save writes the files of a newcomer into a folder of their own, which becomes the
// working directory.
func save(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestACheckAsksWhetherAnAccountIssuesMoney(t *testing.T) {
	save(t, map[string]string{"own.toml": members, "own.csv": "date,from,to,amount\n2026-01-01,Mint,anna,100\n2026-01-02,anna,ben,5\n"})
	code, out, said := exchequer(t, "import", "--mapping", "own.toml", "--check", "own.csv")
	for _, want := range []string{
		"own.csv: 2 rows read", "all accounts together hold €0.00", `does "Mint" issue money? It pays €100.00 and receives nothing`,
		`add under [ledger] of the mapping: issuers = ["Mint"]`,
	} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("import --check = %d, %s%s, want %q", code, out, said, want)
		}
	}
}

func TestAnImportSaysWhatItDidAndWhatIsNext(t *testing.T) {
	t.Setenv("DATABASE_URL", testkit.PostgresURL(t))
	save(t, map[string]string{"own.toml": members, "own.csv": "date,from,to,amount\n2026-01-01,Mint,anna,100\n2026-01-02,anna,ben,x\n"})
	code, out, said := exchequer(t, "import", "--mapping", "own.toml", "--skip-invalid", "own.csv")
	for _, want := range []string{
		"2 rows of 1 file in ", "1 transaction, 2 postings and 0 sales written\n", "1 row left out: ",
		"1 day snapshot made", "next: exchequer serve, then http://127.0.0.1:8080\n",
	} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("import = %d, %s%s, want %q", code, out, said, want)
		}
	}
	code, out, said = exchequer(t, "import", "--mapping", "own.toml", "--skip-invalid", "own.csv")
	if want := "0 transactions, 0 postings and 0 sales written; 1 transaction and 0 sales were there already\n"; code != 0 || !strings.Contains(out, want) {
		t.Errorf("the second import = %d, %s%s, want %q", code, out, said, want)
	}
}

func TestAFileThatIsNotThereIsNamedBeforeAnythingIsStarted(t *testing.T) {
	t.Setenv("DATABASE_URL", "postgres://127.0.0.1:1/x")
	save(t, map[string]string{"own.toml": members})
	for _, args := range [][]string{{"--mapping", "own.toml", "nothere.csv"}, {"nothere.csv"}} {
		if code, _, said := exchequer(t, append([]string{"import"}, args...)...); code != 1 || said != "exchequer: nothere.csv: no such file\n" {
			t.Errorf("import %v = %d, %q", args, code, said)
		}
	}
	if code, _, said := exchequer(t, "import", "--mapping", "nothere.toml", "own.toml"); code != 1 || said != "exchequer: mapping nothere.toml: no such file\n" {
		t.Errorf("import with a mapping that is not there = %d, %q", code, said)
	}
}

// An import divides the ledger by month as soon as that is large, and goes on.
func TestAnImportDividesALargeLedger(t *testing.T) {
	t.Setenv("DATABASE_URL", testkit.PostgresURL(t))
	testkit.NotOnCitus(t, "a ledger there is not divided")
	save(t, map[string]string{"own.toml": members, "own.csv": "date,from,to,amount\n2026-01-01,Mint,anna,100\n2026-01-02,anna,ben,5\n"})
	if code, _, said := exchequer(t, "import", "--mapping", "own.toml", "own.csv"); code != 0 || strings.Contains(said, "divided") {
		t.Errorf("import of a small ledger = %d, %s", code, said)
	}
	for _, dir := range []string{"whole", "divided"} {
		if code, _, said := exchequer(t, "export", dir); code != 0 {
			t.Fatalf("export = %d, %s", code, said)
		}
		t.Setenv("DATABASE_URL", testkit.PostgresURL(t))
		code, _, said := exchequer(t, "import", "--monthly-from", "4", dir)
		if code != 0 || !strings.Contains(said, "the ledger is divided by month") {
			t.Errorf("import of what was exported = %d, %s", code, said)
		}
	}
	if code, _, said := exchequer(t, "verify"); code != 0 {
		t.Errorf("verify = %d, %s", code, said)
	}
}
