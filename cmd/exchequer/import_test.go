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
	if code != 0 || !strings.Contains(out, "3 transactions, 6 postings") || !strings.Contains(out, "2 day snapshots") {
		t.Errorf("import with the limit = %d, %s%s, want three transactions and a snapshot for each past day with one", code, out, said)
	}
}
