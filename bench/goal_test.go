package bench

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/postgres"
	"exchequer/internal/testkit"
	"exchequer/ledger"
	"exchequer/web"
)

// goalPages are the pages of the budget, each with what it shows by default.
var goalPages = []struct{ name, address string }{
	{"economy", "/economy"},
	{"flow", "/economy/flow"},
	{"health", "/economy/health"},
	{"history", "/economy/history"},
	{"market", "/market"},
	{"items", "/market/items"},
	{"item", "/market/items/i7"},
	{"shops", "/market/shops"},
	{"shop", "/market/shops/s7"},
	{"arbitrage", "/market/arbitrage"},
	{"appraise", "/appraise?list=12+Item+7%0A3+Item+900"},
	{"compare", "/compare?s=item:i7~sold:i900~supply"},
	{"watch", "/watch?i=i7~i900&a=a1000~a2000~a3000~a4000~a5000~a6000~a7000~a8000~a9000~a10000~a11000~a12000~a13000~a14000~a15000~a16000~a17000~a18000~a19000~a20000"},
	{"feeds", "/feeds"},
	{"government", "/government"},
	{"firms", "/firms"},
	{"accounts", "/accounts"},
	{"account", "/accounts/a5000"},
	{"account-largest", "/accounts/a1"},
	{"holder", "/holders/a5000"},
	{"transactions", "/transactions"},
	{"transactions-source", "/transactions?source=tax"},
	{"transactions-account", "/transactions?account=a1&source=tax"},
	{"transaction", "/transactions/bench/1000"},
	{"search", "/search?q=Acount+7777"},
}

