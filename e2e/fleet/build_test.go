package fleet_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// builds is the directory of the binaries while the tests run.
var builds = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "exchequer-fleet-") })

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := builds(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// binary returns the unchanged program.
var binary = sync.OnceValues(func() (string, error) { return build("exchequer", "", "", "") })

// build builds the program. If a file is named, the first occurrence of a text in it
// is replaced. It is built without the race detector, under which a crowd on a small
// machine would delay answers of Redis beyond the program's timeouts.
func build(name, file, old, replacement string) (string, error) {
	dir, err := builds()
	if err != nil {
		return "", err
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	args := []string{"build", "-o", path}
	if file != "" {
		overlay, err := replaced(dir, filepath.Join(root, file), old, replacement)
		if err != nil {
			return "", err
		}
		args = append(args, "-overlay", overlay)
	}
	cmd := exec.Command("go", append(args, "./cmd/exchequer")...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go %v: %w\n%s", args, err, out)
	}
	return path, nil
}

// replaced writes an overlay for go build with another version of a file.
func replaced(dir, path, old, replacement string) (overlay string, err error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if !strings.Contains(string(source), old) {
		return "", fmt.Errorf("%s no longer has %q", path, old)
	}
	changed, overlay := filepath.Join(dir, "changed.go"), filepath.Join(dir, "overlay.json")
	text, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(changed, []byte(strings.Replace(string(source), old, replacement, 1)), 0o600); err != nil {
		return "", err
	}
	return overlay, os.WriteFile(overlay, text, 0o600)
}
