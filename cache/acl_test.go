package cache_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"exchequer/cache"
	"exchequer/cache/redisstore"
	"exchequer/internal/testkit"
)

// granted returns a store at an address.
func granted(t *testing.T, url string, a redisstore.Access) *remote {
	t.Helper()
	o := optionsOf(t, url)
	if err := a.Grant(&o); err != nil {
		t.Fatal(err)
	}
	return storeOf(t, o)
}

// documentedACL returns a tenant's rule in docs/operations.md, and what a Cluster
// needs in addition.
func documentedACL(t *testing.T, tenant string) (rule, cluster []any) {
	t.Helper()
	page, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(page)) {
		if words, ok := strings.CutPrefix(line, "user exchequer-TENANT "); ok {
			words = strings.ReplaceAll(words, "TENANT", tenant)
			for word := range strings.FieldsSeq(words) {
				rule = append(rule, word)
			}
		}
		if words, ok := strings.CutPrefix(line, "A Cluster needs `"); ok {
			words, _, _ = strings.Cut(words, "`")
			for word := range strings.FieldsSeq(words) {
				cluster = append(cluster, word)
			}
		}
	}
	if len(rule) == 0 || len(cluster) == 0 {
		t.Fatal("docs/operations.md has no rule for an ACL, or none for a Cluster")
	}
	return rule, cluster
}

func TestTheDocumentedACLSufficesForAllThatTheCacheDoes(t *testing.T) {
	t.Parallel()
	rule, more := documentedACL(t, "town")
	cluster, group := testkit.RedisCluster(t), testkit.RedisSentinel(t)
	server := testkit.Redis(t)
	for name, c := range map[string]struct {
		servers []*testkit.RedisServer
		url     string
	}{
		"one server":       {[]*testkit.RedisServer{server}, server.URL()},
		"a Cluster":        {cluster.Nodes, cluster.URL()},
		"a Sentinel group": {group.Servers, group.URL()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, s := range c.servers {
				words := append([]any{"ACL", "SETUSER", "exchequer"}, rule...)
				if name == "a Cluster" {
					words = append(words, more...)
				}
				if _, err := s.Ask(words...); err != nil {
					t.Fatal(err)
				}
			}
			store := granted(t, c.url, redisstore.Access{Username: "exchequer", Password: "PASSWORD"})
			m := open(t, cache.Deps{Store: store, Space: space})
			var s source
			memo := numberOf(m, &s)
			s.set(1200*time.Millisecond, nil, nil) // so that the lock is extended
			get(t, memo, One{})
			for _, scope := range []cache.Scope{cache.Tag("ledger"), cache.All()} {
				if err := m.InvalidateOnce(t.Context(), "event", cache.Hard, scope); err != nil {
					t.Error(err)
				}
			}
			if _, err := m.TestRoundTrip(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := m.Status(t.Context(), "number", ""); err != nil {
				t.Error(err)
			}
			stats := m.Stats(t.Context()).Shared
			if stats.Down || stats.Server.Version == "" || stats.Server.Ping == 0 {
				t.Errorf("operators see %+v of %+v", stats.Server, stats)
			}
			for _, s := range c.servers {
				s.Freeze()
			}
			if err := m.Invalidate(t.Context(), cache.Soft, cache.Tag("ledger")); err != nil || store.Err() == nil {
				t.Errorf("with Redis frozen: Invalidate() = %v, the process goes on alone because of %v", err, store.Err())
			}
			for _, s := range c.servers {
				s.Thaw()
			}
			eventually(t, 20*time.Second, "Redis is used again", func() bool { return store.Err() == nil })
			time.Sleep(3500 * time.Millisecond) // until the listener checks its connection
			for _, s := range c.servers {
				if denied, err := s.Ask("ACL", "LOG"); err != nil || len(denied.([]any)) > 0 {
					t.Errorf("denied: %v, %v", denied, err)
				}
			}
			if err := store.Err(); err != nil {
				t.Errorf("left aside: %v", err)
			}
		})
	}
}

