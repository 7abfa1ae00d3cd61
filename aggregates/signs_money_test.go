package aggregates

import (
	"fmt"
	"math"
	"testing"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func signOf(t *testing.T, v *Soundness, name string) Sign {
	t.Helper()
	for _, s := range v.Signs {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("there is no sign %s", name)
	return Sign{}
}

// What is wrong with the books is a part of the change that nothing explains. In
// the village 60 are created and 20 destroyed in 30 days, and 1000 before them.
func TestAnUnexplainedChangeIsSeen(t *testing.T) {
	for damage, want := range map[string]struct {
		now   float64
		state State
	}{
		`SELECT`: {1, StateGood},
		`UPDATE balances SET balance = balance + 20 WHERE account = (SELECT id FROM accounts WHERE ref = 'ann')`: {80.0 / 100, StateBad},
		`UPDATE flow_hours SET volume = volume - 10 WHERE from_issuer AND hour >= '2026-03-01'`:                  {70.0 / 80, StateBad},
		`UPDATE flow_hours SET volume = volume * 1000 WHERE from_issuer <> to_issuer AND hour >= '2026-03-01';
			UPDATE balances SET balance = balance + CASE WHEN issuer THEN -39959 ELSE 39959 END FROM accounts
			WHERE id = account AND ref IN ('ann', 'mint');
			UPDATE account_days SET sent = sent + 39959 WHERE day = '2026-03-04' AND account = (SELECT id FROM accounts WHERE ref = 'mint')`: {80000.0 / 80001, StateWatch},
		// What is known from balances alone is no error, and nobody can say what it was.
		`UPDATE flow_hours SET source = 'observed-change' WHERE to_issuer AND hour >= '2026-03-01'`: {60.0 / 80, StateBad},
	} {
		db, w := village(t)
		if _, err := db.Exec(t.Context(), damage); err != nil {
			t.Fatal(err)
		}
		v, err := ComputeSoundness(t.Context(), db, w, nil)
		if err != nil {
			t.Fatal(err)
		}
		if s := signOf(t, v, "explained"); s.Now == nil || math.Abs(*s.Now-want.now) > 1e-9 || s.State != want.state {
			t.Errorf("after %s: explained %+v, want %v and %s", damage, s, want.now, want.state)
		}
	}
}

// The change of a month before is judged by what its own days say.
func TestTheMonthBeforeIsExplainedByItself(t *testing.T) {
	for damage, want := range map[string]float64{
		`SELECT`: 1,
		`UPDATE flow_hours SET volume = volume + 250 WHERE from_issuer AND hour < '2026-02-09'`: 1250.0 / 1500,
		`UPDATE flow_hours SET volume = volume + 250 WHERE from_issuer AND hour > '2026-02-10'`: 1,
	} {
		db, _ := village(t)
		w := windowAt(at(t, "03-11 10:30"))
		w.Start = at(t, "03-10 23:30").AddDate(0, 0, -1)
		appendBatch(t, db, ledger.Batch{Transactions: []ledger.Transaction{{Origin: "test", Ref: "old", At: at(t, "01-01 00:10"), Source: "test",
			Postings: []ledger.Posting{{Account: "ann", Amount: -1}, {Account: "bob", Amount: 1}}}}})
		if _, err := db.Exec(t.Context(), damage); err != nil {
			t.Fatal(err)
		}
		v, err := ComputeSoundness(t.Context(), db, w, nil)
		if err != nil {
			t.Fatal(err)
		}
		if s := signOf(t, v, "explained"); s.Before == nil || math.Abs(*s.Before-want) > 1e-9 {
			t.Errorf("after %s: explained %+v, 30 days ago want %v", damage, s, want)
		}
	}
}

// Prices are those of several items, or nothing is said of them.
func TestFewPricesAreNotJudged(t *testing.T) {
	for items, want := range map[int]State{4: StateNone, 5: StateBad} {
		db := testkit.Postgres(t)
		r := record{accounts: map[string]ledger.Account{}}
		b := r.batch()
		b.Accounts = []ledger.Account{{Ref: "ann", Kind: ledger.Personal}, {Ref: "bob", Kind: ledger.Personal}}
		for day := range 2 {
			moment := plus(at(t, "03-08 12:00"), day)
			b.Transactions = append(b.Transactions, ledger.Transaction{Origin: "test", Ref: fmt.Sprint(day), At: moment, Source: "test",
				Postings: []ledger.Posting{{Account: "ann", Amount: -1}, {Account: "bob", Amount: 1}}})
			for i := range items {
				ref := fmt.Sprint("i", i)
				if day == 0 {
					b.Items = append(b.Items, ledger.Item{Ref: ref, Name: ref})
				}
				b.Sales = append(b.Sales, ledger.Sale{Origin: "test", Ref: fmt.Sprint(day, ref), At: moment, Item: ref,
					Direction: ledger.DirectionSale, Quantity: 1, Total: int64(100 + 50*day)})
			}
		}
		appendBatch(t, db, b)
		v, err := ComputeSoundness(t.Context(), db, windowAt(at(t, "03-11 10:30")), nil)
		if err != nil {
			t.Fatal(err)
		}
		if s := signOf(t, v, "prices"); s.Now == nil || math.Abs(*s.Now-0.5) > 1e-9 || s.State != want || v.PricedItems != int64(items) {
			t.Errorf("%d items dearer by a half: %+v, want %s", items, s, want)
		}
	}
}
