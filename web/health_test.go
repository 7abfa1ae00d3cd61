package web

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/testkit"
)

func TestTheHealthOfTheCacheIsPublicAndKeepsSecrets(t *testing.T) {
	t.Parallel()
	redis := testkit.Redis(t)
	tn := newTown().shares(t, redis)
	tn.window = time.Second // so that it looks at Redis all the time
	tn.stats = func(context.Context, cache.Window, aggregates.StatsQuery) (*aggregates.Stats, error) {
		return nil, errors.New("dial db.internal: refused")
	}
	server := tn.start(t)
	health := func() map[string]any {
		t.Helper()
		response, body := ask(t, "GET", server.URL+"/health/cache")
		if response.StatusCode != 200 || response.Header.Get("Content-Type") != "application/json" || response.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("status %d, headers %v: %s", response.StatusCode, response.Header, body)
		}
		host, port, _ := net.SplitHostPort(redis.Addr)
		for _, secret := range []string{host, port, "db.internal", "refused", "timeout", "reason"} {
			if strings.Contains(body, secret) {
				t.Errorf("%q is public: %s", secret, body)
			}
		}
		return decoded(t, body)
	}
	if got := health(); got["status"] != "ok" || got["shared"].(map[string]any)["down"] != false {
		t.Errorf("health of a new process: %v", got)
	}

	redis.Freeze()
	for range 20 {
		began := time.Now()
		health()
		// Redis is given up after a second; this must not even ask it.
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("health took %s while Redis hangs", took)
		}
	}
	within(t, "a process that is asked notices that Redis hangs", func() bool {
		ask(t, "GET", server.URL+"/economy/richest.json")
		got := health()
		shared := got["shared"].(map[string]any)
		return got["status"] == "degraded" && shared["down"] == true && shared["downSince"] != nil
	})
	redis.Thaw()
	within(t, "it is well again", func() bool { return health()["status"] == "ok" })

	within(t, "the circuit of a memo that fails opens", func() bool {
		for _, kind := range []string{"", "personal", "business", "government", "system"} {
			ask(t, "GET", server.URL+"/api/v1/stats?kind="+kind)
		}
		got := health()
		for _, memo := range got["memos"].([]any) {
			m := memo.(map[string]any)
			if m["memo"] == "stats" && m["circuit"] == "open" {
				return got["status"] == "degraded" && m["hitRatio"] == 0.
			}
		}
		return false
	})
}

func TestTheHealthOfTheCacheCountsKeysWhoseRefreshFails(t *testing.T) {
	t.Parallel()
	tn := newTown()
	tn.window = time.Second
	var down atomic.Bool
	tn.stats = func(context.Context, cache.Window, aggregates.StatsQuery) (*aggregates.Stats, error) {
		if down.Load() {
			return nil, errors.New("refused")
		}
		return &aggregates.Stats{}, nil
	}
	server := tn.start(t)
	has := func(status string, degraded float64) bool {
		ask(t, "GET", server.URL+"/api/v1/stats")
		_, body := ask(t, "GET", server.URL+"/health/cache")
		got := decoded(t, body)
		for _, memo := range got["memos"].([]any) {
			if m := memo.(map[string]any); m["memo"] == "stats" {
				return got["status"] == status && m["keys"] == 1. && m["degraded"] == degraded && m["circuit"] == "closed"
			}
		}
		return false
	}
	within(t, "all is well", func() bool { return has("ok", 0) })
	down.Store(true)
	within(t, "readers see an earlier number, and health shows it before a circuit opens", func() bool { return has("degraded", 1) })
	down.Store(false)
	within(t, "it is well again", func() bool { return has("ok", 0) })
}
