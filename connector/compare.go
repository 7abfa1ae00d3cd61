package connector

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"exchequer/connector/format"
	"exchequer/ledger"
	"exchequer/ledger/importer"
)

// maxDrift bounds the accounts that differ and are kept; more are counted.
const maxDrift = 1000

// A drift is an account whose balance here is not that of the source.
type drift struct {
	account      string
	ours, theirs ledger.Sum
}

// compare compares the balances of a snapshot, all of which has been written, with those
// of the ledger.
func (f *Follower) compare(ctx context.Context, at snapshot) error {
	s := f.config.Preset.compared(f.source.kind())
	var accounts, drifting int
	differing := map[string]ledger.Sum{}
	var found []drift
	rows := &importer.Rows{}
	if err := f.state.forget(ctx, s.name); err != nil {
		return err
	}
	check := func() error {
		if len(rows.Fields) == 0 {
			return nil
		}
		checked, err := s.mapping.CheckRows(f.config.Name+":"+s.name, rows)
		if err != nil {
			return err
		}
		if len(checked.Rejected) > 0 {
			bad := progress{stream: s.name, whole: true, rows: &importer.Rows{Header: rows.Header}, rejected: checked.Rejected}
			if err := f.state.save(ctx, bad); err != nil {
				return err
			}
		}
		observed := latest(checked.Batch.Observations)
		differ, err := f.state.differ(ctx, observed)
		if err != nil {
			return err
		}
		if !f.source.kind().queried() && !f.once {
			differ = f.lasting(differ, differing)
		}
		accounts += len(observed)
		drifting += len(differ)
		found = append(found, differ[:min(len(differ), maxDrift-len(found))]...)
		rows = &importer.Rows{Header: rows.Header}
		return nil
	}
	number := 0
	err := at.each(ctx, s, 0, 0, func(header []string, row format.Row) error {
		number++
		rows.Header = header
		rows.Add(number, row.Fields, row.Problem)
		if len(rows.Fields) >= batchRows {
			return check()
		}
		return nil
	})
	if err == nil {
		err = check()
	}
	if err != nil {
		return err
	}
	first := f.differing == nil
	f.differing = differing
	if first && !f.source.kind().queried() && !f.once {
		return nil // what lasts is not known yet
	}
	return f.state.keepDrift(ctx, accounts, drifting, found)
}

// lasting returns those of the accounts that differed by as much at the comparison before.
// Of a source without snapshots, what is written between two readings differs too, once.
func (f *Follower) lasting(found []drift, differing map[string]ledger.Sum) []drift {
	var all []drift
	for _, d := range found {
		by := d.theirs.Minus(d.ours)
		differing[d.account] = by
		if before, did := f.differing[d.account]; did && before == by {
			all = append(all, d)
		}
	}
	return all
}

// latest returns the latest observation of each account: statements have one of each time.
func latest(all []ledger.Observation) []ledger.Observation {
	at := make(map[string]int, len(all))
	kept := all[:0]
	for _, o := range all {
		i, known := at[o.Account]
		switch {
		case !known:
			at[o.Account] = len(kept)
			kept = append(kept, o)
		case !o.At.Before(kept[i].At):
			kept[i] = o
		}
	}
	return kept
}

// differ returns the accounts whose balance in the ledger is not the observed one.
func (s state) differ(ctx context.Context, observed []ledger.Observation) ([]drift, error) {
	refs, balances := make([]string, len(observed)), make([]int64, len(observed))
	for i, o := range observed {
		refs[i], balances[i] = o.Account, o.Balance
	}
	const query = `
		SELECT o.ref, coalesce(b.balance, 0)::numeric, o.balance::numeric
		FROM unnest($1::text[], $2::bigint[]) AS o (ref, balance)
		LEFT JOIN accounts a ON a.ref = o.ref LEFT JOIN balances b ON b.account = a.id
		WHERE coalesce(b.balance, 0) <> o.balance`
	rows, _ := s.db.Query(ctx, query, refs, balances)
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d drift, err error) {
		err = row.Scan(&d.account, &d.ours, &d.theirs)
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("read balances: %w", err)
	}
	return found, nil
}

// keepDrift records what a comparison has found.
func (s state) keepDrift(ctx context.Context, accounts, drifting int, found []drift) error {
	var batch pgx.Batch
	refs := s.queueDrift(&batch, found)
	batch.Queue(`DELETE FROM sync_drift WHERE source = $1 AND account <> ALL($2)`, s.name, refs)
	batch.Queue(`INSERT INTO sync_sources (name, compared, accounts, drifting) VALUES ($1, now(), $2, $3)
		ON CONFLICT (name) DO UPDATE SET compared = excluded.compared, accounts = excluded.accounts, drifting = excluded.drifting`,
		s.name, accounts, drifting)
	if err := s.db.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("keep what differs: %w", err)
	}
	return nil
}

// queueDrift queues the keeping of what differs, and returns its accounts.
func (s state) queueDrift(batch *pgx.Batch, found []drift) (refs []string) {
	refs = make([]string, len(found))
	for i, d := range found {
		refs[i] = d.account
		batch.Queue(`INSERT INTO sync_drift AS known (source, account, ours, theirs, since) VALUES ($1, $2, $3, $4, now())
			ON CONFLICT (source, account) DO UPDATE SET ours = excluded.ours, theirs = excluded.theirs`, s.name, d.account, d.ours, d.theirs)
	}
	return refs
}
