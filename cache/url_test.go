package cache_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exchequer/cache"
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
		o, err := cache.ParseRedisURL(address)
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
		if _, err := cache.ParseRedisURL(address); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("ParseRedisURL(%q) = %v, want an error without the password", address, err)
		}
	}
}
