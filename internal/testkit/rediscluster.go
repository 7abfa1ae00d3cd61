package testkit

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// RedisClusterNodes are a real Redis Cluster on loopback: three masters and a
// replica of each.
type RedisClusterNodes struct {
	Nodes []*RedisServer // the masters at the start, then their replicas
	ids   []string
}

const (
	clusterMasters = 3
	clusterSlots   = 16384
)

// RedisCluster starts a Cluster that ends with its owner. A master that does not
// answer for 1.5 s is replaced by its replica.
func RedisCluster(t Owner, settings ...string) *RedisClusterNodes {
	t.Helper()
	c := &RedisClusterNodes{Nodes: make([]*RedisServer, 2*clusterMasters)}
	var buses []string
	for i := range c.Nodes {
		_, bus, _ := net.SplitHostPort(FreeAddr(t)) // by default beyond the last port, for some
		buses = append(buses, bus)
		c.Nodes[i] = Redis(t, append([]string{
			"cluster-enabled yes", "cluster-port " + bus, "cluster-node-timeout 1500", "cluster-replica-validity-factor 0",
			"cluster-allow-replica-migration no", "repl-diskless-sync-delay 0", "repl-ping-replica-period 1",
		}, settings...)...)
		id, err := c.Nodes[i].text("CLUSTER", "MYID")
		if err != nil {
			t.Fatal(err)
		}
		c.ids = append(c.ids, id)
	}
	first := c.Nodes[0]
	for i, node := range c.Nodes {
		c.must(node, "CLUSTER", "SET-CONFIG-EPOCH", i+1)
		if i < clusterMasters {
			c.must(node, "CLUSTER", "ADDSLOTSRANGE", i*clusterSlots/clusterMasters, (i+1)*clusterSlots/clusterMasters-1)
		}
	}
	for i, node := range c.Nodes {
		for j, other := range c.Nodes {
			if i < j {
				host, port, _ := net.SplitHostPort(other.Addr)
				c.must(node, "CLUSTER", "MEET", host, port, buses[j])
			}
		}
	}
	for i, node := range c.Nodes {
		node.await(30*time.Second, "the nodes have met", func() error {
			return node.expect(fmt.Sprintf("cluster_known_nodes:%d\r", len(c.Nodes)), "CLUSTER", "INFO")
		})
		if i >= clusterMasters {
			node.await(30*time.Second, "the replica knows its master", func() error {
				_, err := node.Ask("CLUSTER", "REPLICATE", c.ids[i-clusterMasters])
				return err
			})
		}
	}
	first.await(30*time.Second, "the Cluster is whole", c.Whole)
	return c
}

func (c *RedisClusterNodes) must(node *RedisServer, words ...any) {
	node.t.Helper()
	if _, err := node.Ask(words...); err != nil {
		node.t.Fatalf("%s: %v: %v", node.Addr, words, err)
	}
}

// Addrs returns the addresses of all nodes.
func (c *RedisClusterNodes) Addrs() (addrs []string) {
	for _, node := range c.Nodes {
		addrs = append(addrs, node.Addr)
	}
	return addrs
}

// URL returns the Cluster's address as in REDIS_URL.
func (c *RedisClusterNodes) URL() string { return "redis://" + strings.Join(c.Addrs(), ",") }

// Whole returns an error unless all nodes run, all slots are served, and every
// replica follows its master.
func (c *RedisClusterNodes) Whole() error {
	replicas := 0
	for i, node := range c.Nodes {
		if err := node.expect("cluster_state:ok", "CLUSTER", "INFO"); err != nil {
			return err
		}
		known, err := node.text("CLUSTER", "NODES")
		if err != nil {
			return err
		}
		if strings.Contains(known, "fail") || strings.Count(known, "slave") != clusterMasters {
			return fmt.Errorf("node %d sees\n%s", i, known)
		}
		role, err := node.text("INFO", "replication")
		if err != nil {
			return err
		}
		if strings.Contains(role, "role:slave") {
			if replicas++; !strings.Contains(role, "master_link_status:up") {
				return fmt.Errorf("node %d does not follow its master yet", i)
			}
		}
	}
	if replicas != clusterMasters {
		return fmt.Errorf("%d replicas", replicas)
	}
	return nil
}

// Heal waits until the Cluster is whole.
func (c *RedisClusterNodes) Heal() {
	c.Nodes[0].t.Helper()
	c.Nodes[0].await(60*time.Second, "the Cluster is whole", c.Whole)
}

// Flush empties all nodes.
func (c *RedisClusterNodes) Flush() {
	for _, node := range c.Nodes {
		node.Ask("FLUSHALL") // replicas refuse
	}
}

// A node is a line of CLUSTER NODES.
type node struct {
	id, addr, master string
	epoch            int
	slots            []string // "first-last", or one
}

