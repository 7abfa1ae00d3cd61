package cache_test

import (
	"fmt"
	"testing"

	"exchequer/cache/redisstore"
	"exchequer/internal/testkit"
)

// The processes of a fleet count clients together, with no more rights than documented.
func TestAFleetCountsClients(t *testing.T) {
	t.Parallel()
	rule, more := documentedACL(t, "town")
	server, cluster := testkit.Redis(t), testkit.RedisCluster(t)
	for name, c := range map[string]struct {
		servers []*testkit.RedisServer
		url     string
	}{"one server": {[]*testkit.RedisServer{server}, server.URL()}, "a Cluster": {cluster.Nodes, cluster.URL()}} {
		for _, s := range c.servers {
			words := append([]any{"ACL", "SETUSER", "exchequer"}, rule...)
			if name == "a Cluster" {
				words = append(words, more...)
			}
			if _, err := s.Ask(append(words, ">secret")...); err != nil {
				t.Fatal(err)
			}
		}
		o := optionsOf(t, c.url)
		if err := (redisstore.Access{Username: "exchequer", Password: "secret"}).Grant(&o); err != nil {
			t.Fatal(err)
		}
		here, there := redisstore.New(o, "town:1"), redisstore.New(o, "town:1")
		count := func(s *redisstore.Store, minute int64, added ...int64) string {
			t.Helper()
			counts, before, err := s.Count(t.Context(), minute, []string{"192.0.2.1", "2001:db8::"}, added)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return fmt.Sprint(counts, before)
		}
		for _, step := range []struct {
			got, want string
		}{
			{count(here, 7, 3, 1), "[3 1] [0 0]"}, {count(there, 7, 2, 0), "[5 1] [0 0]"}, {count(here, 8, 1, 1), "[1 1] [5 1]"}, {count(there, 9, 0, 4), "[0 4] [1 1]"},
		} {
			if step.got != step.want {
				t.Errorf("%s: counted %s, want %s", name, step.got, step.want)
			}
		}
		for _, s := range []*redisstore.Store{here, there} {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
