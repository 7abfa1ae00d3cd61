package house_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestLicencesAreCollectedOfAllThatIsLinkedAndMissedWhereThereIsNone(t *testing.T) {
	dir, out := t.TempDir(), filepath.Join(t.TempDir(), "licenses")
	for name, text := range map[string]string{
		"go.mod": "module program\ngo 1.26\nrequire (\nexample.com/free v1.0.0\nexample.com/spare v1.0.0\n)\n" +
			"replace (\nexample.com/free => ./free\nexample.com/spare => ./spare\n)\n",
		"main.go":                  "package main\nimport _ \"example.com/free/part/deep\"\nfunc main() {}\n",
		"main_test.go":             "package main\nimport _ \"example.com/spare\"\n",
		"free/go.mod":              "module example.com/free\ngo 1.26\n",
		"free/LICENSE":             "free",
		"free/part/License.txt":    "taken in",
		"free/part/deep/deep.go":   "package deep\n",
		"free/unused/LICENSE":      "not linked",
		"free/unused/unused.go":    "package unused\n",
		"spare/go.mod":             "module example.com/spare\ngo 1.26\n",
		"spare/spare.go":           "package spare\n", // for tests alone, so it needs none
		"free/part/deep/notice.go": "package deep\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	script, err := filepath.Abs(".ci/licenses")
	if err != nil {
		t.Fatal(err)
	}
	collect := func() (string, error) {
		cmd := exec.CommandContext(t.Context(), script, out, ".")
		cmd.Dir = dir
		said, err := cmd.CombinedOutput()
		return string(said), err
	}
	if said, err := collect(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	for name, want := range map[string]string{"example.com/free/LICENSE": "free", "example.com/free/part/License.txt": "taken in"} {
		if got, err := os.ReadFile(filepath.Join(out, name)); err != nil || string(got) != want {
			t.Errorf("%s = %q, %v, want %q", name, got, err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(out, "go", "LICENSE")); err != nil {
		t.Error("Go's own:", err)
	}
	for _, name := range []string{"example.com/spare", "example.com/free/unused", "example.com/free/part/deep"} {
		if _, err := os.Stat(filepath.Join(out, name)); !os.IsNotExist(err) {
			t.Errorf("%s is there (%v), and has nothing of a licence that is linked", name, err)
		}
	}

	if err := os.Remove(filepath.Join(dir, "free/LICENSE")); err != nil {
		t.Fatal(err)
	}
	if said, err := collect(); err == nil || !strings.Contains(said, "no licence: example.com/free\n") {
		t.Errorf("without a licence: %v, %q", err, said)
	}
}
