package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Review returns all that is wrong with a batch as a [*BatchError], and nil if that is
// nothing. Append ends with the first kind of what is wrong; Review goes on with the
// records that are right as far as it has looked, if each has a Line of its own. It
// writes nothing, so it does not find what only writing does.
func (l *Ledger) Review(ctx context.Context, b Batch) error {
	found := check(b, time.Now())
	sound, ok := b.without(found)
	if !ok {
		return found.err()
	}
	ap := &appender{batch: sound, problems: *found, changed: map[string]bool{}}
	err := pgx.BeginTxFunc(ctx, l.db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		ap.tx = tx
		return ap.review(ctx, b)
	})
	if err != nil {
		return fmt.Errorf("review batch: %w", err)
	}
	return ap.problems.err()
}

// without returns the batch without the records that have problems. It reports whether
// it knows which these are.
func (b Batch) without(found *problems) (Batch, bool) {
	bad := map[string]bool{}
	for _, p := range found.list {
		if bad[p.Line] = true; p.Line == "" {
			return b, false
		}
	}
	if len(bad) == 0 || found.more > 0 {
		return b, found.more == 0
	}
	b.Accounts = sound(b.Accounts, bad, func(a *Account) string { return a.Line })
	b.Items = sound(b.Items, bad, func(i *Item) string { return i.Line })
	b.Shops = sound(b.Shops, bad, func(s *Shop) string { return s.Line })
	b.Offers = sound(b.Offers, bad, func(o *Offer) string { return o.Line })
	b.Events = sound(b.Events, bad, func(e *Event) string { return e.Line })
	b.Transactions = sound(b.Transactions, bad, func(t *Transaction) string { return t.Line })
	b.Sales = sound(b.Sales, bad, func(s *Sale) string { return s.Line })
	b.Observations = sound(b.Observations, bad, func(o *Observation) string { return o.Line })
	return b, true
}

func sound[T any](records []T, bad map[string]bool, line func(*T) string) []T {
	return slices.DeleteFunc(slices.Clone(records), func(r T) bool { return bad[line(&r)] })
}

// review adds the problems that the ledger knows of. What whole has may be named.
func (ap *appender) review(ctx context.Context, whole Batch) error {
	ap.accounts, ap.items, ap.shops = map[string]account{}, map[string]int64{}, map[string]int64{}
	known, err := ap.find(ctx)
	if err != nil {
		return err
	}
	for _, a := range ap.batch.Accounts {
		if _, ok := known.accounts[a.Ref]; ok {
			ap.sameAccount(a, ap.accounts[a.Ref])
		}
	}
	for _, a := range whole.Accounts {
		if _, ok := ap.accounts[a.Ref]; !ok {
			ap.accounts[a.Ref] = account{}
		}
	}
	for _, i := range whole.Items {
		ap.items[i.Ref] = 0
	}
	for _, s := range whole.Shops {
		ap.shops[s.Ref] = 0
	}
	ap.checkNames()
	ap.checkHours()
	// What sales name is looked for as if all of them were new.
	ap.transactions, ap.sales = make([]int64, len(ap.batch.Transactions)), make([]int64, len(ap.batch.Sales))
	for i := range ap.transactions {
		ap.transactions[i] = -1
	}
	for i := range ap.sales {
		ap.sales[i] = -1
	}
	if err := ap.findTransactions(ctx); err != nil && !errors.As(err, new(*BatchError)) {
		return err
	}
	if len(ap.batch.Observations) > 0 {
		_, _, err = ap.compare(ctx)
	}
	return err
}
