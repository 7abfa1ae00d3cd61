package aggregates

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"exchequer/cache"
	"exchequer/ledger"
)

// ExactUpTo is up to how many accounts that were ever used the numbers of holders are
// read from all balances. Beyond, once [ledger.FoldHolders] has added them up, they follow
// from tallies, so that their cost does not follow how many holders there are, and measures
// of inequality have bounds. See docs/decisions/0036-holders-by-bins.md.
type ExactUpTo int64

// DefaultExact is where the balances take about half a second to read.
const DefaultExact ExactUpTo = 200_000

type exactKey struct{}

// within returns a context whose producers read all balances up to a number.
func (exact ExactUpTo) within(ctx context.Context) context.Context {
	return context.WithValue(ctx, exactKey{}, exact)
}

// tallying returns a producer that shares balances, of which it reads all up to a number.
func tallying[P, T any](exact ExactUpTo, s *balanceShare, produce func(context.Context, cache.Window, P) (T, error)) func(context.Context, cache.Window, P) (T, error) {
	return sharing(s, func(ctx context.Context, w cache.Window, params P) (T, error) {
		return produce(exact.within(ctx), w, params)
	})
}

// foldFor returns the fold from which numbers of holders are read, nil if all balances are,
// as those of a day that is over always are.
func foldFor(ctx context.Context, tx pgx.Tx, s span) (*ledger.Fold, error) {
	if s.Past {
		return nil, nil
	}
	exact, ok := ctx.Value(exactKey{}).(ExactUpTo)
	if !ok {
		exact = DefaultExact
	}
	f, err := ledger.ReadFold(ctx, tx)
	if err != nil || !f.Made() || f.Used <= int64(exact) {
		return nil, err
	}
	return &f, nil
}

// readHeld returns what all but the issuers hold, and what these have issued.
func readHeld(ctx context.Context, tx pgx.Tx, s span) (held, issued ledger.Sum, err error) {
	f, err := foldFor(ctx, tx, s)
	if err != nil {
		return held, issued, err
	}
	if f == nil {
		all, err := balancesOf(ctx, tx, s)
		if err != nil {
			return held, issued, err
		}
		held, issued = all.supply()
		return held, issued, nil
	}
	totals, err := f.Totals(ctx, tx, s.End)
	for _, t := range totals {
		if t.Issuer {
			issued = issued.Minus(t.Balance)
		} else {
			held = held.Plus(t.Balance)
		}
	}
	return held, issued, err
}

// A turnoutNow is how many holders there are, and when they were active last.
type turnoutNow struct {
	holders int64
	days    []ledger.Tally
}

// since returns how many holders had a posting on the day or later.
func (t *turnoutNow) since(day int) (n int64) {
	for _, d := range t.days {
		if d.Place >= day {
			n += d.Holders
		}
	}
	return n
}

// readTurnoutNow reads a tally of days, and how many holders have accounts that are
// neither issuers nor archived.
func readTurnoutNow(ctx context.Context, tx pgx.Tx, f *ledger.Fold, s span, tally string) (*turnoutNow, error) {
	tallies, err := f.Tallies(ctx, tx, s.End, s.zone(), tally, string(PopulationAll))
	if err != nil {
		return nil, err
	}
	t := &turnoutNow{}
	for _, place := range tallies {
		if place.Tally == tally {
			t.days = append(t.days, place)
		} else {
			t.holders += place.Holders
		}
	}
	return t, nil
}

// archivedOf returns how many used accounts of a population are archived, merged ones if
// the other one is.
func archivedOf(ctx context.Context, tx pgx.Tx, f *ledger.Fold, s span, p Population) (archived int64, err error) {
	totals, err := f.Totals(ctx, tx, s.End)
	if err != nil {
		return 0, err
	}
	kinds := map[ledger.Kind]bool{}
	var names []string
	for _, k := range p.kinds() {
		kinds[k] = true
		names = append(names, string(k))
	}
	for _, t := range totals {
		if t.Archived && !t.Issuer && kinds[t.Kind] {
			archived += t.Used
		}
	}
	const merged = `
		SELECT count(*) FILTER (WHERE t.archived <= $1) - count(*) FILTER (WHERE a.archived <= $1)
		FROM merges m JOIN accounts a ON a.id = m.account JOIN accounts t ON t.id = target JOIN balances b ON b.account = m.account
		WHERE NOT a.issuer AND a.kind = ANY($2)`
	var more int64
	if err := tx.QueryRow(ctx, merged, s.End, names).Scan(&more); err != nil {
		return 0, fmt.Errorf("merged accounts: %w", err)
	}
	return archived + more, nil
}

// binnedOf reads the population's holders by bins, and counts the archived accounts.
func (v *Inequality) binnedOf(ctx context.Context, tx pgx.Tx, f *ledger.Fold, s span) (d *binned, err error) {
	if v.Archived, err = archivedOf(ctx, tx, f, s, v.Population); err != nil {
		return nil, err
	}
	tallies, err := f.Tallies(ctx, tx, s.End, s.zone(), string(v.Population))
	if err != nil {
		return nil, err
	}
	return newBinned(tallies)
}
