package main

import (
	"log/slog"
	"math"
	"strings"
	"testing"

	"exchequer/internal/testkit"
)

func TestConnectionsLeaveFilesToTheRest(t *testing.T) {
	for name, c := range map[string]struct {
		wanted     int
		files      uint64
		want       int
		isRemarked bool
	}{
		"enough files":          {4096, 65536, 4096, false},
		"as many as a shell's":  {4096, 1024, 832, true},
		"few":                   {4096, 256, 128, true},
		"fewer than are wanted": {100, 256, 100, false},
		"no limit of files":     {4096, math.MaxUint64, 4096, false},
		"not known":             {4096, 0, 4096, false},
		"no limit is wanted":    {0, 256, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			var said testkit.Buffer
			f := serverFlags{MaxConnections: c.wanted}
			if got := f.connections(c.files, slog.New(slog.NewTextHandler(&said, nil))); got != c.want {
				t.Errorf("connections = %d, want %d", got, c.want)
			}
			if remarked := strings.Contains(said.String(), "may not open more files"); remarked != c.isRemarked {
				t.Errorf("it said %q", said.String())
			}
		})
	}
}
