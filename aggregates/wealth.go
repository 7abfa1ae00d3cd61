package aggregates

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

// WealthByKind is what each kind of account holds. System accounts are listed
// with their negative sum, which is the supply.
type WealthByKind struct {
	Basis
	Supply int64        `json:"supply"`
	Kinds  []KindWealth `json:"kinds"`
}

// KindWealth is one kind's accounts and their sum. Share is of the supply; 0,
// and without meaning, where that is not positive.
type KindWealth struct {
	Kind     ledger.Kind `json:"kind"`
	Accounts int64       `json:"accounts"`
	Archived int64       `json:"archived"` // of them; their balances are included
	Total    int64       `json:"total"`
	Share    float64     `json:"share"`
}

// ComputeWealthByKind reads what each kind of account holds.
func ComputeWealthByKind(ctx context.Context, db *pgxpool.Pool, w cache.Window, _ NoParams) (*WealthByKind, error) {
	v := &WealthByKind{}
	if err := v.read(ctx, db, w, 0, v.fill); err != nil {
		return nil, fmt.Errorf("wealth by kind: %w", err)
	}
	return v, nil
}

func (v *WealthByKind) fill(ctx context.Context, tx pgx.Tx, s span) error {
	const query = `
		SELECT kind, count(*), count(*) FILTER (WHERE archived <= $1), coalesce(sum(balance), 0)::bigint
		FROM accounts LEFT JOIN balances ON account = id
		GROUP BY kind`
	rows, _ := tx.Query(ctx, query, s.End)
	found := map[ledger.Kind]KindWealth{}
	var k KindWealth
	_, err := pgx.ForEachRow(rows, []any{&k.Kind, &k.Accounts, &k.Archived, &k.Total}, func() error {
		found[k.Kind] = k
		return nil
	})
	if err != nil {
		return err
	}
	for kind, k := range found {
		if kind != ledger.System {
			v.Supply += k.Total
		}
	}
	for _, kind := range ledger.Kinds() {
		k := found[kind]
		k.Kind = kind
		k.Share = share(k.Total, v.Supply)
		v.Kinds = append(v.Kinds, k)
	}
	return nil
}

// share returns part over supply, 0 where the supply is not positive.
func share(part, supply int64) float64 {
	if supply <= 0 {
		return 0
	}
	return float64(part) / float64(supply)
}

// shareCell returns the share for a table, nil where it is not available.
func shareCell(part, supply int64) any {
	if supply <= 0 {
		return nil
	}
	return share(part, supply)
}

// Table has one row a kind.
func (v *WealthByKind) Table() Table {
	t := Table{Columns: []Column{
		{"kind", "Kind", Text}, {"accounts", "Accounts", Count}, {"archived", "Of them archived", Count},
		{"total", "Balance", Money}, {"share", "Share of the supply", Percent},
	}}
	for _, k := range v.Kinds {
		t.Rows = append(t.Rows, []any{string(k.Kind), k.Accounts, k.Archived, k.Total, shareCell(k.Total, v.Supply)})
	}
	return t
}
