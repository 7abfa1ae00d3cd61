package cache_test

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"exchequer/cache"
	"exchequer/internal/testkit"
)

// A link is how a store reaches its server: late, narrow or not at all.
type link struct {
	late atomic.Int64 // nanoseconds before each answer
	rate atomic.Int64 // bytes a second, 0 for any
	cut  atomic.Bool
}

// over returns a store that uses the link.
func (l *link) over(t *testing.T, addr string) *cache.Redis {
	store := cache.NewRedis(redis.UniversalOptions{
		Addrs: []string{addr},
		Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
			var d net.Dialer
			conn, err := d.DialContext(ctx, network, addr)
			return linked{conn, l}, err
		},
	}, "town")
	t.Cleanup(func() { store.Close() })
	return store
}

type linked struct {
	net.Conn
	link *link
}

func (c linked) Write(b []byte) (int, error) {
	if c.link.cut.Load() {
		c.Conn.Close()
	}
	if rate := c.link.rate.Load(); rate > 0 {
		time.Sleep(time.Duration(len(b)) * time.Second / time.Duration(rate))
	}
	return c.Conn.Write(b)
}

func (c linked) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	time.Sleep(time.Duration(c.link.late.Load()))
	return n, err
}

const linkKey = "exchequer:{t:m}:s:link"

// load asks the store for nothing in particular.
func load(t *testing.T, s cache.Store) {
	t.Helper()
	if _, err := s.Load(t.Context(), linkKey); err != nil {
		t.Errorf("Load: %v", err)
	}
}

// keep publishes a blob while the store is alone.
func keep(t *testing.T, s cache.Store, key string, blob []byte) {
	t.Helper()
	if _, err := s.Lock(t.Context(), key, "me", time.Minute); err != nil {
		t.Error(err)
	}
	p := cache.Publication{Key: key, Owner: "me", Window: 1, Blob: blob, Keep: time.Minute}
	if ok, err := s.Publish(t.Context(), p); err != nil || !ok {
		t.Errorf("Publish = %v, %v, want it kept in memory", ok, err)
	}
}

func TestAServerThatAnswersLateEachTimeIsLeftAside(t *testing.T) {
	t.Parallel()
	var l link
	store := l.over(t, testkit.Redis(t).Addr)
	load(t, store)
	l.late.Store(int64(120 * time.Millisecond)) // within the timeout of a call
	for range 3 {
		load(t, store)
	}
	if store.Err() == nil {
		t.Error("three answers of 120 ms were waited for, and the store is still asked")
	}
	time.Sleep(time.Second)
	if store.Err() == nil {
		t.Error("the store is asked again though it is as late as before")
	}
	l.late.Store(0)
	eventually(t, 20*time.Second, "the store is asked again", func() bool { return store.Err() == nil })
}

func TestALinkTooNarrowForABlobIsNotTakenForSound(t *testing.T) {
	t.Parallel()
	var l link
	addr := testkit.Redis(t).Addr
	store := l.over(t, addr)
	load(t, store)
	l.rate.Store(10_000) // a small question takes some milliseconds
	blob := []byte(strings.Repeat("x", 20_000))
	keep(t, store, linkKey, blob)
	for range 10 {
		time.Sleep(150 * time.Millisecond)
		if store.Err() == nil {
			t.Fatal("the store is asked again over a link that carries small questions only")
		}
	}
	l.rate.Store(0)
	eventually(t, 20*time.Second, "the store is asked again", func() bool { return store.Err() == nil })
	if got, err := redisStore(t, addr).Load(t.Context(), linkKey); err != nil || len(got) != len(blob) {
		t.Errorf("the others find %d bytes, %v, want the %d given back", len(got), err, len(blob))
	}
}

func TestOutagesThatFollowEachOtherLastLonger(t *testing.T) {
	t.Parallel()
	var l link
	store := l.over(t, testkit.Redis(t).Addr)
	var lasted []time.Duration
	for range 5 {
		load(t, store)
		l.cut.Store(true)
		eventually(t, 20*time.Second, "the outage is noticed", func() bool { load(t, store); return store.Err() != nil })
		l.cut.Store(false)
		began := time.Now()
		eventually(t, 20*time.Second, "the store is asked again", func() bool { return store.Err() == nil })
		lasted = append(lasted, time.Since(began))
	}
	// 250 ms, 500 ms … 4 s, each by half at least.
	if lasted[4] < 2*time.Second {
		t.Errorf("the outages lasted %v, want the fifth to be 2 s or more", lasted)
	}
}

func TestALockHeldWhenAnOutageBeganIsReleasedAtItsEnd(t *testing.T) {
	t.Parallel()
	var l link
	addr := testkit.Redis(t).Addr
	store, other := l.over(t, addr), redisStore(t, addr)
	if ok, err := store.Lock(t.Context(), linkKey, "me", time.Hour); !ok || err != nil {
		t.Fatalf("Lock = %v, %v", ok, err)
	}
	l.cut.Store(true)
	if err := store.Unlock(t.Context(), linkKey, "me"); err != nil {
		t.Error(err)
	}
	if store.Err() == nil {
		t.Error("there is no outage")
	}
	l.cut.Store(false)
	eventually(t, 20*time.Second, "another process gets the lock", func() bool {
		ok, err := other.Lock(t.Context(), linkKey, "you", time.Hour)
		return ok && err == nil
	})
}

func TestABlobTooLargeForTheLinkDoesNotKeepAProcessAlone(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t)
	var l link
	store := l.over(t, server.Addr)
	l.cut.Store(true)
	eventually(t, 20*time.Second, "the outage is noticed", func() bool { load(t, store); return store.Err() != nil })
	for key, size := range map[string]int{linkKey: 1 << 20, linkKey + "small": 100} {
		keep(t, store, key, []byte(strings.Repeat("x", size)))
	}
	l.cut.Store(false)
	l.rate.Store(2 << 20)
	eventually(t, 20*time.Second, "Redis is used again", func() bool { return store.Err() == nil })
	if got, err := redisStore(t, server.Addr).Load(t.Context(), linkKey+"small"); err != nil || len(got) != 100 {
		t.Errorf("the others find %d bytes of the small one, %v, want 100", len(got), err)
	}
}