func TestTheDocumentedACLKeepsATenantFromWhatIsAnothers(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t)
	rule, more := documentedACL(t, "north")
	if _, err := server.Ask(append(append([]any{"ACL", "SETUSER", "north"}, rule...), more...)...); err != nil {
		t.Fatal(err)
	}
	north := redis.NewClient(&redis.Options{Addr: server.Addr, Username: "north", Password: "PASSWORD"})
	defer north.Close()
	ask := func(words ...any) error { return north.Do(t.Context(), words...).Err() }
	for _, own := range []string{"exchequer:{north:1:number}:f00:30s:", "exchequer:{generations}:north:1", "exchequer:{generations}"} {
		if err := ask("GET", own); err != nil && !errors.Is(err, redis.Nil) {
			t.Errorf("GET %s: %v", own, err)
		}
	}
	var refused [][]any
	for _, key := range []string{
		"exchequer:{south:1:number}:f00:30s:", "exchequer:{south:1:number}:f00:30s::lock", "exchequer:{northern:1:number}:f00:30s:",
		"exchequer:{generations}:south:1", "exchequer:{generations}:south:1:once:write", "exchequer:{generations}:northern:1", "other",
	} {
		refused = append(refused, []any{"GET", key}, []any{"HGET", key, "blob"}, []any{"ZRANGE", key, 0, -1},
			[]any{"SET", key, "x"}, []any{"HSET", key, "blob", "x"}, []any{"ZADD", key, 1, "x"}, []any{"DEL", key}, []any{"PEXPIRE", key, 1},
			[]any{"EVAL", "return redis.call('SET', KEYS[1], 'x')", 1, key},
			[]any{"EVAL", "return redis.call('SET', '" + key + "', 'x')", 0})
	}
	for _, channel := range []string{"exchequer:messages:south:1", "exchequer:messages:northern:1", "other"} {
		refused = append(refused, []any{"PUBLISH", channel, "x"}, []any{"SUBSCRIBE", channel})
	}
	for _, line := range []string{
		"FLUSHALL", "FLUSHDB", "KEYS *", "SCAN 0", "RANDOMKEY", "SCRIPT FLUSH", "CONFIG GET *", "CONFIG SET maxmemory 1", "ACL WHOAMI", "CLIENT LIST",
		"MONITOR", "SHUTDOWN", "PSUBSCRIBE *", "PUBSUB CHANNELS", "SWAPDB 0 1", "REPLICAOF NO ONE", "FUNCTION LIST", "CLUSTER NODES",
	} {
		var words []any
		for word := range strings.FieldsSeq(line) {
			words = append(words, word)
		}
		refused = append(refused, words)
	}
	refused = append(refused, []any{"EVAL", "return redis.call('FLUSHALL')", 0})
	for _, words := range refused {
		// In a script some releases return another text.
		err := ask(words...)
		if err == nil || !strings.Contains(err.Error(), "NOPERM") && !strings.Contains(err.Error(), "user executing the script can't") && !strings.Contains(err.Error(), "ACL failure in script") {
			t.Errorf("%v: %v, want that it is forbidden", words, err)
		}
	}
}

func TestWhatAnACLForbidsIsSaidAndNoOutage(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t)
	if _, err := server.Do("ACL", "SETUSER", "default", "-info"); err != nil {
		t.Fatal(err)
	}
	var s source
	c, store, m := process(t, server.Addr, &s)
	get(t, m, One{})
	got := c.Stats(t.Context()).Shared
	if !strings.Contains(got.Server.Unknown, "info") || got.Server.Ping == 0 {
		t.Errorf("without INFO: %+v, want that it is forbidden, and the ping", got.Server)
	}
	if err := store.Err(); err != nil {
		t.Errorf("asking for INFO began an outage: %v", err)
	}
}
