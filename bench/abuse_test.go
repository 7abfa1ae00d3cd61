package bench

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// BenchmarkAbuse attacks one real process of the binary, on its own Postgres with
// 300,000 accounts and its own Redis, in a memory cgroup of 256 MiB if the machine
// allows one. Each attack is against a fresh, warm process and takes a minute at
// most, 10 s with -short. Meanwhile a visitor requests the home page 20 times a
// second. The table at the end has a row for each attack.
//
// EXCHEQUER_BENCH_BINARY names a binary to attack instead of a build of this tree.
func BenchmarkAbuse(b *testing.B) {
	a := &arena{binary: os.Getenv("EXCHEQUER_BENCH_BINARY"), database: largeLedger(b)}
	a.far = delayed(b, a.database, 20*time.Millisecond)
	if a.binary == "" {
		a.binary = buildBinary(b)
	}
	for _, attack := range attacks {
		b.Run(attack.name, func(b *testing.B) { a.run(b, attack) })
	}
	fmt.Printf("\n| attack | %s |\n|---|---|\n", strings.Join(columns, " · "))
	for _, row := range a.rows {
		fmt.Println(row)
	}
}

// An attack returns how many requests were answered, or how many were sent if the
// attacker reads no answers.
type attack struct {
	name      string
	before    func(*target) // not measured; may be nil
	run       func(*target) int
	unlimited bool // without a memory limit
	far       bool // with a database 20 ms away, so that even a short query takes time
}

var attacks = []attack{
	{name: "nothing", before: untilBoundary, run: nothing},
	{name: "nothing-far", before: untilBoundary, run: nothing, far: true},
	{name: "brotli", run: brotliDocuments},
	{name: "boundary-pages", before: untilBoundary, run: pagesAtBoundaries},
	{name: "walk", run: walk},
	{name: "unknown-hang-up", run: unknownHangUp},
	{name: "crawl-leave", before: untilBoundary, run: crawlAndLeave, far: true},
	{name: "crawl-stay", before: untilBoundary, run: crawlAndStay, far: true},
	{name: "crawl-pages", before: untilBoundary, run: crawlPages},
	{name: "csv-slow", run: csvSlowReaders},
	{name: "csv-hang-up", run: csvHangUp},
	{name: "cost-home", run: flood("/")},
	{name: "cost-readyz", run: flood("/readyz")},
	{name: "cost-404", run: flood("/nothing/here")},
	{name: "cost-unknown-account", run: flood("/api/v1/accounts/nobody")},
	{name: "cost-metrics", run: flood("/metrics")},
	{name: "cost-metrics-keys", before: learnKeys, run: flood("/metrics"), unlimited: true},
	{name: "cost-health-keys", before: learnKeys, run: flood("/health/cache"), unlimited: true},
	{name: "log", run: longPaths},
	{name: "idle", run: idleConnections},
	{name: "slow-headers", run: slowHeaders},
}

// limit returns the longest duration of an attack.
func limit() time.Duration {
	if testing.Short() {
		return 10 * time.Second
	}
	return time.Minute
}

// An arena holds what the attacks share.
type arena struct {
	binary   string
	database string // its URL
	far      string // the same database, 20 ms away
	rows     []string
}

func (a *arena) run(b *testing.B, attack attack) {
	for b.Loop() {
		t := a.start(b, attack)
		if attack.before != nil {
			attack.before(t)
		}
		m := t.measure()
		requests := attack.run(t)
		a.rows = append(a.rows, m.end(attack.name, requests))
	}
}

var columns = []string{
	"requests answered", "alive", "peak resident memory", "CPU a request",
	"home page p50 / p99 / worst", "keys made in Redis", "producer runs", "and",
}

// A measurement is the measurement of one attack.
type measurement struct {
	t       *target
	began   time.Time
	cpu     time.Duration
	keys    int
	runs    int
	visitor *steadyVisitor
}

func (t *target) measure() *measurement {
	runs, _ := t.runs()
	return &measurement{t: t, began: time.Now(), cpu: t.cpu(), keys: t.keys(), runs: runs, visitor: visitSteadily(t.url)}
}

// end reports what was measured, and returns the row of the table.
func (m *measurement) end(name string, requests int) string {
	t := m.t
	cpu := t.cpu() - m.cpu
	home, failed := m.visitor.leave()
	keys := max(t.keys()-m.keys, 0) // locks come and go
	if !t.limited {
		t.note("without a limit of memory")
	}
	if t.far {
		t.note("the database 20 ms away")
	}
	alive, made := "yes", "–"
	select {
	case <-t.dead.Done():
		alive = fmt.Sprintf("killed after %.0f s", t.died.Sub(m.began).Seconds())
		t.b.ReportMetric(1, "killed")
	default:
		t.b.ReportMetric(0, "killed")
		if runs, err := t.runs(); err == nil {
			made = fmt.Sprint(runs - m.runs)
			t.b.ReportMetric(float64(runs-m.runs), "producer-runs")
		}
	}
	peak := float64(t.peak()) / (1 << 20)
	each := 0.
	if requests > 0 {
		each = ms(cpu) / float64(requests)
	}
	t.b.ReportMetric(float64(requests), "answered")
	t.b.ReportMetric(peak, "peak-MB")
	t.b.ReportMetric(each, "CPU-ms/request")
	t.b.ReportMetric(ms(home.quantile(.5)), "home-p50-ms")
	t.b.ReportMetric(ms(home.quantile(.99)), "home-p99-ms")
	t.b.ReportMetric(ms(home.quantile(1)), "home-worst-ms")
	t.b.ReportMetric(float64(failed), "home-errors")
	t.b.ReportMetric(float64(keys), "redis-keys")
	t.b.ReportMetric(0, "ns/op")
	cells := []string{
		fmt.Sprint(requests), alive, fmt.Sprintf("%.0f MB", peak), fmt.Sprintf("%.2f ms", each),
		fmt.Sprintf("%.0f / %.0f / %.0f ms, %d errors", ms(home.quantile(.5)), ms(home.quantile(.99)), ms(home.quantile(1)), failed),
		fmt.Sprint(keys), made,
	}
	if requests == 0 {
		cells[3] = "–"
	}
	return fmt.Sprintf("| `%s` | %s |", name, strings.Join(append(cells, t.notes...), " · "))
}
