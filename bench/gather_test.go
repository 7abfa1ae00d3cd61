package bench

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/postgres"
	"exchequer/internal/testkit"
	"exchequer/keys"
	"exchequer/ledger"
	"exchequer/web"
)

// BenchmarkSingle writes transactions of two legs that come one by one from 64 callers,
// each of which waits until its own is committed before it sends the next one: each in a
// database transaction of its own, those that come together in one, and the same by HTTP.
// The database syncs its log to the disk at each commit.
func BenchmarkSingle(b *testing.B) {
	const callers, span = 64, 10 * time.Second
	var next atomic.Int64
	transaction := func() ledger.Transaction {
		n := int(next.Add(1))
		return ledger.Transaction{Origin: "bench", Ref: fmt.Sprintf("single-%08d", n), At: time.Now().UTC(), Source: sources[n%len(sources)],
			Postings: []ledger.Posting{{Account: accountRef(n % benchAccounts), Amount: -1}, {Account: accountRef((n*7 + 1) % benchAccounts), Amount: 1}}}
	}
	// run reports how many transactions a second the callers have written.
	run := func(b *testing.B, call func(caller int) func() error) {
		for b.Loop() {
			var written atomic.Int64
			var calling sync.WaitGroup
			began := time.Now()
			for caller := range callers {
				write := call(caller)
				calling.Go(func() {
					for time.Since(began) < span {
						if err := write(); err != nil {
							b.Error(err)
							return
						}
						written.Add(1)
					}
				})
			}
			calling.Wait()
			b.ReportMetric(float64(written.Load())/time.Since(began).Seconds(), "transactions/s")
			b.ReportMetric(0, "ns/op")
		}
	}
	server := testkit.OwnPostgres(b, "fsync=on", "synchronous_commit=on", "full_page_writes=on")
	db, err := postgres.Open(b.Context(), server.URL, postgres.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(db.Close)
	l := ledger.New(db)
	accounts := ledger.Batch{Accounts: make([]ledger.Account, benchAccounts)}
	for i := range accounts.Accounts {
		accounts.Accounts[i] = ledger.Account{Ref: accountRef(i), Kind: ledger.Kinds()[i%3]}
	}
	if _, err := l.Append(b.Context(), accounts); err != nil {
		b.Fatal(err)
	}
	appends := func(to func(context.Context, ledger.Batch) (ledger.Written, error)) func(int) func() error {
		return func(int) func() error {
			return func() error {
				_, err := to(b.Context(), ledger.Batch{Transactions: []ledger.Transaction{transaction()}})
				return err
			}
		}
	}
	b.Run("alone", func(b *testing.B) { run(b, appends(l.Append)) })
	b.Run("together", func(b *testing.B) { run(b, appends(ledger.NewGatherer(l).Append)) })
	b.Run("http", func(b *testing.B) {
		key, err := keys.Create(b.Context(), db, "bench", keys.Scopes(), nil)
		if err != nil {
			b.Fatal(err)
		}
		memos := cache.New(cache.Deps{Store: cache.NewMemory(), Log: slog.New(slog.DiscardHandler)})
		b.Cleanup(func() { _ = memos.Close(context.Background()) })
		handler, err := web.New(web.Deps{
			API: aggregates.NewAPI(memos, db), Economy: aggregates.NewEconomy(memos, db), Soundness: aggregates.NewSoundnessMemos(b.Context(), memos, db, nil),
			Now: memos.Now, Cache: memos, Record: l, Ledger: l, Keys: keys.NewStore(db), Settings: func() ledger.Settings { return ledger.Settings{Timezone: ledger.UTC} },
			Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
		})
		if err != nil {
			b.Fatal(err)
		}
		site := httptest.NewServer(handler)
		b.Cleanup(site.Close)
		run(b, func(int) func() error {
			conn, err := net.Dial("tcp", site.Listener.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = conn.Close() })
			answers := bufio.NewReader(conn)
			return func() error {
				t := transaction()
				body := fmt.Sprintf(`[{"ref":%q,"origin":%q,"at":%q,"source":%q,"postings":[{"account":%q,"amount":%d},{"account":%q,"amount":%d}]}]`,
					t.Ref, t.Origin, t.At.Format(time.RFC3339Nano), t.Source, t.Postings[0].Account, t.Postings[0].Amount, t.Postings[1].Account, t.Postings[1].Amount)
				return exchange(conn, answers, fmt.Appendf(nil, "POST /api/v1/transactions HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", key, len(body), body))
			}
		})
	})
	report, err := l.Verify(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for _, d := range report.Differences {
		b.Error(d)
	}
}
