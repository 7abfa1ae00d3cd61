package aggregates

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

// Followed is how the sources are followed that this ledger is kept in step with, and
// the accounts whose balance here is not that of their source.
type Followed struct {
	Basis
	Sources []FollowedSource `json:"sources" nullable:"false" doc:"By name."`
	Drift   []Drift          `json:"drift" nullable:"false" doc:"The largest differences first, at most 20."`
}

// A FollowedSource is the database of another program.
type FollowedSource struct {
	Name     string     `json:"name"`
	Complete *time.Time `json:"complete" nullable:"true" doc:"All that the source had then is here; null: it was not read to its end yet."`
	Age      *float64   `json:"ageSeconds" nullable:"true" doc:"How long ago that was."`
	Failing  bool       `json:"failing" doc:"The last attempt failed."`
	Compared *time.Time `json:"compared" nullable:"true" doc:"When balances were last compared; null: never."`
	Accounts int64      `json:"accounts" doc:"That were compared."`
	Drifting int64      `json:"drifting" doc:"Of them, those with another balance here."`
	LeftOut  int64      `json:"leftOut" doc:"Rows of the source that could not be read."`
}

// A Drift is an account whose balance here is not that of its source.
type Drift struct {
	Source string      `json:"source"`
	ID     string      `json:"id" doc:"The account's; empty if its holder is hidden, or if it is not here."`
	Name   string      `json:"name"`
	Kind   ledger.Kind `json:"kind"`
	Here   ledger.Sum  `json:"here"`
	There  ledger.Sum  `json:"there"`
	Since  time.Time   `json:"since"`
}

// mostDrift is how many accounts are listed.
const mostDrift = 20

// ComputeFollowed reads how the sources are followed.
func ComputeFollowed(ctx context.Context, db *pgxpool.Pool, w cache.Window, _ NoParams) (*Followed, error) {
	v := &Followed{Basis: Basis{Period: Period{Days: Days(0).Key(), Start: w.Start, End: w.Start}}}
	const sources = `
		SELECT name, complete, CASE WHEN complete IS NOT NULL THEN extract(epoch FROM greatest($1 - complete, interval '0'))::float8 END AS age, failing_since IS NOT NULL AS failing,
			compared, accounts, drifting, (SELECT count(*) FROM sync_rejects r WHERE r.source = s.name) AS left_out
		FROM sync_sources s ORDER BY name`
	const drift = `
		SELECT source, CASE WHEN hidden THEN '' ELSE coalesce(a.ref, '') END AS id,
			CASE WHEN hidden THEN '` + ledger.HiddenName + `' ELSE coalesce(a.name, d.account) END AS name,
			coalesce(a.kind, 'personal') AS kind, ours AS here, theirs AS there, since
		FROM sync_drift d LEFT JOIN accounts a ON a.ref = d.account LEFT JOIN merges m ON m.account = a.id LEFT JOIN accounts t ON t.id = m.target,
			LATERAL (SELECT EXISTS (SELECT FROM holders h WHERE h.hidden AND h.ref IN (coalesce(a.holder, d.account), t.holder)) AS hidden) h
		ORDER BY abs(ours - theirs) DESC, d.account LIMIT $1`
	err := pgx.BeginTxFunc(ctx, db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) (err error) {
		rows, _ := tx.Query(ctx, sources, w.Start)
		if v.Sources, err = pgx.CollectRows(rows, pgx.RowToStructByName[FollowedSource]); err != nil {
			return err
		}
		rows, _ = tx.Query(ctx, drift, mostDrift)
		v.Drift, err = pgx.CollectRows(rows, pgx.RowToStructByName[Drift])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("followed sources: %w", err)
	}
	return v, nil
}

// Table has one row a source.
func (v *Followed) Table() Table {
	t := Table{Columns: []Column{
		{"source", "Source", Text}, {"age", "Age, seconds", Count}, {"failing", "Failing", Text}, {"accounts", "Accounts compared", Count},
		{"drifting", "With another balance", Count}, {"left_out", "Rows left out", Count},
	}}
	for _, s := range v.Sources {
		var age any
		if s.Age != nil {
			age = int64(*s.Age)
		}
		failing := ""
		if s.Failing {
			failing = "yes"
		}
		t.Rows = append(t.Rows, []any{s.Name, age, failing, s.Accounts, s.Drifting, s.LeftOut})
	}
	return t
}
