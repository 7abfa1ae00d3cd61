package ledger_test

import (
	"testing"
	"time"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func TestLastTransactionAt(t *testing.T) {
	l := ledger.New(testkit.Postgres(t))
	if at, ok, err := l.LastTransactionAt(t.Context()); ok || err != nil {
		t.Errorf("LastTransactionAt of an empty ledger = %v, %v, %v", at, ok, err)
	}
	b := village()
	for i, ref := range []string{"early", "late", "middle"} {
		at := noon.Add([]time.Duration{0, 1999 * time.Nanosecond, time.Microsecond}[i])
		b.Transactions = append(b.Transactions, transaction(ref, at, ledger.Posting{"ann", -1}, ledger.Posting{"bob", 1}))
	}
	if _, err := l.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	at, ok, err := l.LastTransactionAt(t.Context())
	if want := noon.Add(time.Microsecond); !ok || err != nil || !at.Equal(want) || at.Location() != time.UTC {
		t.Errorf("LastTransactionAt = %v, %v, %v, want %v", at, ok, err, want)
	}
}
