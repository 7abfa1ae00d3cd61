package house_test

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestEachDependencyHasAReason(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{if not (or .Indirect .Main)}}{{.Path}}{{end}}", "all").Output()
	if err != nil {
		t.Fatal(err)
	}
	direct := strings.Fields(string(out))
	text, err := os.ReadFile("docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	modules, tools, _ := strings.Cut(string(text), "\n## Tools\n")
	listed := func(text string) (all []string) {
		for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| \\S.* \\|$").FindAllStringSubmatch(text, -1) {
			all = append(all, row[1])
		}
		return all
	}
	got := listed(modules)
	for _, module := range direct {
		if !slices.Contains(got, module) {
			t.Errorf("docs/dependencies.md has no reason for %s", module)
		}
	}
	for _, module := range got {
		if !slices.Contains(direct, module) {
			t.Errorf("docs/dependencies.md has a reason for %s, which go.mod does not name for itself", module)
		}
	}
	out, err = exec.Command("go", "list", "tool").Output()
	if err != nil {
		t.Fatal(err)
	}
	wanted, explained := strings.Fields(string(out)), listed(tools)
	slices.Sort(wanted)
	slices.Sort(explained)
	if !slices.Equal(wanted, explained) {
		t.Errorf("docs/dependencies.md explains the tools %v, go.mod has %v", explained, wanted)
	}
}
