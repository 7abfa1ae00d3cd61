package cache_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"exchequer/cache"
	"exchequer/cache/redisstore"
	"exchequer/internal/testkit"
)

// certificates are an authority's, and those of a server and a client that it
// has signed, as files.
func certificates(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	write := func(name, kind string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var authority *x509.Certificate
	var signer *ecdsa.PrivateKey
	for i, name := range []string{"ca", "server", "client"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		about := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			IsCA: i == 0, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		}
		if i == 0 {
			authority, signer = about, key
		}
		signed, err := x509.CreateCertificate(rand.Reader, about, authority, &key.PublicKey, signer)
		if err != nil {
			t.Fatal(err)
		}
		private, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		write(name+".pem", "CERTIFICATE", signed)
		write(name+".key", "EC PRIVATE KEY", private)
	}
	return dir
}

// granted is a store at an address.
func granted(t *testing.T, url string, a redisstore.Access) *remote {
	t.Helper()
	o := optionsOf(t, url)
	if err := a.Grant(&o); err != nil {
		t.Fatal(err)
	}
	return storeOf(t, o)
}

func TestRedisIsReachedByTLSWithCertificatesOfOnesOwn(t *testing.T) {
	t.Parallel()
	dir := certificates(t)
	file := func(name string) string { return filepath.Join(dir, name) }
	secure := testkit.FreeAddr(t)
	_, port, _ := net.SplitHostPort(secure)
	testkit.Redis(t, "tls-port "+port, "tls-cert-file "+file("server.pem"), "tls-key-file "+file("server.key"), "tls-ca-cert-file "+file("ca.pem"))
	url := "rediss://" + secure
	store := granted(t, url, redisstore.Access{CAFile: file("ca.pem"), CertFile: file("client.pem"), KeyFile: file("client.key")})
	load(t, store)
	if err := store.Err(); err != nil {
		t.Errorf("with both certificates: %v", err)
	}
	for name, access := range map[string]redisstore.Access{
		"without the authority":       {CertFile: file("client.pem"), KeyFile: file("client.key")},
		"without a client's own":      {CAFile: file("ca.pem")},
		"with a stranger's authority": {CAFile: filepath.Join(certificates(t), "ca.pem"), CertFile: file("client.pem"), KeyFile: file("client.key")},
	} {
		eventually(t, 10*time.Second, name+", an error about certificates", func() bool {
			store := granted(t, url, access)
			load(t, store)
			if store.Err() == nil {
				t.Fatalf("%s, it is let in", name)
			}
			return strings.Contains(store.Err().Error(), "certificate")
		})
	}
}

func TestAccessThatMakesNoSenseIsRefused(t *testing.T) {
	dir := certificates(t)
	ca := filepath.Join(dir, "ca.pem")
	for name, c := range map[string]struct {
		url    string
		access redisstore.Access
	}{
		"certificates without TLS":   {"redis://host", redisstore.Access{CAFile: ca}},
		"an authority that is away":  {"rediss://host", redisstore.Access{CAFile: filepath.Join(dir, "none")}},
		"an authority that is a key": {"rediss://host", redisstore.Access{CAFile: filepath.Join(dir, "ca.key")}},
		"a certificate without key":  {"rediss://host", redisstore.Access{CertFile: ca}},
		"a key of another":           {"rediss://host", redisstore.Access{CertFile: ca, KeyFile: filepath.Join(dir, "client.key")}},
	} {
		o := optionsOf(t, c.url)
		if err := c.access.Grant(&o); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// documentedACL is a tenant's rule of docs/operations.md, and what a Cluster
// adds.
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
			time.Sleep(3500 * time.Millisecond) // until the listener looks whether it is heard
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
		// Within a script some releases word it otherwise.
		err := ask(words...)
		if err == nil || !strings.Contains(err.Error(), "NOPERM") && !strings.Contains(err.Error(), "user executing the script can't") && !strings.Contains(err.Error(), "ACL failure in script") {
			t.Errorf("%v: %v, want that it is forbidden", words, err)
		}
	}
}

