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

// exceeded reports whether more accounts have been used.
func (exact ExactUpTo) exceeded(ctx context.Context, db queryer) (more bool, err error) {
	const query = `SELECT count(*) > $1 FROM (SELECT FROM balances LIMIT least($1, 9223372036854775806) + 1) AS few`
	if err := db.QueryRow(ctx, query, int64(exact)).Scan(&more); err != nil {
		return false, fmt.Errorf("whether there are many accounts: %w", err)
	}
	return more, nil
}

type exactKey struct{}

// within returns a context whose producers read all balances up to a number.
func (exact ExactUpTo) within(ctx context.Context) context.Context {
	return context.WithValue(ctx, exactKey{}, exact)
}

// exactOf returns up to how many accounts a producer reads all balances.
func exactOf(ctx context.Context) ExactUpTo {
	if exact, ok := ctx.Value(exactKey{}).(ExactUpTo); ok {
		return exact
	}
	return DefaultExact
}

// A holderShare has what producers of the same page read about holders at the same time.
type holderShare struct {
	balances balanceShare
	sums     shared[string, *holderSums]
}

// tallying returns a producer that shares balances, of which it reads all up to a number,
// and sums.
func tallying[P, T any](exact ExactUpTo, s *holderShare, produce func(context.Context, cache.Window, P) (T, error)) func(context.Context, cache.Window, P) (T, error) {
	return sharing(&s.balances, sharing(&s.sums, func(ctx context.Context, w cache.Window, params P) (T, error) {
		return produce(exact.within(ctx), w, params)
	}))
}

// holderSums is what the ledger has added up of holders, with what came since; or what it
// keeps of the end of a day, which has populations and kinds alone.
type holderSums struct {
	totals  []ledger.AccountTotal
	tallies []ledger.Tally
	richest []int64 // accounts among which the richest are; nil: they may be any
	past    bool
}

// readFold returns the fold if numbers of holders follow from it, nil if from all balances.
func readFold(ctx context.Context, tx pgx.Tx) (*ledger.Fold, error) {
	fold, err := ledger.ReadFold(ctx, tx)
	if err != nil || !fold.Made() || fold.Used <= int64(exactOf(ctx)) {
		return nil, err
	}
	return &fold, nil
}

// readSums returns the sums from which numbers of holders follow, nil if they follow from
// all balances. The caller does not change them.
func readSums(ctx context.Context, tx pgx.Tx, s span) (*holderSums, error) {
	fold, err := readFold(ctx, tx)
	if err != nil || fold == nil {
		return nil, err
	}
	read := func() (_ *holderSums, err error) {
		if s.Past {
			return readSumsThen(ctx, tx, s)
		}
		sums := &holderSums{}
		if sums.totals, err = fold.Totals(ctx, tx, s.archivedBy()); err != nil {
			return nil, err
		}
		targets, merged, err := mergedAccounts(ctx, tx)
		if err != nil {
			return nil, err
		}
		sums.tallies, sums.richest, err = fold.Tallies(ctx, tx, s.archivedBy(), s.zone(), richest+merged)
		if sums.richest != nil {
			sums.richest = append(sums.richest, targets...)
		}
		return sums, err
	}
	share := shareOf[string, *holderSums](ctx)
	if share == nil {
		return read()
	}
	snapshot, err := snapshotOf(ctx, tx)
	if err != nil {
		return nil, err
	}
	return share.get(ctx, snapshot+"@"+s.End.String(), read)
}

