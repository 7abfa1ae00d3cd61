package ledger_test

import (
	"testing"
	"time"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func TestSpanIsTheHoursOfTheFirstAndLastTransaction(t *testing.T) {
	l := ledger.New(testkit.Postgres(t))
	if _, _, any, err := l.Span(t.Context()); any || err != nil {
		t.Errorf("Span of an empty ledger = %v, %v, want none", any, err)
	}
	b := village()
	for i, ref := range []string{"middle", "early", "late"} {
		at := noon.Add([]time.Duration{0, -50 * time.Hour, 90 * time.Minute}[i])
		b.Transactions = append(b.Transactions, transaction(ref, at, ledger.Posting{"ann", -1}, ledger.Posting{"bob", 1}))
	}
	if _, err := l.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	first, last, any, err := l.Span(t.Context())
	wantFirst, wantLast := noon.Add(-50*time.Hour).Truncate(time.Hour), noon.Add(90*time.Minute).Truncate(time.Hour)
	if !any || err != nil || !first.Equal(wantFirst) || !last.Equal(wantLast) {
		t.Errorf("Span = %v to %v, %v, %v; want %v to %v", first, last, any, err, wantFirst, wantLast)
	}
}
