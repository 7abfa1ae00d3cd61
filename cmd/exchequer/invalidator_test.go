package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/cache/redisstore"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// A member is a process of a fleet, as serve wires it.
type member struct {
	memos  *cache.Cache
	stats  *cache.Memo[aggregates.StatsQuery, *aggregates.Stats]
	record *ledger.Ledger
}

// join starts a process. A deaf one does not listen to Postgres.
func join(t *testing.T, db *pgxpool.Pool, options redis.UniversalOptions, window time.Duration, deaf bool) *member {
	t.Helper()
	store := cache.NewFailover(redisstore.New(options, "town:1"), slog.New(slog.DiscardHandler))
	memos := cache.New(cache.Deps{Store: store, Space: "town:1", Policies: map[string]cache.Policy{"stats": {Window: window}}})
	writes := newInvalidator(memos, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	m := &member{memos, aggregates.NewStats(memos, db), ledger.New(db, writes.onChange)}
	ctx, cancel := context.WithCancel(context.Background())
	var listening sync.WaitGroup
	if !deaf {
		before := listeners(t, db)
		listening.Go(func() { writes.listen(ctx, db.Config().ConnConfig) })
		until(t, "it listens", func() bool { return listeners(t, db) > before })
	}
	t.Cleanup(func() {
		cancel()
		listening.Wait()
		ending, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := memos.Close(ending); err != nil {
			t.Error(err)
		}
		store.Close()
	})
	m.accounts(t)
	return m
}

// accounts is how many there are, as the process shows it.
func (m *member) accounts(t *testing.T) int64 {
	t.Helper()
	n, _ := m.get(t)
	return n
}

func (m *member) get(t *testing.T) (n int64, r cache.Result[*aggregates.Stats]) {
	t.Helper()
	r, err := m.stats.Get(t.Context(), aggregates.StatsQuery{})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range r.Value.Rows {
		n += row.Accounts
	}
	return n, r
}

// open writes an account.
func open(t *testing.T, l *ledger.Ledger, ref string) {
	t.Helper()
	if _, err := l.Append(t.Context(), ledger.Batch{Accounts: []ledger.Account{{Ref: ref, Kind: ledger.Personal}}}); err != nil {
		t.Fatal(err)
	}
}

func listeners(t *testing.T, db *pgxpool.Pool) (n int) {
	t.Helper()
	const query = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
		AND application_name = 'exchequer listener' AND state = 'idle' AND query <> ''`
	if err := db.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// until waits for what is to become true soon, however slow the machine is.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !f(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in 30 s: %s", what)
		}
	}
}

// long is a window that does not end in a test: what is new is new because of
// a write.
const long = 20 * time.Hour

func TestAWriteIsSeenByTheWholeFleetWhoeverWrote(t *testing.T) {
	db := testkit.Postgres(t)
	server := redis.UniversalOptions{Addrs: []string{testkit.Redis(t).Addr}}
	a, b := join(t, db, server, long, false), join(t, db, server, long, false)
	watching := redisstore.New(server, "town:1")
	defer watching.Close()
	var mu sync.Mutex
	var raised int // by messages of invalidations
	stop := watching.Listen(func(m cache.Message) {
		mu.Lock()
		defer mu.Unlock()
		if len(m.Invalidations) > 0 {
			raised++
		}
	})
	defer stop()

	want := a.accounts(t)
	for writer, l := range map[string]*ledger.Ledger{
		"one process": a.record, "another process": b.record, "an import, which has no cache": ledger.New(db),
	} {
		open(t, l, writer)
		want++
		for name, m := range map[string]*member{"one": a, "the other": b} {
			until(t, fmt.Sprintf("%s shows what %s has written", name, writer), func() bool { return m.accounts(t) == want })
		}
	}
	open(t, a.record, "one process") // is known already
	time.Sleep(200 * time.Millisecond)
	mu.Lock()
	defer mu.Unlock()
	if raised > 3 {
		t.Errorf("3 writes that 2 processes got, in up to 2 ways, raised the generation %d times", raised)
	}
}

func TestAWriteIsSeenThoughThoseWhoListenedWereCutOff(t *testing.T) {
	db := testkit.Postgres(t)
	server := redis.UniversalOptions{Addrs: []string{testkit.Redis(t).Addr}}
	a, b := join(t, db, server, long, false), join(t, db, server, long, false)
	want := a.accounts(t)
	for i := range 3 {
		_, err := db.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'exchequer listener'`)
		if err != nil {
			t.Fatal(err)
		}
		open(t, ledger.New(db), fmt.Sprint("unheard ", i))
		want++
		for name, m := range map[string]*member{"one": a, "the other": b} {
			until(t, name+" shows what was written meanwhile", func() bool { return m.accounts(t) == want })
		}
	}
}

