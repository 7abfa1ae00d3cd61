package aggregates

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

// WealthByKind is what each kind of account holds, issuers apart. The sum of the
// issuers' balances is minus the supply.
type WealthByKind struct {
	Basis
	Supply ledger.Sum   `json:"supply"`
	Kinds  []KindWealth `json:"kinds"` // issuers of a kind after the others of it
}

// KindWealth is the accounts of one kind, or the issuers among them, and their sum.
// Share is of the supply; 0, and without meaning, where that is not positive.
type KindWealth struct {
	Kind     ledger.Kind `json:"kind"`
	Issuer   bool        `json:"issuer"`
	Accounts int64       `json:"accounts"`
	Archived int64       `json:"archived"` // of them; their balances are included
	Total    ledger.Sum  `json:"total"`
	Share    float64     `json:"share"`
}

// ComputeWealthByKind reads what each kind of account holds.
func ComputeWealthByKind(ctx context.Context, db *pgxpool.Pool, w cache.Window, _ NoParams) (*WealthByKind, error) {
	return ComputePastWealthByKind(ctx, db, w, AsOf[NoParams]{})
}

// ComputePastWealthByKind reads what each kind of account held at the end of a day.
func ComputePastWealthByKind(ctx context.Context, db *pgxpool.Pool, w cache.Window, q AsOf[NoParams]) (*WealthByKind, error) {
	v := &WealthByKind{}
	if err := v.readAsOf(ctx, db, w, 0, q.At, v.fill); err != nil {
		return nil, fmt.Errorf("wealth by kind: %w", err)
	}
	return v, nil
}

func (v *WealthByKind) fill(ctx context.Context, tx pgx.Tx, s span) error {
	sums, err := readSums(ctx, tx, s)
	if err != nil {
		return err
	}
	if sums != nil {
		v.fillTotals(sums)
		return nil
	}
	all, err := balancesOf(ctx, tx, s)
	if err != nil {
		return err
	}
	type group = kindGroup
	totals := map[group]ledger.Sum{}
	for i := range all.accounts {
		a := &all.accounts[i]
		of := group{a.kind, a.issuer}
		totals[of] = totals[of].Add(a.balance)
	}
	found := map[group]KindWealth{}
	if s.Past { // those that were used by then
		for i := range all.accounts {
			a := &all.accounts[i]
			of := group{a.kind, a.issuer}
			k := found[of]
			k.Accounts++
			k.Archived += int64(one(a.archived <= s.archivedBy().UnixMicro()))
			found[of] = k
		}
	} else {
		// Accounts count also if they were never used.
		const query = `SELECT kind, issuer, count(*), count(*) FILTER (WHERE archived <= $1) FROM accounts GROUP BY kind, issuer`
		rows, _ := tx.Query(ctx, query, s.archivedBy())
		var k KindWealth
		if _, err := pgx.ForEachRow(rows, []any{&k.Kind, &k.Issuer, &k.Accounts, &k.Archived}, func() error {
			found[group{k.Kind, k.Issuer}] = k
			return nil
		}); err != nil {
			return err
		}
	}
	for of, k := range found {
		k.Kind, k.Issuer, k.Total = of.kind, of.issuer, totals[of]
		found[of] = k
		if !of.issuer {
			v.Supply = v.Supply.Plus(k.Total)
		}
	}
	v.list(found)
	return nil
}

// A kindGroup is the accounts of a kind, or its issuers.
type kindGroup struct {
	kind   ledger.Kind
	issuer bool
}

// fillTotals reads what the ledger has added up.
func (v *WealthByKind) fillTotals(sums *holderSums) {
	found := map[kindGroup]KindWealth{}
	for _, t := range sums.totals {
		of := kindGroup{t.Kind, t.Issuer}
		k := found[of]
		k.Accounts += t.Accounts
		if t.Archived {
			k.Archived += t.Accounts
		}
		k.Total = k.Total.Plus(t.Balance)
		found[of] = k
		if !t.Issuer {
			v.Supply = v.Supply.Plus(t.Balance)
		}
	}
	v.list(found)
}

// list lists the kinds in their order, when the supply is known.
func (v *WealthByKind) list(found map[kindGroup]KindWealth) {
	for _, kind := range ledger.Kinds() {
		for _, issuer := range []bool{false, true} {
			k, ok := found[kindGroup{kind, issuer}]
			// Without any account, each kind has the row of what it is by default.
			if usual := issuer == (kind == ledger.System); !ok && !usual {
				continue
			}
			k.Kind, k.Issuer = kind, issuer
			k.Share = share(k.Total, v.Supply)
			v.Kinds = append(v.Kinds, k)
		}
	}
}

// share returns part over supply, 0 where the supply is not positive.
func share(part, supply ledger.Sum) float64 {
	if supply.Sign() <= 0 {
		return 0
	}
	return part.Float64() / supply.Float64()
}

// shareCell returns the share for a table, nil where it is not available.
func shareCell(part, supply ledger.Sum) any {
	if supply.Sign() <= 0 {
		return nil
	}
	return share(part, supply)
}

func (k KindWealth) issues() string {
	if k.Issuer {
		return "issuer"
	}
	return ""
}

// Table has one row a kind, and one for the issuers of a kind.
func (v *WealthByKind) Table() Table {
	t := Table{Columns: []Column{
		{"kind", "Kind", Text}, {"accounts", "Accounts", Count}, {"archived", "Of them archived", Count},
		{"total", "Balance", Money}, {"share", "Share of the supply", Percent}, {"issuer", "Issues money", Text},
	}}
	for _, k := range v.Kinds {
		t.Rows = append(t.Rows, []any{string(k.Kind), k.Accounts, k.Archived, k.Total, shareCell(k.Total, v.Supply), k.issues()})
	}
	return t
}
