package bench

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"exchequer/aggregates"
	"exchequer/internal/postgres"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

const (
	abuseAccounts  = 300_000
	abuseTransfers = 20_000
)

// largeLedger returns the URL of a database on a server of its own, with accounts
// that received money in the last 30 days and transfers between them, all written by
// the program's own write path.
func largeLedger(b *testing.B) string {
	b.Helper()
	began := time.Now()
	server := testkit.OwnPostgres(b)
	db, err := postgres.Open(b.Context(), server.URL, postgres.Options{StatementTimeout: -1})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	l := ledger.New(db)
	random := rand.New(rand.NewPCG(1, 2))
	now := time.Now().UTC()
	start := now.AddDate(0, 0, -29).Truncate(24 * time.Hour)
	const transactions = abuseAccounts + abuseTransfers
	step := now.Add(-time.Minute).Sub(start) / transactions
	const mint = "mint"
	batch := ledger.Batch{Accounts: []ledger.Account{{Ref: mint, Kind: ledger.System, Opened: start}}}
	for i := range transactions {
		at, from, to, amount, source := start.Add(time.Duration(i)*step), mint, "", 1+random.Int64N(100_000), "grant"
		if i < abuseAccounts {
			to = accountRef(i)
			batch.Accounts = append(batch.Accounts, ledger.Account{
				Ref: to, Kind: ledger.Personal, Name: fmt.Sprint("Player ", i), Opened: at,
			})
		} else {
			payer := random.IntN(abuseAccounts)
			from, to = accountRef(payer), accountRef((payer+1+random.IntN(abuseAccounts-1))%abuseAccounts)
			amount, source = 1+amount/100, "shop"
		}
		batch.Transactions = append(batch.Transactions, ledger.Transaction{
			Origin: "bench", Ref: fmt.Sprint(i), At: at, Source: source,
			Postings: []ledger.Posting{{Account: from, Amount: -amount}, {Account: to, Amount: amount}},
		})
		if len(batch.Transactions) == 20_000 || i == transactions-1 {
			if _, err := l.Append(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
			batch = ledger.Batch{}
		}
	}
	if _, err := aggregates.UpdateSnapshots(b.Context(), db, now, aggregates.DefaultExact); err != nil {
		b.Fatal(err)
	}
	if _, err := db.Exec(b.Context(), "VACUUM (ANALYZE)"); err != nil {
		b.Fatal(err)
	}
	if _, err := db.Exec(b.Context(), "CHECKPOINT"); err != nil {
		b.Fatal(err)
	}
	b.Logf("%d accounts and %d transactions made in %s", abuseAccounts, transactions, time.Since(began).Round(time.Second))
	return server.URL
}
