package bench

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/postgres"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// BenchmarkLedgers serves a thousand small ledgers (a hundred with -short) by one process,
// each in a database of its own, and reads the home page of each of them once, one after the
// other. It reports how long the start takes to the first page, what the process has in
// memory and of connections at rest, after 200 ledgers and after all, and how long first
// pages, of ledgers that were closed, and further pages take.
func BenchmarkLedgers(b *testing.B) {
	number := 1000
	if testing.Short() {
		number = 100
	}
	server := testkit.OwnPostgres(b, "max_connections=400")
	file := smallLedgers(b, server.URL, number)
	binary := os.Getenv("EXCHEQUER_BENCH_BINARY")
	if binary == "" {
		binary = buildBinary(b)
	}
	client := plainClient(1)
	b.Cleanup(client.CloseIdleConnections)
	for b.Loop() {
		f, log := &fleet{b: b}, filepath.Join(b.TempDir(), "log")
		began := time.Now()
		f.start(binary, log, []string{"EXCHEQUER_LEDGERS=" + file})
		url := f.address(log)
		visit := func(i int) time.Duration {
			return timed(func() { mustGet(b, client, fmt.Sprintf("%s/c/l%d/economy", url, i)) })
		}
		visit(0)
		b.ReportMetric(time.Since(began).Seconds(), "start-s")
		t := &target{b: b, pid: f.pids[0]}
		memory := func(field string) float64 {
			kilobytes, err := strconv.ParseFloat(strings.TrimSuffix(t.status(field), " kB"), 64)
			if err != nil {
				b.Fatal(err)
			}
			return kilobytes / 1024
		}
		time.Sleep(5 * time.Second)
		b.ReportMetric(memory("VmRSS"), "rest-MB")
		b.ReportMetric(clients(b, server.URL), "rest-connections")
		var first, warm []time.Duration
		for i := 1; i < number; i++ {
			first = append(first, visit(i))
			warm = append(warm, visit(i))
			if i == 200 {
				b.ReportMetric(memory("VmRSS"), "after-200-MB")
			}
		}
		b.ReportMetric(memory("VmRSS"), "after-all-MB")
		b.ReportMetric(memory("VmHWM"), "peak-MB")
		b.ReportMetric(clients(b, server.URL), "connections")
		for name, took := range map[string][]time.Duration{"first": first, "warm": warm} {
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, name+"-ms")
			b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, name+"-p95-ms")
		}
		b.ReportMetric(0, "ns/op")
	}
}

// smallLedgers makes databases with a small ledger each, and returns a file that lists them.
func smallLedgers(b *testing.B, template string, number int) string {
	b.Helper()
	db, err := postgres.Open(b.Context(), template, postgres.Options{})
	if err != nil {
		b.Fatal(err)
	}
	record := ledger.New(db)
	if err := record.SetSettings(b.Context(), ledger.Settings{Name: "Small", Decimals: 2}); err != nil {
		b.Fatal(err)
	}
	batch := ledger.Batch{Accounts: []ledger.Account{{Ref: "mint", Kind: ledger.System}}}
	for i := range 60 {
		from, to := "mint", fmt.Sprint("p", i%12)
		if i < 12 {
			batch.Accounts = append(batch.Accounts, ledger.Account{Ref: to, Kind: ledger.Personal})
		} else {
			from = fmt.Sprint("p", (i+5)%12)
		}
		batch.Transactions = append(batch.Transactions, ledger.Transaction{Origin: "bench", Ref: fmt.Sprint(i), At: time.Now().Add(time.Duration(i-61) * 8 * time.Hour), Source: "shop",
			Postings: []ledger.Posting{{Account: from, Amount: -100}, {Account: to, Amount: 100}}})
	}
	if _, err := record.Append(b.Context(), batch); err != nil {
		b.Fatal(err)
	}
	db.Close()
	url := func(name string) string { return strings.Replace(template, "/migrated?", "/"+name+"?", 1) }
	admin, err := pgx.Connect(b.Context(), url("postgres"))
	if err != nil {
		b.Fatal(err)
	}
	defer admin.Close(context.Background())
	var text strings.Builder
	for i := range number {
		name := fmt.Sprint("l", i)
		if _, err := admin.Exec(b.Context(), "CREATE DATABASE "+name+" TEMPLATE migrated STRATEGY file_copy"); err != nil {
			b.Fatal(err)
		}
		fmt.Fprintf(&text, "[[ledgers]]\nname = %q\ndatabase = %q\n\n", name, url(name))
	}
	file := filepath.Join(b.TempDir(), "ledgers.toml")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	return file
}

// clients returns how many connections the server has.
func clients(b *testing.B, url string) (n float64) {
	b.Helper()
	conn, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(b.Context(), `SELECT count(*) - 1 FROM pg_stat_activity WHERE backend_type = 'client backend'`).Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n
}

// mustGet reads a page, which has to be there.
func mustGet(b *testing.B, client *http.Client, url string) {
	b.Helper()
	response, body := get(b, client, url, nil)
	if response.StatusCode != http.StatusOK {
		b.Fatalf("%s = %d: %.200s", url, response.StatusCode, body)
	}
}
