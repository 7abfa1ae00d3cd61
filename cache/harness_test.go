package cache_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"go.uber.org/goleak"

	"exchequer/cache"
	"exchequer/cache/redisstore"
	"exchequer/internal/testkit"
)

func TestMain(m *testing.M) {
	if addr := os.Getenv(holderOf); addr != "" {
		holdTheLock(addr)
		return
	}
	logging.Disable() // go-redis logs each connection that fails
	// A proxy's fault may wait for ever to write to a closed connection.
	proxies := goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run")
	links := goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read")
	goleak.VerifyTestMain(m, proxies, links, goleak.Cleanup(func(code int) {
		run.End()
		os.Exit(code)
	}))
}

const window = 30 * time.Second

// One is the parameter of memos without parameters.
type One struct{}

func (One) Key() string { return "" }

// Item is a parameter with many values.
type Item string

func (i Item) Key() string { return string(i) }

// A source is a producer whose behaviour a test sets. Its value is the number of
// the run.
type source struct {
	runs    atomic.Int64
	running atomic.Int64
	most    atomic.Int64 // runs at the same time

	mu   sync.Mutex
	took time.Duration
	err  error
	do   func(context.Context) // instead of sleeping
}

func (s *source) set(took time.Duration, err error, do func(context.Context)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took, s.err, s.do = took, err, do
}

