package main

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"exchequer/cache"
	"exchequer/internal/testkit"
)

func TestOperatorsLookAtARunningServerAndSteerIt(t *testing.T) {
	redis := testkit.Redis(t)
	t.Setenv("DATABASE_URL", testkit.Postgres(t).Config().ConnString())
	t.Setenv("REDIS_URL", redis.URL())
	t.Setenv("EXCHEQUER_OPERATOR_TOKEN", "a-token-for-the-operators")
	t.Setenv("EXCHEQUER_POLICIES", "stats=window:24h;economy.overview=window:24h") // no boundary comes meanwhile
	s := start(t, "serve")
	t.Setenv("EXCHEQUER_SERVER", s.url)
	// wants runs a command and looks for what it is to print.
	wants := func(code int, command string, want ...string) {
		t.Helper()
		got, out, said := exchequer(t, strings.Fields(command)...)
		missing := slices.DeleteFunc(want, func(w string) bool { return strings.Contains(out+said, w) })
		if got != code || len(missing) > 0 {
			t.Errorf("exchequer %s = %d, want %d and %q; it said:\n%s%s", command, got, code, missing, out, said)
		}
	}

	wants(0, "warm stats economy.overview", "economy.overview:30: up to date\n", "6 keys are up to date")
	wants(0, "cache warm", "economy.richest: up to date", "stats::: up to date")
	for range 3 {
		if status, _ := get(t, s.url+"/economy"); status != http.StatusOK {
			t.Errorf("/economy = %d", status)
		}
	}
	wants(0, "cache stats", ":"+strconv.Itoa(os.Getpid())+" since", "single", "master", "economy.overview", "100.0 %", "closed")
	wants(0, "cache policies", "economy.overview", "30 s", "7 days", "15 s")
	wants(0, "cache status economy.overview:30", "exchequer:{default:", "process   fresh; as of", "no process computes it")
	wants(0, "cache status economy.overview:12", "process   not held", "shared    nothing")
	wants(0, "cache invalidate --pattern economy.*", "invalidated (soft): pattern economy.*")
	wants(0, "cache status economy.overview:90", "stale, since it was invalidated")
	wants(0, "cache invalidate --key stats:: --hard", "invalidated (hard): key stats::")
	wants(0, "cache invalidate --key item:item:diamond:30 --hard", "has this key")
	wants(0, "cache status stats::", "process   forbidden", "not shown")
	wants(0, "cache keys --memo economy.overview --limit 2", "key ", "economy.overview:30", " B ", "2 of 5 keys")
	wants(0, "cache keys --state forbidden", "stats::", "forbidden", "1 of 1 keys")
	wants(2, "cache keys --state asleep", "--state")
	wants(1, "cache keys --limit 1001", "422", "limit")
	wants(0, "cache test", "redis: set in ", "deleted in ")
	wants(0, "cache health", "ok; the shared level is in redis")
	wants(0, "cache reset", "counting from "+time.Now().UTC().Format("2006-01-02"))
	_, out, _ := exchequer(t, "cache", "stats", "--json")
	var stats cache.Stats
	if err := json.Unmarshal([]byte(out), &stats); err != nil {
		t.Errorf("stats --json: %v:\n%s", err, out)
	}
	for _, m := range stats.Memos {
		if m.Hits != 0 {
			t.Errorf("after a reset, %s has %d hits", m.Memo, m.Hits)
		}
	}
	wants(0, "warm --json stats", `"key":"stats::"`, `{"finished":true,"failed":0}`)

	wants(1, "cache status nothing:30", `there is no memo "nothing"`, "economy.overview")
	wants(1, "warm nothing", `there is no memo "nothing"`)
	wants(1, "cache invalidate --tag nothing", "nothing")
	wants(2, "cache invalidate", "--memo")
	wants(2, "cache invalidate --memo stats --all", "can't be used together")
	t.Run("with another token", func(t *testing.T) {
		t.Setenv("EXCHEQUER_OPERATOR_TOKEN", "a-token-of-somebody-else")
		wants(1, "cache stats", "answered 403 Forbidden: this is not the operators' token", "must be the same here and at the server")
	})

	redis.Kill()
	for limit := time.Now().Add(20 * time.Second); ; time.Sleep(500 * time.Millisecond) {
		get(t, s.url+"/economy")
		if code, _, _ := exchequer(t, "cache", "health"); code == 1 || time.Now().After(limit) {
			break
		}
	}
	wants(1, "cache health", "degraded; the shared level is in redis", "going on without Redis")
	wants(1, "cache test", "redis: ", "set: ")
	wants(0, "cache stats", "down since ", "connections")
	wants(0, "cache status economy.overview:30", "unknown, since Redis is down")
}