// nodes returns what a server knows of all nodes.
func (c *RedisClusterNodes) nodes(asked *RedisServer) (list []node, err error) {
	known, err := asked.text("CLUSTER", "NODES")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(known) {
		fields := strings.Fields(line)
		addr, _, _ := strings.Cut(fields[1], "@")
		epoch, _ := strconv.Atoi(fields[6])
		list = append(list, node{fields[0], addr, fields[3], epoch, fields[8:]})
	}
	return list, nil
}

func (n node) serves(slot int) bool {
	for _, each := range n.slots {
		first, last, several := strings.Cut(each, "-")
		from, err := strconv.Atoi(first)
		if err != nil {
			continue // one that is being moved
		}
		to := from
		if several {
			to, _ = strconv.Atoi(last)
		}
		if from <= slot && slot <= to {
			return true
		}
	}
	return false
}

// Master returns the node that serves a key, by the newest view among the nodes.
func (c *RedisClusterNodes) Master(key string) *RedisServer {
	server, _ := c.master(key)
	return server
}

func (c *RedisClusterNodes) master(key string) (*RedisServer, node) {
	first := c.Nodes[0]
	first.t.Helper()
	var newest node
	first.await(30*time.Second, "the master of a key is known", func() error {
		newest = node{epoch: -1}
		for _, asked := range c.Nodes {
			slot, err := c.slot(asked, key)
			list, err2 := c.nodes(asked)
			if err != nil || err2 != nil {
				continue // dead or frozen
			}
			for _, n := range list {
				if n.serves(slot) && n.epoch > newest.epoch {
					newest = n
				}
			}
		}
		return c.server(newest.addr)
	})
	return c.Nodes[c.index(newest.addr)], newest
}

func (c *RedisClusterNodes) slot(asked *RedisServer, key string) (int, error) {
	answer, err := asked.text("CLUSTER", "KEYSLOT", key)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(answer)
}

func (c *RedisClusterNodes) index(addr string) int {
	return slices.IndexFunc(c.Nodes, func(s *RedisServer) bool { return s.Addr == addr })
}

func (c *RedisClusterNodes) server(addr string) error {
	if c.index(addr) < 0 {
		return fmt.Errorf("no node has the address %q", addr)
	}
	return nil
}

// Replica returns a replica of the master of a key.
func (c *RedisClusterNodes) Replica(key string) *RedisServer {
	master, known := c.master(key)
	master.t.Helper()
	list, err := c.nodes(master)
	if err != nil {
		master.t.Fatal(err)
	}
	for _, n := range list {
		if i := c.index(n.addr); n.master == known.id && i >= 0 {
			return c.Nodes[i]
		}
	}
	master.t.Fatalf("%s has no replica", master.Addr)
	return nil
}

// Failover promotes the replica of the master of a key, without loss.
func (c *RedisClusterNodes) Failover(key string) {
	replica := c.Replica(key)
	replica.t.Helper()
	c.must(replica, "CLUSTER", "FAILOVER")
	replica.await(30*time.Second, "the replica is promoted", func() error { return replica.expect("role:master", "INFO", "replication") })
}

// Await waits until the slot of a key has another master than last.
func (c *RedisClusterNodes) Await(key string, last *RedisServer) *RedisServer {
	last.t.Helper()
	var next *RedisServer
	last.await(60*time.Second, "the master is replaced", func() error {
		if next = c.Master(key); next == last {
			return fmt.Errorf("%s still is the master", last.Addr)
		}
		return next.expect("cluster_state:ok", "CLUSTER", "INFO")
	})
	return next
}

// Move moves the slot of a key with its keys to another master, as redis-cli does.
// It waits that long at each of the two steps at which clients are redirected.
func (c *RedisClusterNodes) Move(key string, dwell time.Duration) {
	from, source := c.master(key)
	from.t.Helper()
	slot, err := c.slot(from, key)
	if err != nil {
		from.t.Fatal(err)
	}
	list, err := c.nodes(from)
	if err != nil {
		from.t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(n node) bool { return n.id != source.id && len(n.slots) > 0 })
	target := list[i]
	to := c.Nodes[c.index(target.addr)]
	c.must(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
	c.must(from, "CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
	time.Sleep(dwell)
	host, port, _ := net.SplitHostPort(to.Addr)
	for {
		keys, err := from.Ask("CLUSTER", "GETKEYSINSLOT", slot, 100)
		if err != nil {
			from.t.Fatal(err)
		}
		found, _ := keys.([]any)
		if len(found) == 0 {
			break
		}
		c.must(from, append([]any{"MIGRATE", host, port, "", 0, 5000, "REPLACE", "KEYS"}, found...)...)
	}
	time.Sleep(dwell)
	for _, server := range append([]*RedisServer{to, from}, c.Nodes...) {
		if server.expect("role:master", "INFO", "replication") == nil {
			c.must(server, "CLUSTER", "SETSLOT", slot, "NODE", target.id)
		}
	}
}
