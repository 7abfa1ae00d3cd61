package cache_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exchequer/cache"
)

func TestTheAddressOfRedisNamesOneServerAClusterOrSentinels(t *testing.T) {
	type want struct {
		Addrs                  []string
		DB                     int
		User, Password, Master string
		TLS                    bool
	}
	for address, want := range map[string]want{
		"redis://localhost":                     {Addrs: []string{"localhost:6379"}},
		"rediss://me:pass@cache.example:7000/3": {Addrs: []string{"cache.example:7000"}, DB: 3, User: "me", Password: "pass", TLS: true},
		"redis://a:1,b:2,c":                     {Addrs: []string{"a:1", "b:2", "c:6379"}},
		"redis://:p@a:1,b:2/1?master=town":      {Addrs: []string{"a:1", "b:2"}, DB: 1, Password: "p", Master: "town"},
		"unix:///run/redis.sock":                {Addrs: []string{"/run/redis.sock"}},
	} {
		o, err := cache.ParseRedisURL(address)
		if err != nil {
			t.Errorf("ParseRedisURL(%q) = %v", address, err)
			continue
		}
		got := struct {
			Addrs                  []string
			DB                     int
			User, Password, Master string
			TLS                    bool
		}{o.Addrs, o.DB, o.Username, o.Password, o.MasterName, o.TLSConfig != nil}
		if d := cmp.Diff(want.Addrs, got.Addrs); d != "" || got.DB != want.DB || got.User != want.User || got.Password != want.Password || got.Master != want.Master || got.TLS != want.TLS {
			t.Errorf("ParseRedisURL(%q) = %+v, want %+v", address, got, want)
		}
	}
	for _, address := range []string{"", "localhost:6379", "http://localhost", "redis://me:secret@host/one", "redis://me:secret%@host"} {
		if _, err := cache.ParseRedisURL(address); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("ParseRedisURL(%q) = %v, want an error without the password", address, err)
		}
	}
}
