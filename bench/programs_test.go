package bench

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/ledger"
	"exchequer/web"
)

// BenchmarkPricesForPrograms answers with the latest prices of 5,000 items, sold
// 300,000 times in 90 days, from memory and through a socket, and reads an hour and a
// page of a series from the database. It reports the size of the body, plain and
// compressed, and requests of one client, one after the other.
func BenchmarkPricesForPrograms(b *testing.B) {
	db := testkit.Postgres(b)
	w := cache.WindowAt(time.Now(), 30*time.Second)
	build(b, db, w, 1000)
	tradeOver(b, db, w, 300_000, 5000, 90)
	if _, err := db.Exec(b.Context(), `INSERT INTO activity_hours SELECT min(hour), 1, 2, 1, 1 FROM item_hours ON CONFLICT DO NOTHING`); err != nil {
		b.Fatal(err)
	}
	var busiest time.Time // the hour in which most items were sold
	if err := db.QueryRow(b.Context(), `SELECT hour FROM item_hours GROUP BY hour ORDER BY count(*) DESC LIMIT 1`).Scan(&busiest); err != nil {
		b.Fatal(err)
	}
	if _, err := db.Exec(b.Context(), `ANALYZE`); err != nil {
		b.Fatal(err)
	}
	memos := cache.New(cache.Deps{Store: cache.NewMemory(), Log: slog.New(slog.DiscardHandler)})
	b.Cleanup(func() { _ = memos.Close(context.Background()) })
	handler, err := web.New(web.Deps{
		API: aggregates.NewAPI(memos, db), Economy: aggregates.NewEconomy(memos, db), Soundness: aggregates.NewSoundnessMemos(b.Context(), memos, db, nil),
		Now: memos.Now, Cache: memos, Record: ledger.New(db), Settings: func() ledger.Settings { return ledger.Settings{Timezone: ledger.UTC} },
		Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), APIRate: web.NewRate(1<<30, nil),
	})
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewServer(handler)
	b.Cleanup(server.Close)
	client := plainClient(8)
	for _, encoding := range []string{"", "gzip", "br"} {
		b.Run("latest "+encoding, func(b *testing.B) {
			var size int
			ask := func() {
				_, body := get(b, client, server.URL+"/api/v1/prices/latest", map[string]string{"Accept-Encoding": encoding})
				size = len(body)
			}
			ask()
			for b.Loop() {
				ask()
			}
			b.ReportMetric(float64(size), "bytes")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
	sold := aggregates.NewSold(db)
	b.Run("hour", func(b *testing.B) {
		var items int64
		for b.Loop() {
			hour, err := sold.Hour(b.Context(), busiest, time.Now())
			if err != nil {
				b.Fatal(err)
			}
			items = hour.Count
		}
		b.ReportMetric(float64(items), "items")
	})
	b.Run("series", func(b *testing.B) {
		for b.Loop() {
			if _, err := sold.Series(b.Context(), "i1", "1d", time.Time{}, time.Now()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