// readSumsThen returns the sums of the end of a day that is over, nil while the day's are
// still to be made. Accounts are those that were used by then.
func readSumsThen(ctx context.Context, tx pgx.Tx, s span) (*holderSums, error) {
	t, err := readTalliedDay(ctx, tx, dateOf(s.Today))
	if err != nil || t == nil {
		return nil, err
	}
	if later, err := snapshotDays(ctx, tx, s.zone(), t.day+1, ledger.DayNumber(s.Today)); err != nil || len(later) > 0 {
		return nil, err
	}
	sums := &holderSums{past: true}
	for i, p := range Populations() {
		for _, bin := range t.of(i) {
			bin.Tally = string(p)
			sums.tallies = append(sums.tallies, bin)
		}
	}
	for i, kind := range ledger.Kinds() {
		used, archived := t.places[tallyPlace{tallyKinds, int32(i)}], t.places[tallyPlace{tallyArchived, int32(i)}]
		here := used.holders - archived.holders
		if here > 0 || used.total != (ledger.Sum{}) {
			sums.totals = append(sums.totals, ledger.AccountTotal{Kind: kind, Accounts: here, Used: here, Balance: used.total})
		}
		if n := archived.holders; n > 0 {
			sums.totals = append(sums.totals, ledger.AccountTotal{Kind: kind, Archived: true, Accounts: n, Used: n})
		}
	}
	// The issuers are few.
	const issuers = `
		SELECT kind, archived IS NOT NULL AND archived <= $1, count(*), sum(net) FROM account_holders, LATERAL (
			SELECT sum(received - sent) AS net FROM account_days WHERE account = id AND day <= $2::date OFFSET 0) AS gained
		WHERE issuer AND net IS NOT NULL GROUP BY 1, 2`
	rows, _ := tx.Query(ctx, issuers, s.archivedBy(), dateOf(s.Today))
	of := ledger.AccountTotal{Issuer: true}
	_, err = pgx.ForEachRow(rows, []any{&of.Kind, &of.Archived, &of.Accounts, &of.Balance}, func() error {
		of.Used = of.Accounts
		sums.totals = append(sums.totals, of)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("what issuers had: %w", err)
	}
	return sums, nil
}

// of returns a tally, in the order of its places.
func (h *holderSums) of(tally string) (places []ledger.Tally) {
	for _, t := range h.tallies {
		if t.Tally == tally {
			places = append(places, t)
		}
	}
	return places
}

// readHeld returns what all but the issuers hold, and what these have issued.
func readHeld(ctx context.Context, tx pgx.Tx, s span) (held, issued ledger.Sum, err error) {
	sums, err := readSums(ctx, tx, s)
	if err != nil {
		return held, issued, err
	}
	if sums == nil {
		all, err := balancesOf(ctx, tx, s)
		if err != nil {
			return held, issued, err
		}
		held, issued = all.supply()
		return held, issued, nil
	}
	for _, t := range sums.totals {
		if t.Issuer {
			issued = issued.Minus(t.Balance)
		} else {
			held = held.Plus(t.Balance)
		}
	}
	return held, issued, nil
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

// turnout returns a tally of days, and how many holders have accounts that are neither
// issuers nor archived.
func (h *holderSums) turnout(tally string) *turnoutNow {
	t := &turnoutNow{days: h.of(tally)}
	for _, place := range h.of(string(PopulationAll)) {
		t.holders += place.Holders
	}
	return t
}

// archivedOf returns how many used accounts of a population are archived, merged ones if
// the other one is.
func (h *holderSums) archivedOf(ctx context.Context, tx pgx.Tx, s span, p Population) (archived int64, err error) {
	kinds := map[ledger.Kind]bool{}
	var names []string
	for _, k := range p.kinds() {
		kinds[k] = true
		names = append(names, string(k))
	}
	for _, t := range h.totals {
		if t.Archived && !t.Issuer && kinds[t.Kind] {
			archived += t.Used
		}
	}
	if h.past {
		return archived, nil
	}
	const merged = `
		SELECT count(*) FILTER (WHERE t.archived <= $1) - count(*) FILTER (WHERE a.archived <= $1)
		FROM merges m JOIN accounts a ON a.id = m.account JOIN accounts t ON t.id = target JOIN balances b ON b.account = m.account
		WHERE NOT a.issuer AND a.kind = ANY($2)`
	var more int64
	if err := tx.QueryRow(ctx, merged, s.archivedBy(), names).Scan(&more); err != nil {
		return 0, fmt.Errorf("merged accounts: %w", err)
	}
	return archived + more, nil
}

// binnedOf returns the population's holders who count by bins, and counts the others and the
// archived accounts. It is [ledger.ErrNotGrouped] if who counts is not added up.
func (v *Inequality) binnedOf(ctx context.Context, tx pgx.Tx, sums *holderSums, s span) (*binned, error) {
	all, err := newBinned(sums.of(string(v.Population)))
	if err != nil {
		return nil, err
	}
	d := all
	if v.Counted != CountedAll {
		if d, err = v.countedOf(ctx, tx, sums, s); err != nil {
			return nil, err
		}
	}
	v.Apart = Apart{Holders: all.n - d.n, Total: all.Total().Minus(d.Total())}
	v.Archived, err = sums.archivedOf(ctx, tx, s, v.Population)
	return d, err
}

// countedOf returns the population's holders who count, where these are not all.
func (v *Inequality) countedOf(ctx context.Context, tx pgx.Tx, sums *holderSums, s span) (*binned, error) {
	fold, err := readFold(ctx, tx)
	if err != nil {
		return nil, err
	}
	if sums.past || fold == nil {
		return nil, ledger.ErrNotGrouped
	}
	var bins []ledger.Tally
	if days := v.Counted.days(); days > 0 {
		bins, err = fold.Active(ctx, tx, s.archivedBy(), s.zone(), string(v.Population), ledger.DayNumber(s.Today)-days+1)
	} else {
		bins, err = fold.Moved(ctx, tx, s.archivedBy(), s.zone(), string(v.Population))
	}
	if err != nil {
		return nil, err
	}
	return newBinned(bins)
}
