package connector

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
	"exchequer/ledger/importer"
)

// told are the balances that the lines of a file say their accounts have: the last one of
// each account, nil if something else has happened to it since.
type told map[string]*int64

// read adds what is in lines. The mapping of s has what they move, that of the
// reconciliation what balances they have.
func (t told) read(s, reconcile *stream, g grown) error {
	moved, err := mapped(s, g)
	if err != nil {
		return err
	}
	balances, err := mapped(reconcile, g)
	if err != nil {
		return err
	}
	next := 0
	for _, o := range balances.Batch.Observations {
		for ; next < len(moved.Batch.Transactions) && lineOf(moved.Batch.Transactions[next].Line) <= lineOf(o.Line); next++ {
			t.forget(moved.Batch.Transactions[next])
		}
		t[o.Account] = &o.Balance
	}
	for _, transaction := range moved.Batch.Transactions[next:] {
		t.forget(transaction)
	}
	return nil
}

func (t told) forget(transaction ledger.Transaction) {
	for _, p := range transaction.Postings {
		t[p.Account] = nil
	}
}

// add adds what later lines say.
func (t told) add(later told) {
	for account, balance := range later {
		if balance == nil {
			delete(t, account)
		} else {
			t[account] = balance
		}
	}
}

func mapped(s *stream, g grown) (importer.RowsCheck, error) {
	rows, err := s.read.kept(g)
	if err != nil || len(rows.Fields) == 0 {
		return importer.RowsCheck{}, err
	}
	return s.mapping.CheckRows(s.name, rows)
}

// lineOf returns the number of a line, from its place.
func lineOf(place string) int {
	n, _ := strconv.Atoi(place[strings.LastIndexByte(place, ':')+1:])
	return n
}

// compareTold compares the balances that lines have with those of the ledger, when all
// lines are written. What the lines that were read before said of an account stays known.
func (f *Follower) compareTold(ctx context.Context) error {
	observed := make([]ledger.Observation, 0, len(f.told))
	refs := make([]string, 0, len(f.told))
	for account, balance := range f.told {
		observed, refs = append(observed, ledger.Observation{Account: account, Balance: *balance}), append(refs, account)
	}
	found, err := f.state.differ(ctx, observed)
	if err != nil {
		return err
	}
	found = found[:min(len(found), maxDrift)]
	var batch pgx.Batch
	differing := f.state.queueDrift(&batch, found)
	batch.Queue(`DELETE FROM sync_drift WHERE source = $1 AND account = ANY($2) AND account <> ALL($3)`, f.state.name, refs, differing)
	batch.Queue(`INSERT INTO sync_sources (name, compared, accounts, drifting) SELECT $1, now(), greatest($2, count(*)), count(*) FROM sync_drift WHERE source = $1 AND `+ledger.Apart+`
		ON CONFLICT (name) DO UPDATE SET compared = excluded.compared, accounts = excluded.accounts, drifting = excluded.drifting`, f.state.name, len(refs))
	if err := f.state.db.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("keep what differs: %w", err)
	}
	return nil
}
