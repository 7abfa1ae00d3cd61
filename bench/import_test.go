package bench

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"exchequer/internal/testkit"
	"exchequer/ledger"
	"exchequer/ledger/importer"
)

// BenchmarkImport measures an import from a CSV file into an indexed ledger with
// rollups: 500,000 payments of 20,000 accounts in a year, a million postings.
func BenchmarkImport(b *testing.B) {
	file := payments(b, 500_000)
	m, err := importer.Parse([]byte(mapping))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		db := testkit.Postgres(b)
		b.StartTimer()
		heap := peakHeap()
		summary, err := importer.Run(b.Context(), importer.Options{Ledger: ledger.New(db), Mapping: m, Files: []string{file}})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(summary.Postings)/summary.Took.Seconds(), "postings/s")
		b.ReportMetric(float64(heap())/(1<<20), "peak-heap-MB")
	}
}

const mapping = `origin = "bench"
[ledger]
name = "Bench"
symbol = "£"
decimals = 2
[csv]
dates = ["YYYY-MM-DD hh:mm:ss"]
[columns]
date = "date"
from = "from"
to = "to"
amount = "amount"
[[accounts]]
role = "from"
kind = "personal"
ref = "{from}"
[[accounts]]
role = "to"
kind = "personal"
ref = "{to}"
[transaction]
at = "date"
from = "from"
to = "to"
amount = "amount"
source = "payment"
`

func payments(b *testing.B, rows int) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "payments.csv")
	file, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriter(file)
	fmt.Fprintln(w, "date,from,to,amount")
	random := rand.New(rand.NewPCG(1, 2))
	start := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range rows {
		at := start.Add(time.Duration(i) * 365 * 24 * time.Hour / time.Duration(rows))
		from := random.IntN(20_000)
		to := (from + 1 + random.IntN(19_999)) % 20_000
		fmt.Fprintf(w, "%s,player %d,player %d,%d.%02d\n", at.Format(time.DateTime), from, to, random.IntN(1000), 1+random.IntN(99))
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := file.Close(); err != nil {
		b.Fatal(err)
	}
	return path
}

// peakHeap samples the heap until the returned function is called, which returns its
// largest size.
func peakHeap() func() uint64 {
	done, peak := make(chan struct{}), make(chan uint64)
	go func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		var highest uint64
		for {
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			highest = max(highest, now.HeapAlloc)
			select {
			case <-done:
				peak <- highest
				return
			case <-tick.C:
			}
		}
	}()
	return func() uint64 { close(done); return <-peak }
}
