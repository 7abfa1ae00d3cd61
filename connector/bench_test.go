package connector_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"exchequer/internal/testkit"
)

// The first run over a ledger of 500,000 postings, until it is in step and compared.
func BenchmarkFirstRun(b *testing.B) {
	const postings = 500_000
	game := newTreasury(b, 1000)
	game.Exec(`DROP TRIGGER trg_postings_ai;
		INSERT INTO ledger_txns (txn_id, settlement_time, message, initiator_uuid_bin, plugin_system)
			SELECT seq, TIMESTAMP('2026-01-01') + INTERVAL seq * 20 SECOND, 'payment', '', ELT(1 + seq % 3, 'pay', 'shop', 'tax') FROM seq_1_to_250000;
		INSERT INTO ledger_postings (txn_id, account_id, amount) SELECT seq, 10 + seq % 1000, -(seq % 977 + 1) / 100 FROM seq_1_to_250000;
		INSERT INTO ledger_postings (txn_id, account_id, amount) SELECT seq, 10 + (seq * 7 + 3) % 1000, (seq % 977 + 1) / 100 FROM seq_1_to_250000;
		INSERT INTO account_balances_mat (account_id, balance) SELECT account_id, SUM(amount) FROM ledger_postings GROUP BY account_id`)
	for b.Loop() {
		db := testkit.Postgres(b)
		began := time.Now()
		syncOnce(b, db, "treasury", treasuryURL(game.Addr))
		b.ReportMetric(postings/time.Since(began).Seconds(), "postings/s")
		if got := lines(b, db, `SELECT concat_ws(' ', accounts, drifting, (SELECT count(*) FROM sync_rejects)) FROM sync_sources`); got != "1003 0 0" {
			b.Errorf("accounts, those that differ, rows left out: %s", got)
		}
	}
}

// A game server that writes 2,000 transactions a second, 20 in a commit, for a minute
// while it is followed. Lag: from the commit there to when the transactions are here.
func BenchmarkFollow(b *testing.B) {
	const players, perCommit, commits, lasts = 1000, 20, 100, time.Minute
	for b.Loop() {
		game, db := newTreasury(b, players), testkit.Postgres(b)
		ctx, stop := context.WithCancel(b.Context())
		var following, writing sync.WaitGroup
		following.Go(func() { follower(b, db, "treasury", treasuryURL(game.Addr)).Follow(ctx) })

		type commit struct {
			last int64 // id
			at   time.Time
		}
		var ids atomic.Int64
		done := make(chan commit, commits*int(lasts.Seconds())+1)
		began := time.Now()
		for half := range 2 { // two connections
			writing.Go(func() {
				for i := half; i < commits*int(lasts.Seconds()); i += 2 {
					time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / commits)))
					last := ids.Add(perCommit)
					var txns, postings []string
					for id := last - perCommit + 1; id <= last; id++ {
						from, to, cents := rand.IntN(players), 1+rand.IntN(players-1), 1+rand.IntN(1000)
						txns = append(txns, fmt.Sprintf("(%d, 'payment', '', 'pay')", id))
						postings = append(postings, fmt.Sprintf("(%d, %d, -%.2f), (%d, %d, %.2f)", id, 10+from, float64(cents)/100, id, 10+(from+to)%players, float64(cents)/100))
					}
					for {
						_, err := game.DB.ExecContext(ctx, `START TRANSACTION;
							INSERT INTO ledger_txns (txn_id, message, initiator_uuid_bin, plugin_system) VALUES `+strings.Join(txns, ", ")+`;
							INSERT INTO ledger_postings (txn_id, account_id, amount) VALUES `+strings.Join(postings, ", ")+`; COMMIT`)
						if err == nil {
							break
						}
						if !strings.Contains(err.Error(), "Deadlock") { // of balances, which is rolled back
							b.Error(err)
							return
						}
					}
					done <- commit{last, time.Now()}
				}
			})
		}
		go func() { writing.Wait(); close(done) }()

		var lags []time.Duration
		var waiting []commit
		written := time.Duration(0)
		for open := true; open || len(waiting) > 0; time.Sleep(10 * time.Millisecond) {
			for more := open; more; {
				select {
				case c, is := <-done:
					if open, more = is, is; is {
						waiting, written = append(waiting, c), c.at.Sub(began)
					}
				default:
					more = false
				}
			}
			var high int64
			if err := db.QueryRow(ctx, `SELECT coalesce(max(high), 0) FROM sync_streams WHERE stream = 'ledger_postings'`).Scan(&high); err != nil {
				b.Fatal(err)
			}
			now := time.Now()
			waiting = slices.DeleteFunc(waiting, func(c commit) bool {
				if c.last <= high {
					lags = append(lags, now.Sub(c.at))
				}
				return c.last <= high
			})
		}
		stop()
		following.Wait()
		slices.Sort(lags)
		b.ReportMetric(float64(ids.Load())/written.Seconds(), "transactions/s")
		for name, share := range map[string]float64{"p50-ms": .5, "p99-ms": .99, "worst-ms": 1} {
			b.ReportMetric(float64(lags[int(share*float64(len(lags)-1))].Milliseconds()), name)
		}
		syncOnce(b, db, "treasury", treasuryURL(game.Addr))
		if got, want := lines(b, db, `SELECT concat_ws(' ', accounts, drifting, (SELECT count(*) FROM sync_rejects), (SELECT count(*) FROM transactions)) FROM sync_sources`), fmt.Sprintf("%d 0 0 %d", players+3, ids.Load()); got != want {
			b.Errorf("accounts, those that differ, rows left out and transactions: %s, want %s", got, want)
		}
	}
}
