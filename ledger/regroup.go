package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

// A regrouping is the accounts that an append archives, brings back or merges, or whose
// merge it undoes, for the next fold. No fold begins between the look at them and the
// commit, so what the append found is what the last fold found, or another append has
// noted what that was. On Postgres triggers note the same, for processes of the release
// before; on Citus there are none.
type regrouping map[int64]*bool // whether the account was archived; nil: as it is now

// add notes that an account is archived or brought back, and whether it was archived.
func (r regrouping) add(account int64, was bool) { r[account] = &was }

func (r regrouping) write(ctx context.Context, tx pgx.Tx) error {
	if len(r) == 0 {
		return nil
	}
	accounts := slices.Sorted(maps.Keys(r))
	was := make([]*bool, len(accounts))
	for i, account := range accounts {
		was[i] = r[account]
	}
	const query = `
		INSERT INTO regrouped_accounts AS known (account, was)
		SELECT account, was FROM unnest($1::bigint[], $2::boolean[]) WITH ORDINALITY AS new (account, was, nr) ORDER BY nr
		ON CONFLICT (account) DO UPDATE SET was = coalesce(known.was, excluded.was)`
	if _, err := tx.Exec(ctx, query, accounts, was); err != nil {
		return fmt.Errorf("note accounts that are regrouped: %w", err)
	}
	return nil
}
