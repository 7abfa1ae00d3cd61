package bench

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/internal/postgres"
	"exchequer/internal/testkit"
)

// BenchmarkScale runs 3 and 12 real processes on one Postgres and a Redis Cluster of three
// masters and three replicas, with a small ledger, and reports what a window of 30 s costs.
// It measures no throughput: all of them share one machine. Then the master of a panel's
// slot is killed under readers.
func BenchmarkScale(b *testing.B) {
	s := &stage{parent: b, binary: buildBinary(b)}
	server := testkit.OwnPostgres(b, "max_connections=500")
	db, err := postgres.Open(b.Context(), server.URL, postgres.Options{StatementTimeout: -1, ApplicationName: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	build(b, db, cache.WindowAt(time.Now(), pageWindow), 20_000)
	for _, part := range []struct{ processes, rate int }{{3, 2}, {12, 2}, {12, 10}} {
		b.Run(fmt.Sprintf("window/processes=%d/reads=%d", part.processes, part.rate*part.processes), func(b *testing.B) {
			for b.Loop() {
				g := s.gang(b, db, server.URL, part.processes)
				g.window(part.rate * part.processes)
			}
		})
	}
	b.Run("failover", func(b *testing.B) {
		for b.Loop() {
			s.gang(b, db, server.URL, 12).failover()
		}
	})
}

// A gang is a fleet on a Redis Cluster.
type gang struct {
	*fleet
	db      *pgxpool.Pool
	cluster *testkit.RedisClusterNodes
}

func (s *stage) gang(b *testing.B, db *pgxpool.Pool, database string, size int) *gang {
	b.Helper()
	g := &gang{db: db, cluster: testkit.RedisCluster(b)}
	g.fleet = s.fleetOf(b, size, []string{"DATABASE_URL=" + database, "REDIS_URL=" + g.cluster.URL()})
	return g
}

// window reports what a window costs while readers request pages at a rate.
func (g *gang) window(rate int) {
	crowd := newSoak(g.b, g.urls, rate)
	// Every key is read, and refreshed ahead, before what is counted begins.
	const windows = 2
	begin := cache.WindowAt(time.Now().Add(pageWindow), pageWindow).End.Add(-5 * time.Second)
	time.Sleep(time.Until(begin.Add(pageWindow / 2)))
	before := g.take()
	time.Sleep(windows * pageWindow)
	after := g.take()
	answered := crowd.leave()
	n := float64(len(g.urls))
	each := func(name string, what string) { g.b.ReportMetric((after[what]-before[what])/windows, name+"/window") }
	each("cpu-ms", "cpu")
	each("redis-cpu-ms", "redis-cpu")
	each("database-and-readers-cpu-ms", "database-cpu")
	each("runs", "runs")
	each("loads", "hget")
	each("scripts", "evalsha")
	each("polls", "zrangebyscore")
	each("messages", "publish")
	each("redis-out-KB", "out")
	each("redis-in-KB", "in")
	each("bus-messages", "bus")
	g.b.ReportMetric(after["subscribers"], "subscribers")
	g.b.ReportMetric((after["hottest"]-before["hottest"])/(after["commands"]-before["commands"]), "hottest-share")
	g.b.ReportMetric(after["keys"], "keys")
	g.b.ReportMetric(after["hottest-keys"], "keys-of-one-master")
	g.b.ReportMetric(after["redis-used"]/3, "redis-MB/master")
	g.b.ReportMetric(after["redis-connections"]/n, "redis-connections/process")
	g.b.ReportMetric(after["connections"]/n, "connections/process")
	g.b.ReportMetric((after["commits"]-before["commits"])/windows/pageWindow.Seconds()/n, "commits/s/process")
	g.b.ReportMetric(g.vitalSigns().rss(), "rss-MB")
	g.b.ReportMetric(float64(answered), "answers")
	g.b.ReportMetric(float64(crowd.failed.Load()), "errors")
	g.b.ReportMetric(0, "ns/op")
	if first, any := crowd.first.Load().(string); any {
		g.b.Logf("the first error: %s", first)
	}
}

// take returns counts since the start, by their names, and states.
func (g *gang) take() map[string]float64 {
	g.b.Helper()
	t := map[string]float64{"cpu": ms(usage(g.b, g.pids).cpu)}
	for _, n := range g.producerRuns() {
		t["runs"] += float64(n)
	}
	var pids []int
	for _, node := range g.cluster.Nodes {
		said := g.info(node)
		pids = append(pids, int(said["process_id"]))
		if said["master"] == 0 {
			continue // a replica repeats its master's writes
		}
		for _, name := range []string{"hget", "evalsha", "zrangebyscore", "publish"} {
			t[name] += said["cmdstat_"+name]
		}
		// Not the calls that scripts make.
		commands := said["cmdstat_hget"] + said["cmdstat_evalsha"] + said["cmdstat_zrangebyscore"] + said["cmdstat_ping"] + said["cmdstat_info"]
		t["commands"] += commands
		t["hottest"] = max(t["hottest"], commands)
		t["out"] += said["total_net_output_bytes"] / 1024
		t["in"] += said["total_net_input_bytes"] / 1024
		t["redis-used"] += said["used_memory"] / (1 << 20)
		t["redis-connections"] += said["connected_clients"]
		keys, _ := node.Ask("DBSIZE")
		size, _ := keys.(int64)
		t["keys"] += float64(size)
		t["hottest-keys"] = max(t["hottest-keys"], float64(size))
	}
	for _, node := range g.cluster.Nodes {
		said, _ := node.Ask("CLUSTER", "INFO")
		t["bus"] += numbers(fmt.Sprint(said))["cluster_stats_messages_publish_sent"]
	}
	t["redis-cpu"] = ms(usage(g.b, pids).cpu)
	t["subscribers"] = g.subscribers()
	t["database-cpu"] = ms(usedFor(g.b, g.db))
	row := g.db.QueryRow(g.b.Context(), `SELECT (SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'exchequer%'), xact_commit FROM pg_stat_database WHERE datname = current_database()`)
	var connections, commits int64
	if err := row.Scan(&connections, &commits); err != nil {
		g.b.Fatal(err)
	}
	t["connections"], t["commits"] = float64(connections), float64(commits)
	return t
}

// info returns the numbers of INFO, with the calls of each command.
func (g *gang) info(node *testkit.RedisServer) map[string]float64 {
	g.b.Helper()
	said, err := node.Ask("INFO", "everything")
	if err != nil {
		g.b.Fatal(err)
	}
	text := fmt.Sprint(said)
	all := numbers(text)
	for _, m := range commandCalls.FindAllStringSubmatch(text, -1) {
		all[m[1]], _ = strconv.ParseFloat(m[2], 64)
	}
	if strings.Contains(text, "role:master") {
		all["master"] = 1
	}
	return all
}

var (
	commandCalls = regexp.MustCompile(`(?m)^(cmdstat_\w+):calls=(\d+)`)
	infoNumber   = regexp.MustCompile(`(?m)^(\w+):(\d+)\r?$`)
)

func numbers(text string) map[string]float64 {
	all := map[string]float64{}
	for _, m := range infoNumber.FindAllStringSubmatch(text, -1) {
		all[m[1]], _ = strconv.ParseFloat(m[2], 64)
	}
	return all
}

// subscribers returns how many processes get a message of the space.
func (g *gang) subscribers() (most float64) {
	for _, node := range g.cluster.Nodes {
		channels, _ := node.Ask("PUBSUB", "CHANNELS", "exchequer:messages:*")
		names, _ := channels.([]any)
		for _, name := range names {
			said, _ := node.Ask("PUBSUB", "NUMSUB", name)
			if pair, _ := said.([]any); len(pair) == 2 {
				n, _ := pair[1].(int64)
				most += float64(n)
			}
		}
	}
	return most
}

// failover kills the master of the overview's slot three seconds before a boundary, and
// reports how long after that boundary each process shows the new window, beside the
// boundary before.
func (g *gang) failover() {
	crowd := newSoak(g.b, g.urls, 2*len(g.urls))
	g.warm()
	time.Sleep(time.Until(cache.WindowAt(time.Now(), pageWindow).End.Add(-5 * time.Second)))
	quiet, slowest := g.shown()
	g.b.ReportMetric(ms(quiet.quantile(1)), "shown-ms")
	g.b.ReportMetric(ms(slowest), "slowest-page-ms")
	key := g.keyOf("economy.overview")
	time.Sleep(time.Until(cache.WindowAt(time.Now(), pageWindow).End.Add(-3 * time.Second)))
	before := g.producerRuns()
	master := g.cluster.Master(key)
	began := time.Now()
	master.Kill()
	var shown durations
	var all sync.WaitGroup
	all.Go(func() { shown, slowest = g.shown() })
	g.cluster.Await(key, master)
	g.b.ReportMetric(time.Since(began).Seconds(), "s-to-a-new-master")
	for deadline := time.Now().Add(time.Minute); g.away() > 0 && time.Now().Before(deadline); {
		time.Sleep(50 * time.Millisecond)
	}
	g.b.ReportMetric(time.Since(began).Seconds(), "s-to-all-on-redis")
	all.Wait()
	g.b.ReportMetric(ms(shown.quantile(1)), "shown-in-failover-ms")
	g.b.ReportMetric(ms(slowest), "slowest-page-in-failover-ms")
	highest, _ := most(since(before, g.producerRuns()))
	g.b.ReportMetric(float64(highest), "runs/memo")
	g.b.ReportMetric(float64(crowd.leave()), "answers")
	g.b.ReportMetric(float64(crowd.failed.Load()), "errors")
	g.b.ReportMetric(0, "ns/op")
	if first, any := crowd.first.Load().(string); any {
		g.b.Logf("the first error: %s", first)
	}
	g.b.Logf("shown after the boundary by each process: %v without, %v with a failover", quiet, shown)
}

// shown returns how long after the next boundary each process shows its window, and the
// slowest answer meanwhile.
func (g *gang) shown() (after durations, slowest time.Duration) {
	boundary := cache.WindowAt(time.Now(), pageWindow).End
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, url := range g.urls {
		all.Go(func() {
			reader := openBrowser(url)
			defer reader.leave()
			var seen sightings
			most := time.Duration(0)
			for reader.asOf.Before(boundary) && time.Since(boundary) < pageWindow-time.Second {
				most = max(most, reader.load(&seen))
				time.Sleep(100 * time.Millisecond)
			}
			mu.Lock()
			defer mu.Unlock()
			after, slowest = append(after, time.Since(boundary)), max(slowest, most)
			if seen.failed > 0 {
				g.b.Errorf("%d pages failed: %s", seen.failed, seen.failure)
			}
		})
	}
	all.Wait()
	return after, slowest
}

// away returns how many processes go on without Redis.
func (g *gang) away() (n int) {
	for _, url := range g.urls {
		if bytes.Contains(g.metrics(url), []byte("\nexchequer_cache_store_up 0\n")) {
			n++
		}
	}
	return n
}

// keyOf returns a key of a memo.
func (g *gang) keyOf(memo string) string {
	g.b.Helper()
	found := map[string]bool{}
	for _, node := range g.cluster.Nodes {
		said, _ := node.Ask("KEYS", "exchequer:{*:"+memo+"}:*")
		keys, _ := said.([]any)
		for _, key := range keys {
			if text := fmt.Sprint(key); !strings.HasSuffix(text, ":lock") {
				found[text] = true
			}
		}
	}
	if len(found) == 0 {
		g.b.Fatalf("Redis has no key of %s", memo)
	}
	return slices.Min(slices.Collect(maps.Keys(found)))
}
