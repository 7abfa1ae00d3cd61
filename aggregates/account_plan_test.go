package aggregates

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// Of an account among many, indexes are read only, and no more postings than are
// shown.
func TestAnAccountReadsIndexes(t *testing.T) {
	testkit.NotOnCitus(t, "the plan of a node is not in that of the coordinator")
	db := testkit.Postgres(t)
	appendBatch(t, db, ledger.Batch{
		Accounts: []ledger.Account{{Ref: "ann", Kind: ledger.Personal, Opened: at(t, "01-01 00:00")}, {Ref: "mint", Kind: ledger.System, Opened: at(t, "01-01 00:00")}},
		Transactions: []ledger.Transaction{{Origin: "o", Ref: "first", At: at(t, "02-01 00:00"), Source: "s", Postings: []ledger.Posting{
			{Account: "ann", Amount: 5}, {Account: "mint", Amount: -5}}}},
	})
	const fill = `
		INSERT INTO accounts SELECT n, 'r' || n, 'personal', 'Name ' || n, 'r' || n, now(), NULL, false, '' FROM generate_series(10, 8000) n;
		INSERT INTO balances SELECT n, 5, '2026-02-01', 1, '2026-02-01' FROM generate_series(10, 8000) n;
		INSERT INTO transactions SELECT n, timestamptz '2026-02-01' + n * interval '1 second', 's', '', 'o', n::text FROM generate_series(10, 16000) n;
		INSERT INTO postings SELECT n % 7000 + 10, timestamptz '2026-02-01' + n * interval '1 second', n, 1, 5 FROM generate_series(10, 16000) n;
		INSERT INTO account_days SELECT account, at::date + (transaction % 30)::int, sum(amount), 0, count(*) FROM postings WHERE account > 9 GROUP BY 1, 2;
		INSERT INTO counterparty_days SELECT n % 7000 + 10, n % 500 + 7300, 1, date '2026-02-01' + n % 30, 0, 5 FROM generate_series(1, 16000) n ON CONFLICT DO NOTHING;
		ANALYZE;`
	if _, err := db.Exec(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	w := windowAt(at(t, "03-01 10:00"))
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	p := &planned{Tx: tx}
	s := spanOf(w, 30, at(t, "02-01 00:00"), at(t, "03-01 09:00"))
	v, a := &AccountSides{}, &Account{Holder: "r77", Kind: ledger.Personal, Population: PopulationPersonal}
	if err := v.fill(t.Context(), p, s, 77); err != nil {
		t.Fatal(err)
	}
	if err := a.fill(t.Context(), p, s, []int64{77}); err != nil {
		t.Fatal(err)
	}
	if len(p.plans) < 6 {
		t.Errorf("%d plans", len(p.plans))
	}
	for _, plan := range p.plans {
		for _, table := range []string{"accounts", "balances", "transactions", "postings", "account_days", "counterparty_days"} {
			if strings.Contains(plan, "Seq Scan on "+table) {
				t.Errorf("the plan scans %s:\n%s", table, plan)
			}
		}
	}
}

func (p *planned) QueryRow(ctx context.Context, query string, args ...any) pgx.Row {
	rows, err := p.Query(ctx, query, args...)
	if err == nil {
		rows.Close()
	}
	return p.Tx.QueryRow(ctx, query, args...)
}

// A hidden counterparty is one of an unnamed row.
func TestHiddenCounterpartiesAreOneRow(t *testing.T) {
	db, w := village(t)
	appendBatch(t, db, ledger.Batch{Holders: []ledger.Holder{{Ref: "ann", Name: "Ann Fenwick", Hidden: true}}})
	v, err := ComputeAccountSides(t.Context(), db, w, AccountQuery{"town", 30})
	if err != nil {
		t.Fatal(err)
	}
	// 300 to Ann, and 10 from her second account.
	if v.Hidden.Sent != sumOf(300) || v.Hidden.Received != sumOf(10) || v.Hidden.Number != 2 || v.Counterparties != 3 {
		t.Errorf("hidden %+v of %d counterparties, want 300 sent and 10 received of 3", v.Hidden, v.Counterparties)
	}
	text, err := json.Marshal([]any{v, v.PartiesTable()})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "ann") || strings.Contains(string(text), "Fenwick") {
		t.Errorf("Ann is named in %s", text)
	}
	if hers, err := ComputeAccountSides(t.Context(), db, w, AccountQuery{"ann2", 30}); hers != nil || err != nil {
		t.Errorf("her sides are %+v, %v, want none", hers, err)
	}
}
