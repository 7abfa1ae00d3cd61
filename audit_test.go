package house_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestAnAuditFailsByWhatItFindsAndSaysWhereItCannotLook(t *testing.T) {
	script, err := filepath.Abs(".ci/audit")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	const affected = `{"package": {"name": "stdlib", "ecosystem": "Go"}, "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}],
		"ecosystem_specific": {"imports": [{"path": "os", "symbols": ["Getenv"]}]}}`
	for name, text := range map[string]string{
		"go.mod":                    "module program\ngo 1.26\n",
		"main.go":                   "package main\nimport \"os\"\nfunc main() { println(os.Getenv(\"HOME\")) }\n",
		"none/index/db.json":        `{"modified": "2026-01-01T00:00:00Z"}`,
		"none/index/modules.json":   `[]`,
		"some/index/db.json":        `{"modified": "2026-01-01T00:00:00Z"}`,
		"some/index/modules.json":   `[{"path": "stdlib", "vulns": [{"id": "GO-2026-0001", "modified": "2026-01-01T00:00:00Z"}]}]`,
		"some/ID/GO-2026-0001.json": `{"schema_version": "1.3.1", "id": "GO-2026-0001", "modified": "2026-01-01T00:00:00Z", "published": "2026-01-01T00:00:00Z", "summary": "made up", "details": "made up", "affected": [` + affected + `], "database_specific": {"url": "https://example.org"}}`,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		list  string
		fails bool
		says  string
	}{
		"nothing is known":            {"file://" + dir + "/none", false, "No vulnerabilities found"},
		"something is known":          {"file://" + dir + "/some", true, "GO-2026-0001"},
		"the list cannot be had":      {"http://127.0.0.1:1", false, "NOT CHECKED"},
		"the list is none, by a typo": {"file://" + dir + "/nowhere", true, "nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), script, ".")
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "GOVULNDB="+c.list)
			if said, err := cmd.CombinedOutput(); (err != nil) != c.fails || !strings.Contains(string(said), c.says) {
				t.Errorf("audit: %v, want failure %t and %q:\n%s", err, c.fails, c.says, said)
			}
		})
	}
}
