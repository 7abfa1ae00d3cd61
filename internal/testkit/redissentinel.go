package testkit

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// RedisSentinelGroup is a real master, its replicas, and three sentinels that watch
// them, on loopback.
type RedisSentinelGroup struct {
	Name      string
	Servers   []*RedisServer // the master at the start, then its replicas
	Sentinels []*RedisServer
}

const sentinels = 3

// RedisSentinel starts a group that ends with its owner. A master that does not
// answer for a second is replaced.
func RedisSentinel(t Owner, settings ...string) *RedisSentinelGroup {
	t.Helper()
	g := &RedisSentinelGroup{Name: "town"}
	var host, port string
	for i := range 2 {
		own := append([]string{"repl-diskless-sync-delay 0", "repl-ping-replica-period 1"}, settings...)
		if i > 0 {
			own = append(own, "replicaof "+host+" "+port)
		}
		g.Servers = append(g.Servers, Redis(t, own...))
		if i == 0 {
			host, port, _ = net.SplitHostPort(g.Servers[0].Addr)
		}
	}
	for range sentinels {
		g.Sentinels = append(g.Sentinels, prepare(t, "redis-sentinel"))
	}
	for i, s := range g.Sentinels {
		config := g.config(i, host, port)
		if err := os.WriteFile(filepath.Join(s.dir, "sentinel.conf"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		s.args = []string{filepath.Join(s.dir, "sentinel.conf"), "--sentinel"}
		s.Start()
	}
	g.Servers[0].await(30*time.Second, "the group is whole", g.Whole)
	return g
}

// config names the other sentinels to a sentinel, which would otherwise discover
// them within some seconds.
func (g *RedisSentinelGroup) config(i int, host, port string) string {
	id := func(i int) string { return strings.Repeat(fmt.Sprint(i+1), 40) }
	own := g.Sentinels[i]
	ownHost, ownPort, _ := net.SplitHostPort(own.Addr)
	lines := []string{
		"bind " + ownHost, "port " + ownPort, "dir " + own.dir, "logfile " + filepath.Join(own.dir, "log"),
		"sentinel myid " + id(i),
		fmt.Sprintf("sentinel monitor %s %s %s 2", g.Name, host, port),
		"sentinel down-after-milliseconds " + g.Name + " 1000",
		"sentinel failover-timeout " + g.Name + " 5000",
	}
	for _, replica := range g.Servers[1:] {
		host, port, _ := net.SplitHostPort(replica.Addr)
		lines = append(lines, fmt.Sprintf("sentinel known-replica %s %s %s", g.Name, host, port))
	}
	for j, other := range g.Sentinels {
		if host, port, _ := net.SplitHostPort(other.Addr); j != i {
			lines = append(lines, fmt.Sprintf("sentinel known-sentinel %s %s %s %s", g.Name, host, port, id(j)))
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// URL returns the group's address as in REDIS_URL.
func (g *RedisSentinelGroup) URL() string {
	return "redis://" + strings.Join(g.Addrs(), ",") + "?master=" + g.Name
}

// Addrs returns the addresses of the sentinels.
func (g *RedisSentinelGroup) Addrs() (addrs []string) {
	for _, s := range g.Sentinels {
		addrs = append(addrs, s.Addr)
	}
	return addrs
}

// Whole returns an error unless the sentinels agree on a master that all
// replicas follow.
func (g *RedisSentinelGroup) Whole() error {
	for _, s := range g.Sentinels {
		if err := s.expect("OK", "SENTINEL", "CKQUORUM", g.Name); err != nil {
			return err
		}
	}
	if _, err := g.agreed(); err != nil {
		return err
	}
	following := 0
	for _, s := range g.Servers {
		if s.expect("master_link_status:up", "INFO", "replication") == nil {
			following++
		}
	}
	if want := len(g.Servers) - 1; following != want {
		return fmt.Errorf("%d of %d replicas follow the master", following, want)
	}
	return nil
}

// Heal makes former masters follow the current one, as the sentinels would within
// ten seconds, and waits until the group is whole.
func (g *RedisSentinelGroup) Heal() {
	g.Servers[0].t.Helper()
	master := g.Master()
	host, port, _ := net.SplitHostPort(master.Addr)
	for _, s := range g.Servers {
		if s != master {
			s.Ask("REPLICAOF", host, port)
		}
	}
	g.Servers[0].await(60*time.Second, "the group is whole", g.Whole)
}

// Master returns the master that the sentinels agree on.
func (g *RedisSentinelGroup) Master() *RedisServer {
	g.Servers[0].t.Helper()
	var master *RedisServer
	g.Servers[0].await(30*time.Second, "the sentinels agree on a master", func() (err error) {
		master, err = g.agreed()
		return err
	})
	return master
}

func (g *RedisSentinelGroup) agreed() (*RedisServer, error) {
	var agreed *RedisServer
	for _, sentinel := range g.Sentinels {
		answer, err := sentinel.Ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", g.Name)
		if err != nil {
			return nil, err
		}
		words, _ := answer.([]any)
		if len(words) != 2 {
			return nil, fmt.Errorf("a sentinel knows of no master: %v", answer)
		}
		addr := net.JoinHostPort(fmt.Sprint(words[0]), fmt.Sprint(words[1]))
		for _, s := range g.Servers {
			if s.Addr == addr {
				if agreed != nil && agreed != s {
					return nil, fmt.Errorf("the sentinels disagree")
				}
				agreed = s
			}
		}
	}
	if agreed == nil {
		return nil, fmt.Errorf("the master is none of ours")
	}
	return agreed, agreed.expect("role:master", "INFO", "replication")
}

// Await waits until a server is no longer the master, and returns its successor.
func (g *RedisSentinelGroup) Await(last *RedisServer) *RedisServer {
	last.t.Helper()
	var master *RedisServer
	last.await(60*time.Second, "the master is replaced", func() (err error) {
		if master, err = g.agreed(); err == nil && master == last {
			err = fmt.Errorf("%s still is the master", last.Addr)
		}
		return err
	})
	return master
}

// Failover promotes a replica without loss and returns it. The former master
// becomes its replica.
func (g *RedisSentinelGroup) Failover() *RedisServer {
	last := g.Master()
	last.t.Helper()
	last.await(30*time.Second, "the sentinels begin", func() error {
		_, err := g.Sentinels[0].Ask("SENTINEL", "FAILOVER", g.Name)
		return err
	})
	return g.Await(last)
}

// Flush empties the master, and with it the replicas.
func (g *RedisSentinelGroup) Flush() { g.Master().Ask("FLUSHALL") }
