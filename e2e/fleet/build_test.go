package fleet_test

import (
	"encoding/json"
	"errors"
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
	if file == "" {
		return compile(root, filepath.Join(dir, name))
	}
	source, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		return "", err
	}
	if !strings.Contains(string(source), old) {
		return "", fmt.Errorf("%s no longer has %q", file, old)
	}
	return buildWith(name, file, strings.Replace(string(source), old, replacement, 1))
}

// buildWith builds the program with another text of a file, or with one more file.
func buildWith(name, file, text string) (string, error) {
	dir, err := builds()
	if err != nil {
		return "", err
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		return "", err
	}
	changed, overlay := filepath.Join(dir, name+"-file"), filepath.Join(dir, name+"-overlay.json")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(root, file): changed}})
	if err != nil {
		return "", err
	}
	if err := errors.Join(os.WriteFile(changed, []byte(text), 0o600), os.WriteFile(overlay, replace, 0o600)); err != nil {
		return "", err
	}
	return compile(root, filepath.Join(dir, name), "-overlay", overlay)
}

func compile(root, path string, flags ...string) (string, error) {
	// As the Makefile builds it, so that both share what is compiled.
	args := append([]string{"build", "-trimpath", "-ldflags", "-s -w", "-o", path}, flags...)
	cmd := exec.Command("go", append(args, "./cmd/exchequer")...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go %v: %w\n%s", args, err, out)
	}
	return path, nil
}
