package bench

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/viccon/sturdyc"

	"exchequer/cache"
)

// A number is what the contenders cache: about 20 KB, and when its data were
// read.
type number struct {
	Cut   time.Time // when the producer began
	Panel *panel
}

// A source is the database behind a contender. Every run takes the same time.
type source struct {
	takes time.Duration
	runs  atomic.Int64
}

func (s *source) produce(ctx context.Context) (number, error) {
	s.runs.Add(1)
	n := number{Cut: time.Now(), Panel: somePanel()}
	return n, sleep(ctx, s.takes)
}

// A contender is one process with its cache.
type contender interface {
	get(ctx context.Context) (number, error)
}

// contenders make a process of each kind, on a Redis, for a window. Each is used as
// its documentation says. sturdyc and the plain one have a client with the same short
// timeouts as ours, better than usual; the fourth has the defaults of go-redis.
func contenders() []struct {
	name string
	join func(*testing.B, string, time.Duration, *source) contender
} {
	return []struct {
		name string
		join func(*testing.B, string, time.Duration, *source) contender
	}{
		{"exchequer", joinOurs},
		{"sturdyc", joinSturdyc},
		{"plain", func(b *testing.B, addr string, window time.Duration, s *source) contender {
			return &plain{client: shortClient(b, addr), window: window, source: s}
		}},
	}
}

type ours struct{ memo *cache.Memo[panelKey, number] }

func joinOurs(b *testing.B, addr string, window time.Duration, s *source) contender {
	return ours{cache.NewMemo(member(b, addr), cache.Spec{Name: "number", Window: window},
		func(ctx context.Context, _ cache.Window, _ panelKey) (number, error) { return s.produce(ctx) })}
}

func (o ours) get(ctx context.Context) (number, error) {
	res, err := o.memo.Get(ctx, "key")
	return res.Value, err
}

// shortClient has the same timeouts as our own client.
func shortClient(b *testing.B, addr string) *redis.Client {
	const patience = 150 * time.Millisecond
	client := redis.NewClient(&redis.Options{
		Addr: addr, DialTimeout: patience, ReadTimeout: patience, WriteTimeout: patience, PoolTimeout: patience,
		MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true, PoolSize: 32,
	})
	b.Cleanup(func() { _ = client.Close() })
	return client
}

// sturdy is sturdyc with all its features for this: single flight in the process,
// early refreshes in the background in the last fifth of a window and in the
// foreground after it, values kept for an hour if a refresh fails, and Redis as its
// distributed storage, refreshed after a window as well.
type sturdy struct {
	client *sturdyc.Client[number]
	source *source
}

func joinSturdyc(b *testing.B, addr string, window time.Duration, s *source) contender {
	store := redisStorage{shortClient(b, addr)}
	return sturdy{source: s, client: sturdyc.New[number](1000, 8, time.Hour, 10,
		sturdyc.WithEarlyRefreshes(window*8/10, window*9/10, window, 100*time.Millisecond),
		sturdyc.WithDistributedStorageEarlyRefreshes(store, window*8/10),
		sturdyc.WithNoContinuousEvictions(), sturdyc.WithLog(quiet{}),
	)}
}

func (s sturdy) get(ctx context.Context) (number, error) {
	return s.client.GetOrFetch(ctx, "key", s.source.produce)
}

// quiet logs nothing, for either library.
type quiet struct{}

func (quiet) Warn(string, ...any)                          {}
func (quiet) Error(string, ...any)                         {}
func (quiet) Printf(_ context.Context, _ string, _ ...any) {}

// redisStorage implements the storage that sturdyc leaves to its users.
type redisStorage struct{ client *redis.Client }

const storageKeeps = time.Hour

func (s redisStorage) Get(ctx context.Context, key string) ([]byte, bool) {
	value, err := s.client.Get(ctx, key).Bytes()
	return value, err == nil
}

func (s redisStorage) Set(ctx context.Context, key string, value []byte) {
	_ = s.client.Set(ctx, key, value, storageKeeps).Err()
}

func (s redisStorage) Delete(ctx context.Context, key string) { _ = s.client.Del(ctx, key).Err() }

// GetBatch, SetBatch and DeleteBatch are not used by GetOrFetch.
func (s redisStorage) GetBatch(ctx context.Context, keys []string) map[string][]byte {
	found := map[string][]byte{}
	for _, key := range keys {
		if value, ok := s.Get(ctx, key); ok {
			found[key] = value
		}
	}
	return found
}

func (s redisStorage) SetBatch(ctx context.Context, records map[string][]byte) {
	for key, value := range records {
		s.Set(ctx, key, value)
	}
}

func (s redisStorage) DeleteBatch(ctx context.Context, keys []string) {
	for _, key := range keys {
		s.Delete(ctx, key)
	}
}

// plain is ordinary cache-aside: GET, else compute and SET for a window. It computes
// if Redis fails.
type plain struct {
	client *redis.Client
	window time.Duration
	source *source
}

func (p *plain) get(ctx context.Context) (n number, err error) {
	if data, err := p.client.Get(ctx, "key").Bytes(); err == nil {
		return n, json.Unmarshal(data, &n)
	}
	if n, err = p.source.produce(ctx); err != nil {
		return n, err
	}
	data, err := json.Marshal(n)
	if err == nil {
		_ = p.client.Set(ctx, "key", data, p.window).Err()
	}
	return n, err
}

// joinUntuned is the plain one with the default client.
func joinUntuned(b *testing.B, addr string, window time.Duration, s *source) contender {
	client := redis.NewClient(&redis.Options{Addr: addr})
	b.Cleanup(func() { _ = client.Close() })
	return &plain{client: client, window: window, source: s}
}

// spread returns a random duration between 0.5 d and 1.5 d.
func spread(d time.Duration) time.Duration { return d/2 + rand.N(d) }
