package house_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// Each threat that docs/security.md names has a test that there is.
func TestEachThreatHasATest(t *testing.T) {
	text, err := os.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "\n## Threats\n")
	if !found {
		t.Fatal("docs/security.md lists no threats")
	}
	table, _, _ = strings.Cut(table, "\n## ")
	out, err := exec.Command("git", "grep", "-hoE", "^func (Test|Fuzz|Benchmark)[A-Za-z0-9_]+", "--", "*_test.go").Output()
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, name := range strings.Fields(strings.ReplaceAll(string(out), "func ", "")) {
		there[name] = true
	}
	rows := 0
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if !strings.HasPrefix(line, "| ") || cells[0] == "| threat" {
			continue
		}
		rows++
		tests := regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[len(cells)-1], -1)
		if len(cells) != 3 || len(tests) == 0 {
			t.Errorf("%s has %d cells and names %d tests", cells[0], len(cells), len(tests))
		}
		for _, name := range tests {
			if !there[name[1]] {
				t.Errorf("%s names the test %s, which there is not", cells[0], name[1])
			}
		}
	}
	if rows < 20 {
		t.Errorf("%d threats are listed", rows)
	}
}