func TestTheListenerHasMetrics(t *testing.T) {
	db := testkit.Postgres(t)
	memos := cache.New(cache.Deps{Store: cache.NewMemory()})
	registry := prometheus.NewRegistry()
	writes := newInvalidator(memos, slog.New(slog.DiscardHandler), registry)
	ctx, cancel := context.WithCancel(t.Context())
	var listening sync.WaitGroup
	listening.Go(func() { writes.listen(ctx, db.Config().ConnConfig) })
	t.Cleanup(func() {
		cancel()
		listening.Wait()
		if err := memos.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	has := func(connected, reconnects, notifications float64) bool {
		t.Helper()
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, f := range families {
			got[f.GetName()] = f.GetMetric()[0].GetGauge().GetValue() + f.GetMetric()[0].GetCounter().GetValue()
		}
		const prefix = "exchequer_ledger_listen_"
		return got[prefix+"connected"] == connected && got[prefix+"reconnects_total"] == reconnects && got[prefix+"notifications_total"] == notifications
	}
	if !has(0, 0, 0) && !has(1, 0, 0) {
		t.Error("it reconnected, or got a write, at the start")
	}
	until(t, "it listens", func() bool { return has(1, 0, 0) })
	open(t, ledger.New(db), "a")
	until(t, "it gets a write", func() bool { return has(1, 0, 1) })
	if _, err := db.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND application_name = 'exchequer listener'`); err != nil {
		t.Fatal(err)
	}
	until(t, "it listens anew; what it may have missed is no write", func() bool { return has(1, 1, 1) })
}

func TestAWriteWithoutRedisIsWrittenAndSeen(t *testing.T) {
	db := testkit.Postgres(t)
	redisServer := testkit.Redis(t)
	server := redis.UniversalOptions{Addrs: []string{redisServer.Addr}}
	a, b := join(t, db, server, long, false), join(t, db, server, long, false)
	want := a.accounts(t)
	for what, harm := range []func(){redisServer.Freeze, redisServer.Kill} {
		harm()
		open(t, a.record, fmt.Sprint("without Redis ", what))
		want++
		for name, m := range map[string]*member{"the writer": a, "the other": b} {
			until(t, name+" shows it without Redis", func() bool { return m.accounts(t) == want })
		}
	}
}

// mute returns a user of Redis who cannot subscribe.
func mute(t *testing.T, server *testkit.RedisServer) redis.UniversalOptions {
	t.Helper()
	if _, err := server.Do("ACL", "SETUSER", "mute", "on", ">hush", "~*", "&*", "+@all", "-subscribe"); err != nil {
		t.Fatal(err)
	}
	return redis.UniversalOptions{Addrs: []string{server.Addr}, Username: "mute", Password: "hush"}
}

func TestAWriteIsSeenThoughAllMessagesOfRedisAreLost(t *testing.T) {
	db := testkit.Postgres(t)
	server := mute(t, testkit.Redis(t))
	a, b := join(t, db, server, long, false), join(t, db, server, long, true)
	want := a.accounts(t)
	for i, l := range []*ledger.Ledger{a.record, ledger.New(db)} {
		open(t, l, fmt.Sprint("account ", i))
		want++
		for name, m := range map[string]*member{"who listens to Postgres": a, "who asks Redis": b} {
			until(t, name+" shows it", func() bool { return m.accounts(t) == want })
		}
	}
}

func TestAWriteThatIsNotAnnouncedIsSeenAWindowLater(t *testing.T) {
	const window = 2 * time.Second
	db := testkit.Postgres(t)
	server := mute(t, testkit.Redis(t))
	a, b := join(t, db, server, window, true), join(t, db, server, window, true)
	want := a.accounts(t)
	for i := range 3 {
		open(t, ledger.New(db), fmt.Sprint("account ", i))
		want++
		written := a.memos.Now()
		for name, m := range map[string]*member{"one": a, "the other": b} {
			until(t, name+" shows a later window", func() bool {
				n, result := m.get(t)
				later := result.AsOf.After(written)
				if later && n != want {
					t.Errorf("%s, as of %v: %d accounts, want the %d of %v", name, result.AsOf, n, want, written)
				}
				if result.State == cache.Fresh && result.Next.Sub(written) > 2*window && !later {
					t.Errorf("%s: what was computed before the write counts as fresh until %v", name, result.Next)
				}
				return later
			})
		}
	}
}

func TestServersShowAWriteAtOnceAndApplyPolicies(t *testing.T) {
	db := testkit.Postgres(t)
	t.Setenv("DATABASE_URL", db.Config().ConnString())
	t.Setenv("REDIS_URL", testkit.Redis(t).URL())
	t.Setenv("EXCHEQUER_POLICIES", "stats=window:20h,timeout:5s")
	t.Setenv("EXCHEQUER_LINGER", "0s")
	servers := []*serving{start(t, "serve"), start(t, "serve", "--policy", "stats=window:20h")}
	accounts := func(s *serving) string {
		status, body := get(t, s.url+"/api/v1/stats?kind=personal")
		if status != http.StatusOK {
			t.Fatalf("stats = %d, %s", status, body)
		}
		return body
	}
	for _, s := range servers {
		accounts(s)
	}
	until(t, "both listen", func() bool { return listeners(t, db) == 2 })
	open(t, ledger.New(db), "ada")
	for i, s := range servers {
		until(t, fmt.Sprintf("server %d shows the account", i), func() bool { return strings.Contains(accounts(s), `"accounts":1`) })
		var said struct{ AsOf, Next time.Time }
		if err := json.Unmarshal([]byte(accounts(s)), &said); err != nil || said.Next.Sub(said.AsOf) != long {
			t.Errorf("server %d: as of %v, next %v, %v, want a window of %v", i, said.AsOf, said.Next, err, long)
		}
	}
}
