package redisstore

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"exchequer/cache"
)

// Holder implements [cache.Inspector].
func (s *Store) Holder(ctx context.Context, key string) (owner string, left time.Duration, err error) {
	owner, err = s.client.Get(ctx, lockKey(key)).Result()
	if err != nil {
		return "", 0, wrap(err)
	}
	left, err = s.client.PTTL(ctx, lockKey(key)).Result()
	return owner, max(left, 0), wrap(err)
}

// Direct implements [cache.Inspector].
func (s *Store) Direct() cache.Store { return s }

// Outage implements [cache.Inspector]. A driver has none.
func (s *Store) Outage() (now *cache.Outage, count uint64) { return nil, 0 }

// Stats implements [cache.Inspector].
func (s *Store) Stats(ctx context.Context) cache.SharedStats {
	pool := s.client.PoolStats()
	server := &cache.RedisStats{Mode: s.mode, Connections: int(pool.TotalConns), Idle: int(pool.IdleConns), Timeouts: uint64(pool.Timeouts)}
	stats := cache.SharedStats{SharedHealth: cache.SharedHealth{Kind: "redis"}, Server: server}
	if ctx.Err() != nil {
		server.Unknown = "not asked"
		return stats
	}
	switch client := s.client.(type) {
	case *redis.ClusterClient:
		server.Nodes, server.Unknown = inspectMasters(ctx, client)
		sumUp(server)
	case *redis.Client:
		server.RedisNode = inspect(ctx, client)
		server.Address = "" // a Sentinel's client does not have it
	}
	return stats
}

// inspectMasters asks the masters of a Cluster for their state.
func inspectMasters(ctx context.Context, client *redis.ClusterClient) (nodes []cache.RedisNode, unknown string) {
	var mu sync.Mutex
	err := client.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
		node := inspect(ctx, master)
		mu.Lock()
		defer mu.Unlock()
		nodes = append(nodes, node)
		return nil
	})
	if err != nil {
		unknown = err.Error()
	}
	slices.SortFunc(nodes, func(a, b cache.RedisNode) int { return cmp.Compare(a.Address, b.Address) })
	return nodes, unknown
}

// sumUp sets the fields of a Cluster from those of its masters.
func sumUp(s *cache.RedisStats) {
	for i, node := range s.Nodes {
		if i == 0 {
			s.Version, s.Role, s.Eviction = node.Version, node.Role, node.Eviction
		}
		s.UsedMemory += node.UsedMemory
		s.MaxMemory += node.MaxMemory
		s.Ping = max(s.Ping, node.Ping)
		if node.Unknown != "" {
			s.Unknown = node.Address + ": " + node.Unknown
		}
	}
}

// inspect asks a server for its state. Errors are part of the answer, since an
// ACL may forbid these commands.
func inspect(ctx context.Context, client *redis.Client) cache.RedisNode {
	node := cache.RedisNode{Address: client.Options().Addr}
	began := time.Now()
	if err := client.Ping(ctx).Err(); err != nil {
		node.Unknown = err.Error()
	} else {
		node.Ping = cache.SecondsOf(time.Since(began))
	}
	text, err := client.Info(ctx).Result()
	if err != nil {
		node.Unknown = err.Error()
		return node
	}
	info := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		info[name] = value
	}
	node.Version, node.Role, node.Eviction = info["redis_version"], info["role"], info["maxmemory_policy"]
	if node.Role == "slave" {
		node.Role = "replica"
	}
	node.UsedMemory, err = strconv.ParseInt(info["used_memory"], 10, 64)
	if err != nil {
		node.Unknown = "INFO does not tell the memory"
	}
	node.MaxMemory, _ = strconv.ParseInt(info["maxmemory"], 10, 64) // missing: no limit
	return node
}

const (
	probeBytes = 16 << 10         // as large as a panel's blob, and larger than buffers on the way
	probeKeep  = 10 * time.Second // expiry of the last one
	probeTags  = 64               // enough that each of some ten masters has one
)

// Probe implements [cache.Remote]. It writes a blob to each master and reads it
// back, since a full server, a read-only one or a congested link may still answer
// a ping.
func (s *Store) Probe(ctx context.Context) error {
	masters, err := s.masters(ctx)
	if err != nil {
		return err
	}
	sample := make([]byte, probeBytes)
	_, _ = rand.Read(sample) // never fails; random bytes do not compress
	for key, master := range masters {
		if err := master.Set(ctx, key, sample, probeKeep).Err(); err != nil {
			return err
		}
		if err := master.Get(ctx, key).Err(); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// masters returns the servers that take writes, by a probe's key that belongs to
// each.
func (s *Store) masters(ctx context.Context) (map[string]redis.Cmdable, error) {
	cluster, ok := s.client.(*redis.ClusterClient)
	if !ok {
		return map[string]redis.Cmdable{s.probeKey(0): s.client}, s.client.Time(ctx).Err() // which the scripts need
	}
	// This also updates the client's table of masters.
	if err := cluster.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error { return c.Time(ctx).Err() }); err != nil {
		return nil, err
	}
	masters, known := map[string]redis.Cmdable{}, map[*redis.Client]bool{}
	for i := range probeTags {
		master, err := cluster.MasterForKey(ctx, s.probeKey(i))
		if err != nil {
			return nil, err
		}
		if !known[master] {
			known[master] = true
			masters[s.probeKey(i)] = master
		}
	}
	return masters, nil
}

// probeKey returns one of the keys of probes. They are the space's own, since an
// ACL forbids others.
func (s *Store) probeKey(i int) string {
	return fmt.Sprintf("exchequer:{%s:probe:%d}", s.space, i)
}
