package aggregates

import (
	"testing"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func TestALedgerOfBalancesAloneIsToldFromOneWithPayments(t *testing.T) {
	db, w := testkit.Postgres(t), windowAt(at(t, "03-11 10:30"))
	only := func() bool {
		t.Helper()
		p, err := computeProfile(t.Context(), db, w, NoParams{})
		if err != nil {
			t.Fatal(err)
		}
		return p.BalancesOnly
	}
	if only() {
		t.Error("an empty ledger is one of balances alone")
	}
	r := record{accounts: map[string]ledger.Account{}}
	b := r.batch()
	b.Accounts = []ledger.Account{{Ref: "ann", Kind: ledger.Personal}, {Ref: "bob", Kind: ledger.Personal}}
	b.Observations = []ledger.Observation{{Origin: "test", Account: "ann", At: at(t, "03-10 12:00"), Balance: 100}}
	appendBatch(t, db, b)
	if !only() {
		t.Error("a ledger of observed balances is not one of balances alone")
	}
	appendBatch(t, db, ledger.Batch{Transactions: []ledger.Transaction{{Origin: "test", Ref: "1", At: at(t, "03-10 13:00"), Source: "pay",
		Postings: []ledger.Posting{{Account: "ann", Amount: -1}, {Account: "bob", Amount: 1}}}}})
	if only() {
		t.Error("a ledger with a payment is one of balances alone")
	}
}
