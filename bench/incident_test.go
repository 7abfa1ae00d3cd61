package bench

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/postgres"
)

// incident sends 600 visitors at once to three cold processes, while each is probed.
// It fails if a producer runs twice for one window, or if a visitor gets anything but
// the page with all its numbers.
func (s *stage) incident(b *testing.B) { s.cold(b, 1, 600) }

// burst is the same with 200 visitors, as in the peer's measurement.
func (s *stage) burst(b *testing.B, times int) { s.cold(b, times, 200) }

func (s *stage) cold(b *testing.B, times, visitors int) {
	database := s.ledger(b, times).URL
	for b.Loop() {
		f := s.fleet(b, database)
		earlyInWindow(pageWindow)
		probing := probe(f.urls)
		began, used := time.Now(), usage(b, f.pids)
		answers := crowd(f.urls, visitors, time.Minute)
		took := usage(b, f.pids)
		runs := f.producerRuns()
		windows := windowsSince(began, pageWindow)
		probing.end(b)
		highest, memos := most(runs)
		failed := reportAnswers(b, answers)
		b.ReportMetric(float64(highest)/float64(windows), "runs/memo")
		b.ReportMetric(float64(memos), "memos")
		b.ReportMetric(ms(took.cpu-used.cpu)/float64(visitors), "cpu-ms/visitor")
		b.ReportMetric(float64(took.peak)/1e6, "peak-MB/process")
		for memo, n := range runs {
			if n > windows {
				b.Errorf("the producer of %s ran %d times in %d windows: %s", memo, n, windows, f.outcomes(memo))
			}
		}
		if b.Failed() {
			b.Logf("answers after %s to %s\n%s", latencies(answers).quantile(0), latencies(answers).quantile(1), f.troubles())
		}
		if failed > 0 || memos == 0 {
			b.Errorf("%d of %d visitors did not get the page; %d memos were computed", failed, visitors, memos)
		}
	}
}

// reportAnswers reports how long the answers took, and returns how many were
// not the page.
func reportAnswers(b *testing.B, answers []answer) (failed int) {
	failed, first := failures(answers)
	if failed > 0 {
		b.Logf("one of %d failures: %s", failed, first)
	}
	took := latencies(answers)
	b.ReportMetric(float64(failed), "errors")
	b.ReportMetric(ms(took.quantile(0)), "first-ms")
	b.ReportMetric(ms(took.quantile(.5)), "p50-ms")
	b.ReportMetric(ms(took.quantile(1)), "last-ms")
	b.ReportMetric(0, "ns/op")
	return failed
}

// incidentUncached is the same crowd without a cache: each request runs two
// aggregations over all postings. There is no switch for that in the program,
// so three minimal servers stand for the processes, each with a pool of the same
// size and the same timeouts as the program.
func (s *stage) incidentUncached(b *testing.B) {
	database := s.ledger(b, 1).URL
	for b.Loop() {
		var urls []string
		for range fleetSize {
			db, err := postgres.Open(b.Context(), database, postgres.Options{MaxConns: 16})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(db.Close)
			urls = append(urls, listen(b, uncached(db)))
		}
		alone := crowd(urls[:1], 1, time.Minute)
		if failed, why := failures(alone); failed > 0 {
			b.Fatalf("a visitor alone does not get the page: %s", why)
		}
		b.ReportMetric(ms(alone[0].took), "alone-ms")
		probing := probe(urls)
		reportAnswers(b, crowd(urls, 600, time.Minute))
		probing.end(b)
	}
}

// uncached serves the volume by day and the flow between kinds, by scanning.
func uncached(db *pgxpool.Pool) http.Handler {
	const volume = `
		SELECT count(*) FROM (
			SELECT (at AT TIME ZONE 'UTC')::date AS day, count(DISTINCT transaction), sum(greatest(amount, 0)), count(DISTINCT account)
			FROM postings WHERE at >= now() - interval '30 days' GROUP BY day) AS days`
	const flow = `
		SELECT count(*) FROM (
			SELECT payer.kind, payee.kind, t.source, sum(taken.amount), count(*)
			FROM postings AS given
			JOIN postings AS taken ON taken.transaction = given.transaction AND taken.amount > 0
			JOIN transactions AS t ON t.id = given.transaction
			JOIN accounts AS payer ON payer.id = given.account JOIN accounts AS payee ON payee.id = taken.account
			WHERE given.amount < 0 AND given.at >= now() - interval '30 days' GROUP BY 1, 2, 3) AS flows`
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		var days, flows int
		for query, n := range map[string]*int{volume: &days, flow: &flows} {
			if err := db.QueryRow(r.Context(), query).Scan(n); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
		}
		fmt.Fprintf(w, "<html>%d days, %d flows</html>", days, flows)
	})
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		if err := db.Ping(ctx); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	return mux
}
