package bench

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/sample"
	"exchequer/ledger"
	"exchequer/static"
	"exchequer/web"
)

// startSite serves the whole site over memos with a month of made-up numbers. Its log
// goes to the null device.
func startSite(tb testing.TB) string {
	tb.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		tb.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	c := cache.New(cache.Deps{Store: cache.NewMemory(), Space: "bench:1", Log: slog.New(slog.DiscardHandler), Registerer: registry})
	handler, err := web.New(web.Deps{
		Economy:   madeEconomy(c),
		API:       aggregates.NewAPI(c, nil),
		Soundness: aggregates.NewSoundnessMemos(context.Background(), c, nil, nil),
		Cache:     c,
		Settings:  func() ledger.Settings { return ledger.Settings{Name: "Port Bench", Symbol: "₤", Decimals: 2} },
		Log:       slog.New(slog.NewJSONHandler(null, nil)),
		Registry:  registry, Version: "bench",
	})
	if err != nil {
		tb.Fatal(err)
	}
	url := listen(tb, handler)
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = c.Close(ctx)
		_ = null.Close()
	})
	return url
}

func listen(tb testing.TB, handler http.Handler) string {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	server := web.Server("", handler)
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(listener) }()
	tb.Cleanup(func() { _ = server.Close(); <-served })
	return "http://" + listener.Addr().String()
}

func basis(days aggregates.Days, start, end time.Time) aggregates.Basis {
	return aggregates.Basis{Period: aggregates.Period{Days: days.Key(), Start: start, End: end}}
}

