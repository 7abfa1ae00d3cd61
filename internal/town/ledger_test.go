package town_test

import (
	"testing"
	"time"

	"exchequer/internal/testkit"
	"exchequer/internal/town"
	"exchequer/ledger"
)

func TestTheLedgerTakesTheTown(t *testing.T) {
	record := ledger.New(testkit.Postgres(t))
	c := town.Config{Seed: 1, Players: 200, Days: 20, End: time.Now()}
	write := func() (total ledger.Written) {
		t.Helper()
		w := town.New(c)
		if err := record.SetSettings(t.Context(), w.Settings()); err != nil {
			t.Fatal(err)
		}
		err := w.History(t.Context(), func(b ledger.Batch) error {
			written, err := record.Append(t.Context(), b)
			total.Transactions += written.Transactions
			total.Postings += written.Postings
			total.Sales += written.Sales
			total.SkippedTransactions += written.SkippedTransactions
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return total
	}
	began := time.Now()
	first := write()
	took := time.Since(began)
	t.Logf("%d postings in %v", first.Postings, took.Round(time.Millisecond))

	var err error
	if c.Start, c.Since, _, err = record.Span(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.End = time.Now()
	again := write()
	if again.SkippedTransactions == 0 || again.Transactions > first.Transactions/100 {
		t.Errorf("the second start wrote %+v, want only what happened since", again)
	}
	report, err := record.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !report.OK() || report.Transactions != int64(first.Transactions+again.Transactions) {
		t.Errorf("the books after both: %d transactions, differences: %v", report.Transactions, report.Differences)
	}
}
