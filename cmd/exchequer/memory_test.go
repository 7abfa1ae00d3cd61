package main

import (
	"log/slog"
	"math"
	"os"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"exchequer/internal/testkit"
)

func TestAContainersLimitIsASoftOneOfTheProgram(t *testing.T) {
	none := func() (uint64, error) { return 0, memlimit.ErrNoLimit }
	for name, c := range map[string]struct {
		container memlimit.Provider
		embedded  bool
		given     string // GOMEMLIMIT
		want      int64
	}{
		"alone in 256 MiB":             {memlimit.Limit(256 << 20), false, "", 161061273},
		"with the database in 256 MiB": {memlimit.Limit(256 << 20), true, "", 107374182},
		"no limit":                     {none, false, "", math.MaxInt64},
		"GOMEMLIMIT is set":            {memlimit.Limit(256 << 20), false, "off", math.MaxInt64},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GOMEMLIMIT", c.given) // and put back at the end
			if c.given == "" {
				os.Unsetenv("GOMEMLIMIT")
			}
			defer debug.SetMemoryLimit(debug.SetMemoryLimit(math.MaxInt64))
			var said testkit.Buffer
			limitMemory(slog.New(slog.NewTextHandler(&said, nil)), c.container, shareOfMemory(c.embedded))
			if got := debug.SetMemoryLimit(-1); got != c.want {
				t.Errorf("limit = %d, want %d", got, c.want)
			}
			if logged := strings.Contains(said.String(), "memory is limited softly"); logged != (c.want != math.MaxInt64) {
				t.Errorf("it said %q", said.String())
			}
		})
	}
}