func madeEconomy(c *cache.Cache) *aggregates.Economy {
	spec := func(name string) cache.Spec { return cache.Spec{Name: name, Window: 24 * time.Hour} }
	series := make([]int64, 30)
	rates := make([]float64, 30)
	for i := range series {
		series[i], rates[i] = int64(800_000_000+i*i*9_137%5_000_000), 1+float64(i%7)/10
	}
	supply, before, velocity := int64(821_490_600), int64(790_000_000), 1.92
	sums := make([]ledger.Sum, 30)
	for i := range sums {
		sums[i] = ledger.SumOf(series[i])
	}
	nowSum, beforeSum := ledger.SumOf(supply), ledger.SumOf(before)
	money := aggregates.Trend[ledger.Sum]{Number: aggregates.Number[ledger.Sum]{Now: &nowSum, Before: &beforeSum}, Series: sums}
	trend := aggregates.Trend[int64]{Number: aggregates.Number[int64]{Now: &supply, Before: &before}, Series: series}
	measure := func(v float64) aggregates.Measure { return aggregates.Measure{Value: &v} }
	town := sample.Town(30)
	return &aggregates.Economy{
		Bridge: cache.NewMemo(c, spec("bridge"), func(context.Context, cache.Window, aggregates.Days) (*aggregates.Bridge, error) {
			return town.Bridge, nil
		}),
		Ladder: cache.NewMemo(c, spec("ladder"), func(context.Context, cache.Window, aggregates.Population) (*aggregates.Ladder, error) {
			return town.Ladder, nil
		}),
		Profile: cache.NewMemo(c, spec("profile"), func(context.Context, cache.Window, aggregates.NoParams) (aggregates.Profile, error) {
			return aggregates.Full(), nil
		}),
		Overview: cache.NewMemo(c, spec("overview"), func(_ context.Context, w cache.Window, d aggregates.Days) (*aggregates.Overview, error) {
			return &aggregates.Overview{Basis: basis(d, w.Start.AddDate(0, 0, -29), w.Start), Supply: money, Active: trend, Transactions: trend,
				Velocity: aggregates.Trend[float64]{Number: aggregates.Number[float64]{Now: &velocity}, Series: rates}, Holders: 8630, Balanced: true}, nil
		}),
		Inequality: cache.NewMemo(c, spec("inequality"), func(_ context.Context, w cache.Window, p aggregates.InequalityQuery) (*aggregates.Inequality, error) {
			v := &aggregates.Inequality{Basis: basis(0, w.Start, w.Start), Population: p.Population, Holders: 8630, Total: ledger.SumOf(821_490_600), Mean: 95190, Median: 21000,
				Gini: measure(.642), Top1: measure(.117), Top10: measure(.41), Bottom50: measure(.08), Palma: measure(4.1),
				Theil: measure(.9), HHI: measure(33), Nakamoto: measure(212)}
			for i := range 101 {
				x := float64(i) / 100
				v.Lorenz = append(v.Lorenz, aggregates.LorenzPoint{Holders: x, Wealth: x * x * x})
			}
			for i := range 14 {
				v.Bins = append(v.Bins, aggregates.Bin{Low: 1 << i, High: 2 << i, Holders: int64(i * (14 - i) * 20), Total: ledger.Product(int64(i), 100_000)})
			}
			for i := range 30 {
				gini := .63 + float64(i)/3000
				v.Trend = append(v.Trend, aggregates.DayMeasures{Day: w.Start.AddDate(0, 0, i-29), Gini: &gini, Top1: &gini, Top10: &gini, Palma: &gini})
			}
			return v, nil
		}),
		Activity: cache.NewMemo(c, spec("activity"), func(_ context.Context, w cache.Window, d aggregates.Days) (*aggregates.Activity, error) {
			a := &aggregates.Activity{Basis: basis(d, w.Start.AddDate(0, 0, -29), w.Start), Bucket: "day"}
			for i := range 30 {
				a.Buckets = append(a.Buckets, aggregates.ActivityBucket{Start: w.Start.AddDate(0, 0, i-29), Transactions: int64(14000 + i*37),
					Volume: sums[i], Transfers: ledger.SumOf(series[i] / 2), Partial: i == 29})
			}
			return a, nil
		}),
		WealthByKind: cache.NewMemo(c, spec("wealth"), func(_ context.Context, w cache.Window, _ aggregates.NoParams) (*aggregates.WealthByKind, error) {
			v := &aggregates.WealthByKind{Basis: basis(0, w.Start, w.Start), Supply: ledger.SumOf(821_490_600)}
			for i, kind := range ledger.Kinds() {
				v.Kinds = append(v.Kinds, aggregates.KindWealth{Kind: kind, Accounts: int64(4000 / (i + 1)), Total: ledger.SumOf(273_830_200), Share: 1. / 3})
			}
			return v, nil
		}),
		Rhythm: cache.NewMemo(c, spec("rhythm"), func(_ context.Context, w cache.Window, d aggregates.Days) (*aggregates.Rhythm, error) {
			v := &aggregates.Rhythm{Basis: basis(d, w.Start.AddDate(0, 0, -29), w.Start), Peak: 900}
			for day := range v.Cells {
				for hour := range v.Cells[day] {
					v.Cells[day][hour] = float64(30*hour + 20*day)
					v.Total[day][hour] = int64(120*hour + 80*day)
					v.Hours[day][hour] = 4
				}
			}
			return v, nil
		}),
		Richest: cache.NewMemo(c, spec("richest"), func(_ context.Context, w cache.Window, _ aggregates.NoParams) (*aggregates.Richest, error) {
			v := &aggregates.Richest{Basis: basis(0, w.Start, w.Start), Supply: ledger.SumOf(821_490_600), Count: 8630}
			for i := range 20 {
				name := fmt.Sprintf("Player %d", i)
				v.Accounts = append(v.Accounts, aggregates.RichAccount{Ref: name, Name: name, Holder: name, Kind: ledger.Personal,
					Balance: int64(9_000_000 - i*i*17_000), Share: .01, Change: int64(i*1000 - 5000), LastActive: w.Start.Add(-time.Duration(i) * time.Hour)})
			}
			return v, nil
		}),
	}
}

func get(tb testing.TB, client *http.Client, url string, headers map[string]string) (*http.Response, []byte) {
	tb.Helper()
	r, err := http.NewRequest(http.MethodGet, url, http.NoBody)
	if err != nil {
		tb.Fatal(err)
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	response, err := client.Do(r)
	if err != nil {
		tb.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return response, body
}

func plainClient(conns int) *http.Client {
	return &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: conns, MaxConnsPerHost: conns}}
}

// TestPageWeights checks the budgets of what a first visit loads in gzip.
func TestPageWeights(t *testing.T) {
	url := startSite(t)
	client := plainClient(1)
	defer client.CloseIdleConnections()
	gz := map[string]string{"Accept-Encoding": "gzip"}
	_, html := get(t, client, url+"/economy", gz)
	_, css := get(t, client, url+static.URL("app.css"), gz)
	script := 0
	for _, name := range []string{"app.js", "refresh.js", "tips.js", "replay.js", "search.js", "vendor/idiomorph.js"} {
		_, body := get(t, client, url+static.URL(name), gz)
		script += len(body)
	}
	t.Logf("HTML %d B, CSS %d B, script %d B", len(html), len(css), script)
	for _, weight := range []struct {
		what       string
		got, limit int
	}{{"HTML", len(html), 30 << 10}, {"CSS", len(css), 10 << 10}, {"script", script, 10 << 10}} {
		if weight.got > weight.limit {
			t.Errorf("%s weighs %d B, budget %d B", weight.what, weight.got, weight.limit)
		}
	}
}

