package ledger_test

import (
	"testing"
	"time"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func TestSpanIsTheHoursOfTheFirstAndLastTransaction(t *testing.T) {
	l := ledger.New(testkit.Postgres(t))
	if _, _, ok, err := l.Span(t.Context()); ok || err != nil {
		t.Errorf("Span of an empty ledger = %v, %v, want none", ok, err)
	}
	b := village()
	for i, ref := range []string{"middle", "early", "late"} {
		at := noon.Add([]time.Duration{0, -50 * time.Hour, 90 * time.Minute}[i])
		b.Transactions = append(b.Transactions, transaction(ref, at, ledger.Posting{"ann", -1}, ledger.Posting{"bob", 1}))
	}
	if _, err := l.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	first, last, ok, err := l.Span(t.Context())
	wantFirst, wantLast := noon.Add(-50*time.Hour).Truncate(time.Hour), noon.Add(90*time.Minute).Truncate(time.Hour)
	if !ok || err != nil || !first.Equal(wantFirst) || !last.Equal(wantLast) {
		t.Errorf("Span = %v to %v, %v, %v; want %v to %v", first, last, ok, err, wantFirst, wantLast)
	}
}
