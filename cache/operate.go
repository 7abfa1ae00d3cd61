package cache

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// A RoundTrip is how long each step of TestRoundTrip took, zero for those that
// it did not come to.
type RoundTrip struct {
	Set    Seconds `json:"setSeconds"`
	Get    Seconds `json:"getSeconds"`
	Delete Seconds `json:"deleteSeconds"`
}

// TestRoundTrip writes a small value to the shared level, reads it back and
// deletes it. It asks the servers themselves, in an outage too, so that its
// error says what is wrong with them now.
func (c *Cache) TestRoundTrip(ctx context.Context) (RoundTrip, error) {
	trip, err := c.store.RoundTrip(ctx, fmt.Sprintf("exchequer:{%s:test}:%s", c.tenant, rand.Text()))
	if err != nil {
		return trip, fmt.Errorf("round trip: %w", err)
	}
	return trip, nil
}

var errReadBack = errors.New("what was read is not what was written")

// roundTrip times the steps of a round trip.
func roundTrip(set func() error, get func() (string, error), del func() (bool, error)) (trip RoundTrip, err error) {
	timed := func(took *Seconds, step string, f func() error) {
		if err != nil {
			return
		}
		began := time.Now()
		if failed := f(); failed != nil {
			err = fmt.Errorf("%s: %w", step, failed)
		}
		*took = SecondsOf(max(time.Since(began), 1)) // it was done
	}
	timed(&trip.Set, "set", set)
	timed(&trip.Get, "get", func() error {
		read, err := get()
		if err == nil && read != testValue {
			err = errReadBack
		}
		return err
	})
	timed(&trip.Delete, "delete", func() error {
		there, err := del()
		if err == nil && !there {
			err = errors.New("it was not there any more")
		}
		return err
	})
	return trip, err
}

const (
	testValue = "exchequer"
	testKeep  = 10 * time.Second // should it not come to deleting it
)

// RoundTrip implements Store.
func (m *Memory) RoundTrip(_ context.Context, key string) (RoundTrip, error) {
	return roundTrip(
		func() error {
			m.blobs.Set(key, held{blob: []byte(testValue), until: time.Now().Add(testKeep)})
			return nil
		},
		func() (string, error) {
			h, _ := m.blobs.GetIfPresent(key)
			return string(h.blob), nil
		},
		func() (bool, error) {
			_, there := m.blobs.Invalidate(key)
			return there, nil
		})
}

// Holder implements Store.
func (m *Memory) Holder(_ context.Context, key string) (owner string, left time.Duration, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l, ok := m.locks[key]; ok && time.Now().Before(l.until) {
		return l.owner, time.Until(l.until), nil
	}
	return "", 0, nil
}

// Stats implements Store.
func (m *Memory) Stats(context.Context) SharedStats {
	return SharedStats{SharedHealth: SharedHealth{Kind: "memory"}}
}

// RoundTrip implements Store.
func (r *Redis) RoundTrip(ctx context.Context, key string) (RoundTrip, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*redisPatience) // each step has its own limit besides
	defer cancel()
	return roundTrip(
		func() error { return r.client.Set(ctx, key, testValue, testKeep).Err() },
		func() (string, error) { return r.client.Get(ctx, key).Result() },
		func() (bool, error) {
			n, err := r.client.Del(ctx, key).Result()
			return n == 1, err
		})
}

// Holder implements Store.
func (r *Redis) Holder(ctx context.Context, key string) (owner string, left time.Duration, err error) {
	if r.outage.on() {
		return r.outage.local.Holder(ctx, key)
	}
	ctx, cancel := context.WithTimeout(ctx, redisPatience)
	defer cancel()
	owner, err = r.client.Get(ctx, lockOf(key)).Result()
	if errors.Is(err, redis.Nil) {
		return "", 0, nil
	}
	if err != nil {
		return "", 0, err
	}
	left, err = r.client.PTTL(ctx, lockOf(key)).Result()
	return owner, max(left, 0), err
}

// Stats implements Store.
func (r *Redis) Stats(ctx context.Context) SharedStats {
	pool := r.client.PoolStats()
	server := &RedisStats{Mode: r.mode, Connections: int(pool.TotalConns), Idle: int(pool.IdleConns), Timeouts: uint64(pool.Timeouts)}
	s := SharedStats{SharedHealth: SharedHealth{Kind: "redis"}, Server: server}
	if since, why := r.outage.state(); why != nil {
		s.Down, s.DownSince, s.Reason = true, since, why.Error()
		server.Unknown = "not asked while it is down"
		return s
	}
	ctx, cancel := context.WithTimeout(ctx, 2*redisPatience)
	defer cancel()
	switch client := r.client.(type) {
	case *redis.ClusterClient:
		server.Nodes, server.Unknown = mastersOf(ctx, client)
		server.sum()
	case *redis.Client:
		server.RedisNode = inspect(ctx, client)
		server.Address = "" // a Sentinel's client does not say
	}
	return s
}

// mastersOf asks the masters of a Cluster.
func mastersOf(ctx context.Context, client *redis.ClusterClient) (nodes []RedisNode, unknown string) {
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
	slices.SortFunc(nodes, func(a, b RedisNode) int { return cmp.Compare(a.Address, b.Address) })
	return nodes, unknown
}

// sum says of a Cluster what its masters say.
func (s *RedisStats) sum() {
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

// inspect asks a server how it does. It begins no outage: an ACL may forbid
// what only operators want to know.
func inspect(ctx context.Context, client *redis.Client) RedisNode {
	node := RedisNode{Address: client.Options().Addr}
	began := time.Now()
	if err := client.Ping(ctx).Err(); err != nil {
		node.Unknown = err.Error()
	} else {
		node.Ping = SecondsOf(time.Since(began))
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
	node.MaxMemory, _ = strconv.ParseInt(info["maxmemory"], 10, 64) // without one there is no limit
	return node
}
