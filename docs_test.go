package house_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents are all texts for people, by their path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/decisions/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all[file] = string(text)
		}
	}
	return all
}

var (
	heading   = regexp.MustCompile(`(?m)^#+ (.*)$`)
	unwritten = regexp.MustCompile(`[^\p{L}\p{N}_ -]`) // of a heading, in its address
)

// hasHeading reports whether a text has a heading of an address.
func hasHeading(text, address string) bool {
	return slices.ContainsFunc(heading.FindAllStringSubmatch(text, -1), func(found []string) bool {
		return strings.ReplaceAll(unwritten.ReplaceAllString(strings.ToLower(found[1]), ""), " ", "-") == address
	})
}

func TestLinksOfTheDocumentsLeadSomewhere(t *testing.T) {
	texts := documents(t)
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for file, text := range texts {
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(found[1], "://") {
				continue
			}
			to, anchor, _ := strings.Cut(found[1], "#")
			path := file
			if to != "" {
				path = filepath.Join(filepath.Dir(file), to)
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s leads to %s, which is not there", file, found[1])
			} else if anchor != "" && !hasHeading(texts[path], anchor) {
				t.Errorf("%s leads to %s, where there is no such heading", file, found[1])
			}
		}
	}
}

// The list of all settings is made from the program's flags; deployments and tests have a
// few of their own.
func TestVariablesOfTheDocumentsAreSettings(t *testing.T) {
	known := map[string]bool{}
	variable := regexp.MustCompile(`\bEXCHEQUER_[A-Z0-9_]*[A-Z0-9]\b`)
	for _, file := range []string{"docs/configuration.md", "deploy/compose.yaml", "deploy/Caddyfile"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range variable.FindAllString(string(text), -1) {
			known[name] = true
		}
	}
	for file, text := range documents(t) {
		for _, name := range variable.FindAllString(text, -1) {
			if !known[name] && !strings.HasPrefix(name, "EXCHEQUER_TEST_") && !strings.HasPrefix(name, "EXCHEQUER_BENCH_") {
				t.Errorf("%s names %s, which is no setting", file, name)
			}
		}
	}
}
