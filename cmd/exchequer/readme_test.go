package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"exchequer/internal/testkit"
)

// block returns the first block of a kind after a heading of a document.
func block(t *testing.T, document, heading, kind string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", document))
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "\n"+heading+"\n")
	if heading == "" {
		after, found = string(text), true
	}
	_, after, opened := strings.Cut(after, "```"+kind+"\n")
	lines, _, closed := strings.Cut(after, "```")
	if !found || !opened || !closed {
		t.Fatalf("%s has no block of %s after %q", document, kind, heading)
	}
	return lines
}

func TestTheLinesOfTheReadmeRun(t *testing.T) {
	t.Setenv("DATABASE_URL", testkit.PostgresURL(t))
	lines := block(t, "README.md", "## Bring your own CSV", "sh")
	shipped, err := filepath.Abs(filepath.Join("..", "..", "mappings"))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := os.Symlink(shipped, "mappings"); err != nil {
		t.Fatal(err)
	}
	var ran []string
	for line := range strings.Lines(lines) {
		line, _, _ = strings.Cut(line, "#")
		command, isOurs := strings.CutPrefix(line, "bin/exchequer ")
		if !isOurs {
			continue
		}
		command, to, redirected := strings.Cut(command, ">")
		args := strings.Fields(command)
		ran = append(ran, args[0])
		if args[0] == "serve" {
			s := start(t, args...)
			if status, body := get(t, s.url+"/"); status != http.StatusOK || !strings.Contains(body, "council-spending-sample") {
				t.Errorf("the page of the sample = %d, without its name", status)
			}
			continue
		}
		code, out, said := exchequer(t, args...)
		if code != 0 || strings.Contains(said, "to be mended") || strings.Contains(out, "issue money?") {
			t.Fatalf("%s = %d, %s%s", line, code, out, said)
		}
		if redirected {
			if err := os.WriteFile(strings.TrimSpace(to), []byte(out), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got, want := strings.Join(ran, " "), "mapping import import serve"; got != want {
		t.Errorf("the README runs %q, want %q", got, want)
	}
}

func TestTheReferenceBeginsWithAMappingOfTwelveLinesThatWorks(t *testing.T) {
	mapping := block(t, filepath.Join("docs", "import.md"), "", "toml")
	if n := strings.Count(mapping, "\n"); n != 12 {
		t.Errorf("the mapping has %d lines, want 12", n)
	}
	save(t, map[string]string{"own.toml": mapping, "own.csv": "date,from,to,amount,note\n2026-01-01,Mint,anna,100,start\n2026-01-02,anna,ben,5.50,bread\n"})
	code, out, said := exchequer(t, "import", "--mapping", "own.toml", "--check", "own.csv")
	if code != 0 || !strings.Contains(out, "2 rows read") || strings.Contains(out, "issue") {
		t.Errorf("import --check = %d, %s%s, want two rows and no question", code, out, said)
	}
}
