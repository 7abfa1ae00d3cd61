package ledger_test

import (
	"fmt"
	"sync"
	"testing"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// Large batches of the same accounts, each in another order, at once.
func TestWritersOfTheSameAccountsDoNotDeadlock(t *testing.T) {
	const writers, batches, accounts = 4, 4, 1000
	l := ledger.New(testkit.Postgres(t))
	var all ledger.Batch
	for i := range accounts {
		all.Accounts = append(all.Accounts, ledger.Account{Ref: fmt.Sprint(i), Kind: ledger.Personal})
	}
	if _, err := l.Append(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	var writing sync.WaitGroup
	for writer := range writers {
		writing.Go(func() {
			for nr := range batches {
				var b ledger.Batch
				for i := range accounts {
					b.Transactions = append(b.Transactions, transaction(fmt.Sprint(writer, nr, i), noon,
						ledger.Posting{Account: fmt.Sprint((i*7 + writer) % accounts), Amount: 1},
						ledger.Posting{Account: fmt.Sprint((i*11 + nr + 1) % accounts), Amount: -1}))
				}
				if _, err := l.Append(t.Context(), b); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writing.Wait()
	wantSound(t, l)
}
