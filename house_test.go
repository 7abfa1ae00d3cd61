// Package house_test holds the import table of docs/design.md §1: which room
// of the house knows which.
package house_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// table lists what each room may import of ours. A room is a top folder, or a
// folder below internal or cache. The command may import all.
var table = map[string][]string{
	"web":                {"admin", "aggregates", "alerts", "ledger", "cache", "views", "static", "keys", "client", "claims", "signin", "vitals", "internal/csvtext", "internal/telemetry"},
	"admin":              {"aggregates", "alerts", "cache", "keys", "ledger", "signin", "views", "vitals", "internal/csvtext"},
	"views":              {"aggregates", "ledger", "cache", "claims", "static"},
	"aggregates":         {"ledger", "cache"},
	"alerts":             {"aggregates", "cache", "ledger", "views"},
	"ledger":             {"migrations", "internal/csvtext"},
	"connector":          {"ledger", "mappings"},
	"mappings":           {},
	"keys":               {},
	"claims":             {},
	"signin":             {},
	"vitals":             {},
	"client":             {},
	"cache":              {},
	"cache/redisstore":   {"cache"},
	"cache/pgjournal":    {"cache"},
	"static":             {},
	"migrations":         {},
	"internal/csvtext":   {},
	"internal/postgres":  {"migrations", "internal/telemetry"},
	"internal/telemetry": {},
	"internal/sample":    {"aggregates", "ledger"},
	"internal/testkit":   {"internal/postgres"},
	"internal/town":      {"ledger"},
	"deploy":             {},
	"bench":              {},
	"e2e":                {},
}

const module = "exchequer/"

// room returns the room that a package of ours belongs to.
func room(pkg string) string {
	parts := strings.Split(strings.TrimPrefix(pkg, module), "/")
	if parts[0] == "internal" || parts[0] == "cache" {
		return strings.Join(parts[:min(2, len(parts))], "/")
	}
	return parts[0]
}

func TestEachRoomKnowsOnlyItsNeighbours(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := map[string]bool{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var pkg struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&pkg); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		from := room(pkg.ImportPath)
		if from == "cmd" || pkg.ImportPath == strings.TrimSuffix(module, "/") {
			continue
		}
		seen[from] = true
		allowed, known := table[from]
		if !known {
			t.Errorf("%s is a room that the table does not know", from)
			continue
		}
		for _, imported := range pkg.Imports {
			if to := room(imported); strings.HasPrefix(imported, module) && to != from && !slices.Contains(allowed, to) {
				t.Errorf("%s imports %s; %s may know %v", pkg.ImportPath, imported, from, allowed)
			}
		}
	}
	for name := range table {
		if !seen[name] {
			t.Errorf("the table names %s, which is not there", name)
		}
	}
}

// The engine of the cache is tested in fake time, which sockets are not part of.
func TestTheCachesEngineKnowsNoNetwork(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{join .Imports "\n"}}`, "./cache").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for imported := range strings.Lines(string(out)) {
		imported = strings.TrimSpace(imported)
		for _, driver := range []string{"net", "net/http", "database/sql", "github.com/redis/", "github.com/jackc/"} {
			if imported == driver || strings.HasSuffix(driver, "/") && strings.HasPrefix(imported, driver) {
				t.Errorf("cache imports %s", imported)
			}
		}
	}
}