func TestSentinelsMayAskForAPasswordOfTheirOwn(t *testing.T) {
	t.Parallel()
	group := testkit.RedisSentinel(t)
	for _, s := range group.Sentinels {
		if _, err := s.Ask("ACL", "SETUSER", "watcher", "on", ">hush", "allchannels", "+@all"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Ask("ACL", "SETUSER", "default", "off"); err != nil {
			t.Fatal(err)
		}
	}
	store := granted(t, group.URL(), redisstore.Access{SentinelUsername: "watcher", SentinelPassword: "hush"})
	load(t, store)
	if err := store.Err(); err != nil {
		t.Errorf("with the sentinels' password: %v", err)
	}
	stranger := granted(t, group.URL(), redisstore.Access{SentinelUsername: "watcher", SentinelPassword: "secret"})
	load(t, stranger)
	if err := stranger.Err(); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("with another password: %v, want an error without it", err)
	}
}

func TestAPasswordIsNotInWhatAnOutageSays(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t, "requirepass hush")
	store := granted(t, "redis://:secret@"+server.Addr, redisstore.Access{})
	load(t, store)
	if err := store.Err(); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("with a wrong password: %v, want an error without it", err)
	}
	right := granted(t, "redis://:secret@"+server.Addr, redisstore.Access{Password: "hush"})
	load(t, right)
	if err := right.Err(); err != nil {
		t.Errorf("with the right password beside the address: %v", err)
	}
}

func TestTenantsOnOneRedisDoNotSeeEachOther(t *testing.T) {
	server := sharedServer()
	server.Do("FLUSHALL")
	of := func(tenant string) (*remote, *cache.Cache, *cache.Memo[One, int], *source) {
		store := newRemote(optionsOf(t, server.URL()), tenant)
		t.Cleanup(func() { store.Close() })
		c := open(t, cache.Deps{Store: store, Space: tenant})
		s := new(source)
		return store, c, cache.NewMemo(c, cache.Spec{Name: "number", Window: time.Hour, Tags: []string{"ledger"}},
			func(ctx context.Context, _ cache.Window, _ One) (int, error) { return s.produce(ctx) }), s
	}
	northStore, north, n, atNorth := of("north")
	southStore, _, m, atSouth := of("south")
	heard := make(chan cache.Message, 100)
	defer southStore.Listen(func(m cache.Message) {
		if !m.Connected {
			heard <- m
		}
	})()
	time.Sleep(200 * time.Millisecond)
	atNorth.runs.Store(100)
	wantResult(t, get(t, n, One{}), 101, cache.Fresh, "north")
	wantResult(t, get(t, m, One{}), 1, cache.Fresh, "south")
	<-heard // that its own value is ready

	before, err := southStore.Invalidations(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, scope := range []cache.Scope{cache.Tag("ledger"), cache.Name("number"), cache.Key("number", ""), cache.Tenant()} {
		if err := north.Invalidate(t.Context(), cache.Hard, scope); err != nil {
			t.Fatal(err)
		}
	}
	// More than are kept apart: the older ones forbid all of this tenant's.
	var many []string
	for i := range 5000 {
		many = append(many, "key:north:number:"+time.Duration(i).String())
	}
	for i := range 3 {
		for j := range many {
			many[j] += string(rune('a' + i))
		}
		if _, _, err := northStore.Invalidate(t.Context(), cache.Hard, many, 0, ""); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, 10*time.Second, "north has a new value", func() bool { return get(t, n, One{}).Value > 101 })
	time.Sleep(1500 * time.Millisecond) // past a poll
	wantResult(t, get(t, m, One{}), 1, cache.Fresh, "south after north's invalidations")
	atSouth.wantRuns(t, 1, "for south")
	after, err := southStore.Invalidations(t.Context(), 0)
	if err != nil || len(after) != len(before) {
		t.Errorf("south finds %d invalidations, %v, want the %d from before", len(after), err, len(before))
	}
	if len(heard) > 0 {
		t.Errorf("south heard %v", <-heard)
	}

	if err := north.Invalidate(t.Context(), cache.Hard, cache.All()); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, "everything is every tenant's", func() bool { return get(t, m, One{}).Value == 2 })
	if err := northStore.Err(); err != nil {
		t.Errorf("left aside: %v", err)
	}
}
