package ledger

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"
)

// A Gatherer is a ledger whose Append writes small batches of many callers together, in
// one database transaction, so that a thousand payments that come one by one wait for tens
// of commits and not for a thousand. Each caller waits until its own batch is committed,
// and learns what became of it alone: a batch that is wrong does not hold up the others.
//
// A batch waits for no others: it is written at once where nobody writes, and with all
// that came meanwhile where somebody does.
type Gatherer struct {
	*Ledger
	mu      sync.Mutex
	waiting []*gathered
	writing int // groups that are being written
}

// NewGatherer returns a Gatherer of a ledger.
func NewGatherer(l *Ledger) *Gatherer { return &Gatherer{Ledger: l} }

const (
	smallBatch = 20   // records of a batch that is written together with others
	largeGroup = 1000 // records of a group, about
	// groupsAtOnce is how many groups are written beside each other: one is sent while
	// the other one commits.
	groupsAtOnce = 2
	groupTime    = 15 * time.Second
)

// A gathered is a batch of a group.
type gathered struct {
	ctx     context.Context
	batch   Batch
	written Written
	err     error
	done    chan struct{} // closed when written and err are set
}

// finish tells the caller.
func (p *gathered) finish(written Written, err error) {
	p.written, p.err = written, err
	close(p.done)
}

// Append is [Ledger.Append]. If ctx ends while the batch is being written with others, the
// error leaves open whether it was.
func (g *Gatherer) Append(ctx context.Context, b Batch) (Written, error) {
	if !gathers(b) {
		return g.Ledger.Append(ctx, b)
	}
	if err := check(b, time.Now()).err(); err != nil {
		return Written{}, err
	}
	p := &gathered{ctx: ctx, batch: b, done: make(chan struct{})}
	g.mu.Lock()
	g.waiting = append(g.waiting, p)
	if g.writing < groupsAtOnce {
		g.writing++
		go g.write()
	}
	g.mu.Unlock()
	select {
	case <-p.done:
		return p.written, p.err
	case <-ctx.Done():
		return Written{}, fmt.Errorf("append batch: %w", ctx.Err())
	}
}

// gathers reports whether a batch is small, and has nothing but transactions and sales.
func gathers(b Batch) bool {
	records := len(b.Transactions) + len(b.Sales)
	b.Transactions, b.Sales = nil, nil
	return records > 0 && records <= smallBatch && reflect.ValueOf(b).IsZero()
}

// write writes groups until nobody waits.
func (g *Gatherer) write() {
	for {
		group := g.next()
		if group == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), groupTime)
		g.writeGroup(ctx, group)
		cancel()
	}
}

// next returns those who wait, in turn, without those whose callers have left. Two with
// the same ref are not in one group, so that a ref says whose a problem is.
func (g *Gatherer) next() (group []*gathered) {
	g.mu.Lock()
	defer g.mu.Unlock()
	taken := map[recordRef]bool{}
	var later []*gathered
	for _, p := range g.waiting {
		refs := p.refs()
		switch {
		case p.ctx.Err() != nil:
			p.finish(Written{}, p.ctx.Err())
		case len(taken) >= largeGroup || slices.ContainsFunc(refs, func(r recordRef) bool { return taken[r] }):
			later = append(later, p)
		default:
			for _, r := range refs {
				taken[r] = true
			}
			group = append(group, p)
		}
	}
	g.waiting = later
	if group == nil {
		g.writing--
	}
	return group
}

// A recordRef is what a [Problem] says of its record.
type recordRef struct{ what, ref string }

func (p *gathered) refs() (refs []recordRef) {
	for i := range p.batch.Transactions {
		refs = append(refs, recordRef{"transaction", p.batch.Transactions[i].Ref})
	}
	for i := range p.batch.Sales {
		refs = append(refs, recordRef{"sale", p.batch.Sales[i].Ref})
	}
	return refs
}

// writeGroup writes batches in one database transaction. Those that the ledger refuses get
// their own problems, and the others are written without them. If the refusal is of what
// they add up to, each half is written by itself.
func (g *Gatherer) writeGroup(ctx context.Context, group []*gathered) {
	if len(group) == 0 {
		return
	}
	var all Batch
	for _, p := range group {
		all.Transactions = append(all.Transactions, p.batch.Transactions...)
		all.Sales = append(all.Sales, p.batch.Sales...)
	}
	transactions, sales, err := g.append(ctx, all)
	var refused *BatchError
	switch {
	case err == nil:
		for _, p := range group {
			n, m := len(p.batch.Transactions), len(p.batch.Sales)
			p.finish(p.batch.written(transactions[:n], sales[:m]), nil)
			transactions, sales = transactions[n:], sales[m:]
		}
	case len(group) > 1 && errors.As(err, &refused):
		if right := finishRefused(group, refused.Problems); len(right) < len(group) {
			g.writeGroup(ctx, right)
			return
		}
		g.writeGroup(ctx, group[:len(group)/2])
		g.writeGroup(ctx, group[len(group)/2:])
	default:
		for _, p := range group {
			p.finish(Written{}, err)
		}
	}
}

// finishRefused refuses the batches of a group that have problems, each with its own, and
// returns the others.
func finishRefused(group []*gathered, all []Problem) (right []*gathered) {
	by := map[recordRef][]Problem{}
	for _, problem := range all {
		of := recordRef{problem.What, problem.Ref}
		by[of] = append(by[of], problem)
	}
	for _, p := range group {
		var own []Problem
		for _, r := range p.refs() {
			own = append(own, by[r]...)
			delete(by, r) // two origins of a batch may have one ref
		}
		if own == nil {
			right = append(right, p)
			continue
		}
		p.finish(Written{}, &BatchError{Problems: own})
	}
	return right
}

// append appends a checked batch, and returns the ids of its transactions and sales, 0 of
// those that were known.
func (g *Gatherer) append(ctx context.Context, b Batch) (transactions, sales []int64, err error) {
	pending, err := g.begin(ctx, b)
	if err != nil {
		return nil, nil, err
	}
	if _, err := pending.Commit(ctx); err != nil {
		return nil, nil, err
	}
	return pending.ap.transactions, pending.ap.sales, nil
}

// written counts, with the ids of the transactions and sales, 0 of those that were known.
func (b *Batch) written(transactions, sales []int64) (w Written) {
	for i, id := range transactions {
		if id == 0 {
			w.SkippedTransactions++
			continue
		}
		w.Transactions++
		w.Postings += len(b.Transactions[i].Postings)
	}
	for _, id := range sales {
		if id == 0 {
			w.SkippedSales++
			continue
		}
		w.Sales++
	}
	return w
}
