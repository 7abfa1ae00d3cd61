package redisstore_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exchequer/cache/redisstore"
)

func TestTheAddressOfRedisNamesOneServerAClusterOrSentinels(t *testing.T) {
	type parsed struct {
		Addrs                  []string
		DB                     int
		User, Password, Master string
		TLS, Cluster           bool
	}
	for address, want := range map[string]parsed{
		"redis://localhost":                     {Addrs: []string{"localhost:6379"}},
		"rediss://me:pass@cache.example:7000/3": {Addrs: []string{"cache.example:7000"}, DB: 3, User: "me", Password: "pass", TLS: true},
		"redis://a:1,b:2,c":                     {Addrs: []string{"a:1", "b:2", "c:6379"}, Cluster: true},
		"rediss://a:1?cluster=true":             {Addrs: []string{"a:1"}, TLS: true, Cluster: true},
		"redis://:p@a:1,b:2/1?master=town":      {Addrs: []string{"a:1", "b:2"}, DB: 1, Password: "p", Master: "town"},
		"unix:///run/redis.sock":                {Addrs: []string{"/run/redis.sock"}},
	} {
		o, err := redisstore.ParseURL(address)
		if err != nil {
			t.Errorf("ParseRedisURL(%q) = %v", address, err)
			continue
		}
		got := parsed{o.Addrs, o.DB, o.Username, o.Password, o.MasterName, o.TLSConfig != nil, o.IsClusterMode}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("ParseRedisURL(%q): %s", address, d)
		}
		if o.TLSConfig != nil && (o.TLSConfig.ServerName == "") != o.IsClusterMode {
			t.Errorf("ParseRedisURL(%q) wants certificates for %q: each node of a Cluster has its own", address, o.TLSConfig.ServerName)
		}
	}
	for _, address := range []string{"", "localhost:6379", "http://localhost", "redis://me:secret@host/one", "redis://me:secret@a,b/1", "redis://me:secret@a,b?master=m&cluster=true", "redis://me:secret@a?pool=1", "redis://me:secret%@host"} {
		if _, err := redisstore.ParseURL(address); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("ParseRedisURL(%q) = %v, want an error without the password", address, err)
		}
	}
}

func TestATenantsNameCanBePartOfKeys(t *testing.T) {
	for _, name := range []string{"default", "Town-1_a.b", strings.Repeat("x", 64)} {
		if err := redisstore.CheckTenant(name); err != nil {
			t.Errorf("CheckTenant(%q) = %v", name, err)
		}
	}
	for _, name := range []string{"", "a:b", "a{b}", "a b", "ä", "a\n", strings.Repeat("x", 65)} {
		if redisstore.CheckTenant(name) == nil {
			t.Errorf("CheckTenant(%q) = nil", name)
		}
	}
}