func (s *source) produce(ctx context.Context) (int, error) {
	n := s.runs.Add(1)
	now := s.running.Add(1)
	defer s.running.Add(-1)
	for most := s.most.Load(); now > most && !s.most.CompareAndSwap(most, now); most = s.most.Load() {
	}
	s.mu.Lock()
	took, err, do := s.took, s.err, s.do
	s.mu.Unlock()
	if do != nil {
		do(ctx)
	}
	select {
	case <-time.After(took):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	return int(n), err
}

// memo declares a memo "number" on c over the source.
func (s *source) memo(c *cache.Cache) *cache.Memo[One, int] {
	return cache.NewMemo(c, cache.Spec{Name: "number", Window: window, Tags: []string{"ledger"}},
		func(ctx context.Context, _ cache.Window, _ One) (int, error) { return s.produce(ctx) })
}

func (s *source) items(c *cache.Cache) *cache.Memo[Item, int] {
	return cache.NewMemo(c, cache.Spec{Name: "item", Window: window},
		func(ctx context.Context, _ cache.Window, _ Item) (int, error) { return s.produce(ctx) })
}

// runs checks the number of runs so far.
func (s *source) wantRuns(t *testing.T, want int64, when string) {
	t.Helper()
	if got := s.runs.Load(); got != want {
		t.Errorf("%s, the producer had run %d times, want %d", when, got, want)
	}
}

// open returns a cache that is closed when the test ends.
func open(t *testing.T, d cache.Deps) *cache.Cache {
	t.Helper()
	if d.Store == nil {
		d.Store = cache.NewMemory()
	}
	c := cache.New(d)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return c
}

// get returns a memo's value, and fails the test if there is none.
func get[P cache.Params, T any](t *testing.T, m *cache.Memo[P, T], p P) cache.Result[T] {
	t.Helper()
	r, err := m.Get(t.Context(), p)
	if err != nil {
		t.Fatalf("Get(%q) = %v", p.Key(), err)
	}
	return r
}

// wantResult checks value and state.
func wantResult(t *testing.T, r cache.Result[int], value int, state cache.State, when string) {
	t.Helper()
	if r.Value != value || r.State != state {
		t.Errorf("%s: %d %v (%s), want %d %v", when, r.Value, r.State, r.Reason, value, state)
	}
}

// boundary sleeps until just after the next boundary.
func boundary() {
	time.Sleep(time.Until(cache.WindowAt(time.Now(), window).End))
	synctest.Wait()
}

var errDown = errors.New("the database is down")

// The servers that the tests of stores share: each is started at its first use
// and ends with the run.
var (
	run           testkit.Run
	sharedServer  = sync.OnceValue(func() *testkit.RedisServer { return testkit.Redis(&run) })
	sharedCluster = sync.OnceValue(func() *testkit.RedisClusterNodes { return testkit.RedisCluster(&run) })
	sharedGroup   = sync.OnceValue(func() *testkit.RedisSentinelGroup { return testkit.RedisSentinel(&run) })
)

// stores returns one of each kind, empty. Tests that use them are not parallel.
func stores(t *testing.T) map[string]cache.Store {
	t.Helper()
	server, cluster, group := sharedServer(), sharedCluster(), sharedGroup()
	server.Do("FLUSHALL")
	cluster.Flush()
	group.Flush()
	return map[string]cache.Store{
		"memory":           cache.NewMemory(),
		"miniredis":        redisStore(t, mini(t)),
		"redis-server":     storeOf(t, optionsOf(t, server.URL())),
		"a Cluster":        storeOf(t, optionsOf(t, cluster.URL())),
		"a Sentinel group": storeOf(t, optionsOf(t, group.URL())),
	}
}

func optionsOf(t *testing.T, url string) redis.UniversalOptions {
	t.Helper()
	o, err := redisstore.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// space is the tests' space.
const space = "town:1"

// A remote is a store on Redis behind its breaker.
type remote struct{ *cache.Failover }

// Err returns the error of the present outage, or nil.
func (r *remote) Err() error {
	if now, _ := r.Outage(); now != nil {
		return now.Err
	}
	return nil
}

func (r *remote) Outages() uint64 {
	_, count := r.Outage()
	return count
}

func newRemote(o redis.UniversalOptions, space string) *remote {
	return &remote{cache.NewFailover(redisstore.New(o, space), slog.New(slog.DiscardHandler))}
}

func redisStore(t *testing.T, addrs ...string) *remote {
	t.Helper()
	return storeOf(t, redis.UniversalOptions{Addrs: addrs})
}

func storeOf(t *testing.T, o redis.UniversalOptions) *remote {
	t.Helper()
	store := newRemote(o, space)
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// mini starts a miniredis, and a goroutine that moves its clock.
func mini(t *testing.T) string {
	t.Helper()
	mini := miniredis.RunT(t)
	stop := make(chan struct{})
	var clock sync.WaitGroup
	clock.Go(func() {
		for last := time.Now(); ; {
			select {
			case <-stop:
				return
			case now := <-time.After(10 * time.Millisecond):
				mini.FastForward(now.Sub(last))
				last = now
			}
		}
	})
	t.Cleanup(func() {
		close(stop)
		clock.Wait()
	})
	return mini.Addr()
}

// load calls the store.
func load(t *testing.T, s cache.Store) {
	t.Helper()
	_, _ = s.Load(t.Context(), "exchequer:{t:m}:s:load") // an error is in Outage
}

const short = 2 * time.Second // a window

// process opens the cache of a process on a Redis server.
func process(t *testing.T, addr string, s *source) (*cache.Cache, *remote, *cache.Memo[One, int]) {
	t.Helper()
	store := newRemote(redis.UniversalOptions{Addrs: []string{addr}}, space)
	t.Cleanup(func() { store.Close() })
	c := open(t, cache.Deps{Store: store, Space: space})
	return c, store, numberOf(c, s)
}

func numberOf(c *cache.Cache, s *source) *cache.Memo[One, int] {
	return cache.NewMemo(c, cache.Spec{Name: "number", Window: short, Tags: []string{"ledger"}},
		func(ctx context.Context, _ cache.Window, _ One) (int, error) { return s.produce(ctx) })
}

// eventually waits until f returns true.
func eventually(t *testing.T, within time.Duration, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !f(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("not within %v: %s", within, what)
			return
		}
	}
}

// start sleeps until just after a boundary, so that a test has a window's time.
func start() {
	time.Sleep(time.Until(cache.WindowAt(time.Now(), short).End) + 20*time.Millisecond)
}
