package main

import (
	"os"
	"strings"
	"testing"

	"exchequer/internal/testkit"
)

func TestADraftedMappingImportsItsFileAsItStands(t *testing.T) {
	t.Setenv("DATABASE_URL", testkit.PostgresURL(t))
	save(t, map[string]string{"own.csv": "date;from;to;amount;note\n31.01.2026;Mint;anna;100,00;start\n01.02.2026;anna;ben;5,50;bread\n"})
	code, draft, said := exchequer(t, "mapping", "own.csv")
	if code != 0 || !strings.Contains(said, `unsure: does "Mint" issue money?`) || !strings.Contains(said, "next: look at the draft, then exchequer import --mapping DRAFT --check own.csv") {
		t.Fatalf("mapping = %d, %s", code, said)
	}
	if err := os.WriteFile("own.toml", []byte(draft), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, said := exchequer(t, "import", "--mapping", "own.toml", "--check", "own.csv"); code != 0 || !strings.Contains(out, "own.csv: 2 rows read") || strings.Contains(out, "issue money") {
		t.Errorf("import --check = %d, %s%s, want two rows and no question", code, out, said)
	}
	if code, out, said := exchequer(t, "import", "--mapping", "own.toml", "own.csv"); code != 0 || !strings.Contains(out, "2 transactions, 4 postings") {
		t.Errorf("import = %d, %s%s", code, out, said)
	}
}

func TestADraftThatIsNotCompleteFailsAndSaysWhatToFillIn(t *testing.T) {
	save(t, map[string]string{"own.csv": "a,b\nx,y\nz,w\n", "empty.csv": ""})
	code, draft, said := exchequer(t, "mapping", "own.csv")
	if code != 1 || !strings.Contains(said, "fill in columns.amount: the column with the amount") || !strings.Contains(draft, `# not used: "a", "b"`) {
		t.Errorf("mapping = %d, %s%s, want what is missing and the columns that there are", code, said, draft)
	}
	if code, draft, said := exchequer(t, "mapping", "empty.csv"); code != 1 || draft != "" || said != "exchequer: empty.csv: the file is empty, expected a header\n" {
		t.Errorf("mapping of an empty file = %d, %q, %q", code, draft, said)
	}
}