// BenchmarkWarmPage compares the warm page with a bare handler that writes the
// same bytes, and with one that also sends the same header fields. Each is a process
// of its own; wrk measures them in turns.
func BenchmarkWarmPage(b *testing.B) {
	site := startProcess(b, "site", "")
	least := startProcess(b, "bare", site.url+"/economy")
	fields := startProcess(b, "fields", site.url+"/economy")
	for _, encoding := range []string{"gzip", ""} {
		for _, connections := range []int{16, 64} {
			name := fmt.Sprintf("encoding=%s/connections=%d", cmp.Or(encoding, "none"), connections)
			b.Run(name, func(b *testing.B) {
				for b.Loop() {
					compare(b, 5, func() (r round) {
						for i, p := range []process{site, least, fields} {
							r[i] = wrk(b, p, "/economy", encoding, connections, 2*time.Second)
						}
						return r
					})
				}
			})
		}
	}
	b.Run("healthz", func(b *testing.B) {
		for b.Loop() {
			l := wrk(b, site, "/healthz", "", 1, time.Second)
			b.ReportMetric(float64(l.cpu.Nanoseconds())/1e3, "cpu-us")
			b.ReportMetric(1e6/l.rate, "us/request")
		}
	})
}

// A round holds one measurement of the site, of the bare handler and of the one with
// the same header fields.
type round [3]load

// compare reports the median of several rounds.
func compare(b *testing.B, n int, measure func() round) {
	b.Helper()
	var rounds []round
	for range n {
		rounds = append(rounds, measure())
	}
	for unit, of := range map[string]func(round) float64{
		"cpu-us":         func(r round) float64 { return float64(r[0].cpu.Nanoseconds()) / 1e3 },
		"bare-cpu-us":    func(r round) float64 { return float64(r[1].cpu.Nanoseconds()) / 1e3 },
		"fields-cpu-us":  func(r round) float64 { return float64(r[2].cpu.Nanoseconds()) / 1e3 },
		"bare-ratio":     func(r round) float64 { return float64(r[0].cpu) / float64(r[1].cpu) },
		"fields-ratio":   func(r round) float64 { return float64(r[0].cpu) / float64(r[2].cpu) },
		"requests/s":     func(r round) float64 { return r[0].rate },
		"requests-ratio": func(r round) float64 { return r[0].rate / r[1].rate },
		"p99-ms":         func(r round) float64 { return ms(r[0].p99) },
		"p99-ratio":      func(r round) float64 { return float64(r[0].p99) / float64(r[1].p99) },
	} {
		var values []float64
		for _, r := range rounds {
			values = append(values, of(r))
		}
		slices.Sort(values)
		b.ReportMetric(values[len(values)/2], unit)
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkCompressDistinct measures the memory that a process needs to send distinct
// compressed documents to 64 clients.
func BenchmarkCompressDistinct(b *testing.B) {
	for b.Loop() {
		site := startProcess(b, "site", "")
		var paths []string
		for _, panel := range []string{"overview", "inequality", "activity", "lorenz", "distribution", "rhythm", "wealth", "richest"} {
			for _, form := range []string{"", ".json"} {
				for _, days := range []string{"7", "30", "90", "365", "all"} {
					for _, population := range []string{"personal", "private", "all"} {
						paths = append(paths, "/economy/"+panel+form+"?days="+days+"&population="+population)
					}
				}
			}
		}
		client := plainClient(64)
		next := make(chan string)
		var clients sync.WaitGroup
		began := time.Now()
		for range 64 {
			clients.Go(func() {
				for path := range next {
					get(b, client, site.url+path, map[string]string{"Accept-Encoding": "br"})
				}
			})
		}
		for _, path := range paths {
			next <- path
		}
		close(next)
		clients.Wait()
		client.CloseIdleConnections()
		used := usage(b, []int{site.pid})
		b.ReportMetric(float64(used.peak)/1e6, "peak-MB")
		b.ReportMetric(ms(used.cpu)/float64(len(paths)), "cpu-ms/document")
		b.ReportMetric(float64(len(paths))/time.Since(began).Seconds(), "documents/s")
		b.ReportMetric(0, "ns/op")
	}
}
