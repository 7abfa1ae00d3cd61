package aggregates

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// TestSharedBalancesAreThoseOfTheLedger asks twice while another producer runs, and
// once after a payment.
func TestSharedBalancesAreThoseOfTheLedger(t *testing.T) {
	db, w := village(t)
	balances := &balanceShare{}
	read := sharing(balances, func(ctx context.Context, _ cache.Window, _ NoParams) (sheet *balanceSheet, err error) {
		err = pgx.BeginTxFunc(ctx, db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) (err error) {
			sheet, err = readBalances(ctx, tx)
			return err
		})
		return sheet, err
	})
	var first *balanceSheet
	alongside := sharing(balances, func(ctx context.Context, w cache.Window, p NoParams) (bool, error) {
		first = must(read(ctx, w, p))
		return must(read(ctx, w, p)) == first, nil
	})
	if !must(alongside(t.Context(), w, NoParams{})) {
		t.Error("a producer of the same moment read the balances again")
	}
	if balances.last != nil {
		t.Error("balances are kept that no producer needs")
	}
	const pay = `UPDATE balances SET balance = balance + 5 WHERE account = (SELECT min(id) FROM accounts JOIN balances ON account = id WHERE NOT issuer)`
	if _, err := db.Exec(t.Context(), pay); err != nil {
		t.Fatal(err)
	}
	before, _ := first.supply()
	after, _ := must(read(t.Context(), w, NoParams{})).supply()
	if after != before.Add(5) {
		t.Errorf("after a payment of 5 the others hold %s, before it %s", after, before)
	}
}

// A process does not read more balances than it has memory for, whether Postgres knows
// how many there are or not.
func TestTooManyBalancesAreNotRead(t *testing.T) {
	db, _ := village(t)
	for _, analyze := range []bool{false, true} {
		if analyze {
			if _, err := db.Exec(t.Context(), "ANALYZE balances"); err != nil {
				t.Fatal(err)
			}
		}
		tx, err := db.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all, err := readBalancesAlone(t.Context(), tx, math.MaxInt)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := readBalancesAlone(t.Context(), tx, len(all.accounts)); err != nil {
			t.Errorf("so many balances as may be read = %v", err)
		}
		if _, err := readBalancesAlone(t.Context(), tx, len(all.accounts)-1); !errors.Is(err, errTooManyBalances) {
			t.Errorf("one balance more than may be read = %v", err)
		}
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if most := mostRead(ExactUpTo(1 << 40).within(t.Context())); most < mostRead(t.Context()) {
		t.Errorf("a ledger that is to be read exactly is read up to %d balances", most)
	}
}

// TestBalancesAreThoseOfTheirAccounts reads tables whose rows are in no order, with
// accounts that were never used and a balance without an account.
func TestBalancesAreThoseOfTheirAccounts(t *testing.T) {
	db := testkit.Postgres(t)
	for _, query := range []string{
		`INSERT INTO accounts (id, ref, kind, issuer, name, holder, opened, archived)
			SELECT id, 'a' || id, CASE WHEN id % 3 = 0 THEN 'business' ELSE 'personal' END, id = 7, '', 'h' || id % 5, '2026-01-01',
				CASE WHEN id % 4 = 0 THEN timestamptz '2026-01-02' END
			FROM generate_series(1, 40) AS id ORDER BY id * 17 % 41`,
		`INSERT INTO balances (account, balance, postings, first_at, last_at)
			SELECT id, id * 100, id, timestamptz '2026-01-01' + id * interval '1 hour', timestamptz '2026-01-03' + id * interval '1 hour'
			FROM generate_series(2, 50, 2) AS id ORDER BY id * 19 % 51`,
	} {
		if _, err := db.Exec(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	var sheet *balanceSheet
	err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) (err error) {
		sheet, err = readBalances(t.Context(), tx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(sheet.accounts) != 20 || sheet.holders != 5 {
		t.Fatalf("%d balances of %d holders, want those of the 20 used accounts, of 5", len(sheet.accounts), sheet.holders)
	}
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	numbers := map[int64]int{} // of holders, by what their accounts leave over
	for _, a := range sheet.accounts {
		id := a.account
		number, seen := numbers[id%5]
		if !seen {
			number = a.holder
			numbers[id%5] = number
		}
		want := holding{id, number, ledger.Personal, id == 7, id * 100, id,
			began.Add(time.Duration(id) * hour).UnixMicro(), began.Add(time.Duration(id)*hour + 2*day).UnixMicro(), math.MaxInt64}
		if id%3 == 0 {
			want.kind = ledger.Business
		}
		if id%4 == 0 {
			want.archived = began.Add(day).UnixMicro()
		}
		if a != want {
			t.Errorf("account %d: %+v, want %+v", id, a, want)
		}
	}
}

func TestAHolderHasWhatHisAccountsHave(t *testing.T) {
	end := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	never, gone := int64(1<<62), end.UnixMicro()
	sheet := &balanceSheet{holders: 2, accounts: []holding{
		{holder: 0, kind: "personal", balance: 7, postings: 1, last: -5, archived: never},
		{holder: 0, kind: "business", balance: 1, postings: 2, last: -9, archived: never},
		{holder: 0, kind: "personal", balance: 100, postings: 4, last: 50, archived: gone},
		{holder: 1, kind: "system", issuer: true, balance: -108, postings: 7, last: 50, archived: never},
	}}
	want := []holderHolding{{accounts: 2, balance: ledger.SumOf(8), postings: 3, last: -5}, {}}
	for i, got := range sheet.byHolder(end, nil) {
		if got != want[i] {
			t.Errorf("holder %d: %+v, want %+v", i, got, want[i])
		}
	}
	if held, issued := sheet.supply(); held != issued || held != ledger.SumOf(108) {
		t.Errorf("held %s, issued %s, want 108 of both", held, issued)
	}
}