// BenchmarkGoal serves every page from a ledger of 3,500,000 postings of 120,000
// accounts in 30 days, with 1,000,000 sales of 5,000 items in a year and 20,000 offers:
// cold, with nothing in the cache, to the last byte of its last panel, and warm, to 16
// clients who together read 1,000 pages a second, and as fast as wrk can on 16
// connections, which fills the processors, beside a bare handler of the same bytes. The
// budgets are 500 ms and a p99 of 5 ms.
func BenchmarkGoal(b *testing.B) {
	w := cache.WindowAt(time.Now(), 30*time.Second)
	url := testkit.PostgresURL(b)
	db, err := postgres.Open(b.Context(), url, postgres.Options{StatementTimeout: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	buildOf(b, db, w, 1_750_000, 120_000)
	tradeOver(b, db, w, 1_000_000, 5000, 365)
	offer(b, db)
	markSome(b, db)
	for _, p := range goalPages {
		b.Run("cold/"+p.name, func(b *testing.B) {
			readCold(b, db, p.address)
			var took []time.Duration
			var cpu time.Duration
			for b.Loop() {
				for range 5 {
					in, used := readCold(b, db, p.address)
					took, cpu = append(took, in), cpu+used
				}
			}
			b.ReportMetric(ms(cpu)/float64(len(took)), "cpu-ms/page")
			b.ReportMetric(ms(median(took)), "ms/page")
			b.ReportMetric(ms(slices.Min(took)), "least-ms/page")
			b.ReportMetric(0, "ns/op")
		})
	}
	site := startProcess(b, "ledger", url)
	for _, p := range goalPages {
		b.Run("warm/"+p.name, func(b *testing.B) {
			client := plainClient(1)
			defer client.CloseIdleConnections()
			for range 3 {
				get(b, client, site.url+p.address, map[string]string{"Accept-Encoding": "gzip"})
			}
			bare := startProcess(b, "bare", site.url+p.address)
			for b.Loop() {
				got := wrk(b, site, p.address, "gzip", 16, 2*time.Second)
				least := wrk(b, bare, p.address, "gzip", 16, 2*time.Second)
				b.ReportMetric(ms(got.p99), "full-p99-ms")
				b.ReportMetric(ms(least.p99), "bare-full-p99-ms")
				b.ReportMetric(ms(p99(paced(b, site.url, []string{p.address}, 16, 1000, 3*time.Second))), "p99-ms")
				b.ReportMetric(got.rate, "full-pages/s")
				b.ReportMetric(float64(got.cpu)/float64(least.cpu), "bare-ratio")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
	b.Run("boundary", func(b *testing.B) { acrossBoundaries(b, site) })
}

// acrossBoundaries reads, warm, all pages that need no list of the database, over two
// boundaries, at which all of them are computed anew.
func acrossBoundaries(b *testing.B, site process) {
	var pages []string
	client := plainClient(1)
	defer client.CloseIdleConnections()
	for _, p := range goalPages {
		if p.name == "accounts" {
			break
		}
		pages = append(pages, p.address)
		for range 2 {
			get(b, client, site.url+p.address, map[string]string{"Accept-Encoding": "gzip"})
		}
	}
	for b.Loop() {
		took := paced(b, site.url, pages, 16, 200, 2*30*time.Second)
		b.ReportMetric(ms(took[len(took)/2]), "p50-ms")
		b.ReportMetric(ms(p99(took)), "p99-ms")
		b.ReportMetric(ms(took[len(took)*999/1000]), "p999-ms")
		b.ReportMetric(ms(took[len(took)-1]), "slowest-ms")
	}
	b.ReportMetric(0, "ns/op")
}

// offer writes shops and what they offer, the sales that the rollups are of, and the
// beginning of the ledger, which is that of its sales.
func offer(b *testing.B, db *pgxpool.Pool) {
	b.Helper()
	conn, err := db.Acquire(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Release()
	for _, query := range []string{
		`SET statement_timeout = 0`,
		`INSERT INTO activity_hours SELECT min(hour), 1, 2, 1, 1 FROM item_hours ON CONFLICT DO NOTHING`,
		`INSERT INTO shops (id, ref, place, owner, world, x, y, z, active, seen)
			SELECT n, 's' || n, '', n + 100, 'w', n * 7 % 5000, 64, n * 13 % 5000, true, now() FROM generate_series(1, 4000) n`,
		`INSERT INTO offers (id, shop, ref, item, ask, bid, batch, stock, capacity, active, seen)
			SELECT n, n % 4000 + 1, 'o' || n, n % 5000 + 1, (10 + (n % 5000 + 1) % 90) * (90 + n % 23), (10 + (n % 5000 + 1) % 90) * (70 + n % 31), 1, n % 60, 64, true, now()
			FROM generate_series(1, 20000) n`,
		`INSERT INTO sales (item, at, id, shop, seller, buyer, direction, quantity, total, tax, origin, ref)
			SELECT item, day + n % 86000 * interval '1 second', n, n % 4000 + 1, n % 4000 + 101, 2 + n % 300, 'sale', quantity, volume, 0, 'bench', n::text
			FROM (SELECT item, day, quantity, volume, row_number() OVER (ORDER BY day) AS n FROM price_days) AS sold`,
		`VACUUM (ANALYZE) sales, shops, offers, price_days, trader_days, item_hours, item_days`,
		`RESET ALL`,
	} {
		if _, err := conn.Exec(b.Context(), query); err != nil {
			b.Fatal(err)
		}
	}
}

// readCold reads an address from an empty cache of a process that has started, and
// returns how long that took and what it used of processors, the database's included.
func readCold(b *testing.B, db *pgxpool.Pool, address string) (took, cpu time.Duration) {
	b.Helper()
	handler, end := ledgerSite(b, db, slog.New(slog.DiscardHandler))
	defer end()
	before := usedFor(b, db)
	w := httptest.NewRecorder()
	took = timed(func() {
		handler.ServeHTTP(w, httptest.NewRequestWithContext(b.Context(), http.MethodGet, address, http.NoBody))
	})
	if w.Code != http.StatusOK {
		b.Fatalf("%s: status %d", address, w.Code)
	}
	return took, usedFor(b, db) - before
}

// startLedgerSite serves the ledger at a database's address.
func startLedgerSite(tb testing.TB, database string) string {
	tb.Helper()
	db, err := postgres.Open(tb.Context(), database, postgres.Options{StatementTimeout: time.Minute})
	if err != nil {
		tb.Fatal(err)
	}
	handler, end := ledgerSite(tb, db, slog.New(slog.NewJSONHandler(io.Discard, nil)))
	tb.Cleanup(func() { end(); db.Close() })
	return listen(tb, handler)
}

func ledgerSite(tb testing.TB, db *pgxpool.Pool, log *slog.Logger) (handler http.Handler, end func()) {
	tb.Helper()
	registry := prometheus.NewRegistry()
	c := cache.New(cache.Deps{Store: cache.NewMemory(), Space: "bench:1", Log: slog.New(slog.DiscardHandler), Registerer: registry})
	leaving, leave := context.WithCancel(context.Background())
	handler, err := web.New(web.Deps{
		Economy:   aggregates.NewEconomy(c, db),
		API:       aggregates.NewAPI(c, db),
		Soundness: aggregates.NewSoundnessMemos(leaving, c, db, nil),
		Record:    ledger.New(db),
		Reports:   aggregates.NewReports(db),
		Cache:     c,
		Settings:  func() ledger.Settings { return ledger.Settings{Name: "Port Bench", Symbol: "₤", Decimals: 2} },
		Log:       log,
		Registry:  registry, Version: "bench",
	})
	if err != nil {
		tb.Fatal(err)
	}
	return handler, func() {
		leave()
		closing, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := c.Close(closing); err != nil {
			fmt.Println("close the cache:", err)
		}
	}
}
