package bench

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// The peer's ledger: 890,000 postings of 8,630 accounts in 30 days.
const (
	benchAccounts = 8630
	benchInterval = 30 * 24 * time.Hour / 445_000 // between transactions of two legs
)

// BenchmarkAppend writes batches of 10,000 transactions of two legs, in order of
// time, between random accounts, into a ledger that already has 20 such batches. The budget is 60,000 postings/s.
func BenchmarkAppend(b *testing.B) {
	const size, before = 10_000, 20
	l := ledger.New(testkit.Postgres(b))
	accounts := ledger.Batch{Accounts: make([]ledger.Account, benchAccounts)}
	for i := range accounts.Accounts {
		accounts.Accounts[i] = ledger.Account{Ref: accountRef(i), Kind: ledger.Kinds()[i%3]}
	}
	accounts.Accounts[0].Kind = ledger.System
	if _, err := l.Append(b.Context(), accounts); err != nil {
		b.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	at := time.Now().UTC().AddDate(-2, 0, 0)
	next := func() ledger.Batch {
		batch := ledger.Batch{Transactions: make([]ledger.Transaction, size)}
		for i := range batch.Transactions {
			at = at.Add(benchInterval)
			amount := 1 + random.Int64N(10_000)
			from := random.IntN(benchAccounts)
			to := (from + 1 + random.IntN(benchAccounts-1)) % benchAccounts
			batch.Transactions[i] = ledger.Transaction{
				Origin: "bench", Ref: fmt.Sprintf("%016x", random.Uint64()), At: at, Source: sources[random.IntN(len(sources))],
				Message: "for services rendered",
				Postings: []ledger.Posting{
					{Account: accountRef(from), Amount: -amount},
					{Account: accountRef(to), Amount: amount},
				},
			}
		}
		return batch
	}
	for range before {
		if _, err := l.Append(b.Context(), next()); err != nil {
			b.Fatal(err)
		}
	}
	postings := 0
	for b.Loop() {
		b.StopTimer()
		batch := next()
		b.StartTimer()
		written, err := l.Append(b.Context(), batch)
		if err != nil {
			b.Fatal(err)
		}
		postings += written.Postings
	}
	b.ReportMetric(float64(postings)/b.Elapsed().Seconds(), "postings/s")
}

var sources = []string{"shop", "salary", "tax", "rent", "grant", "transfer", "fine", "fee"}

func accountRef(i int) string { return fmt.Sprintf("player-%05d", i) }
