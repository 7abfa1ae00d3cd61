package ledger_test

import (
	"testing"
	"time"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func TestAPaymentIsFoundByItsMessage(t *testing.T) {
	l := ledger.New(testkit.Postgres(t))
	now := time.Now().UTC().Truncate(time.Second)
	pay := func(ref, from, to, message string, at time.Time) ledger.Transaction {
		return ledger.Transaction{Origin: "test", Ref: ref, At: at, Source: "pay", Message: message,
			Postings: []ledger.Posting{{Account: from, Amount: -1}, {Account: to, Amount: 1}}}
	}
	if _, err := l.Append(t.Context(), ledger.Batch{
		Accounts: []ledger.Account{{Ref: "ann", Kind: ledger.Personal}, {Ref: "bob", Kind: ledger.Personal}},
		Transactions: []ledger.Transaction{
			pay("1", "ann", "bob", "for you: ex-abc1", now.Add(-time.Hour)),
			pay("2", "bob", "ann", "EX-DEF2", now.Add(-time.Hour)),
			pay("3", "ann", "bob", "EX-GHI3", now.Add(-48*time.Hour)),
		},
	}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		account, text string
		want          bool
	}{
		"its own, in other letters":        {"ann", "EX-ABC1", true},
		"one that it received":             {"ann", "EX-DEF2", false},
		"an older one":                     {"ann", "EX-GHI3", false},
		"a text that means something else": {"ann", "ex-%", false},
		"of an account that is not there":  {"carl", "EX-ABC1", false},
	} {
		if paid, err := l.PaidWith(t.Context(), c.account, c.text, now.Add(-24*time.Hour)); err != nil || paid != c.want {
			t.Errorf("%s: %v, %v; want %v", name, paid, err, c.want)
		}
	}
}
