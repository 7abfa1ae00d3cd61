package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAShortTokenIsRefusedBeforeAClusterIsMade(t *testing.T) {
	for _, command := range []string{"serve", "demo"} {
		dir := filepath.Join(t.TempDir(), "data")
		code, _, said := exchequer(t, command, "--listen", "127.0.0.1:0", "--data-dir", dir, "--operator-token", "hush")
		if _, err := os.Stat(dir); code != 1 || !strings.Contains(said, "16 visible ASCII characters") || !os.IsNotExist(err) {
			t.Errorf("%s = %d, %q, and of its data directory: %v; want 1, why, and none", command, code, said, err)
		}
	}
}
