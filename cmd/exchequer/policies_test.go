package main

import (
	"strings"
	"testing"

	"exchequer/internal/testkit"
)

func TestAPolicyOfAMemoThatIsNotThereStopsTheStart(t *testing.T) {
	t.Setenv("DATABASE_URL", testkit.PostgresURL(t))
	t.Setenv("EXCHEQUER_POLICIES", "ecnomy.overview=window:1m;stats=window:1m,soft:10s")
	code, _, said := exchequer(t, "serve", "--listen", "127.0.0.1:0")
	for _, want := range []string{`"ecnomy.overview"`, "economy.overview, ", `policy of "stats": soft limit 10s is below the window of 1m0s`} {
		if code != 1 || !strings.Contains(said, want) {
			t.Errorf("serve = %d, %s, want 1 and %q", code, said, want)
		}
	}
}
