package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheUnitHasFewRights(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("there is no systemd-analyze: install systemd to rate the unit")
	}
	// A root of its own, with the unit where an operator puts it, and something in place
	// of the binary.
	dir := t.TempDir()
	for name, text := range map[string]string{
		"etc/systemd/system/exchequer.service":                 readFile(t, "deploy/systemd/exchequer.service"),
		"etc/systemd/system/exchequer.service.d/database.conf": readFile(t, "deploy/systemd/exchequer.service.d/database.conf"),
		"usr/local/bin/exchequer":                              "#!/bin/sh\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=20", "--root="+dir, "exchequer.service").CombinedOutput()
	if err != nil {
		t.Errorf("the unit is exposed by more than 2.0: %v\n%s", err, out)
	}
	if out, _ := exec.Command("systemd-analyze", "verify", "--man=no", filepath.Join(dir, "etc/systemd/system/exchequer.service")).CombinedOutput(); strings.Contains(string(out), "Unknown") || strings.Contains(string(out), "parse") {
		t.Errorf("systemd does not know what the unit says:\n%s", out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	t.Log(lines[len(lines)-1])
	for _, variable := range []string{"DATABASE_URL", "EXCHEQUER_INGEST_DATABASE_URL", "REDIS_URL", "EXCHEQUER_OPERATOR_TOKEN"} {
		if strings.Contains(readFile(t, "deploy/systemd/exchequer.service"), variable) {
			t.Errorf("the unit has %s, which everybody can read", variable)
		}
	}
}
