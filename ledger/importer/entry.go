package importer

import (
	"fmt"
	"hash/maphash"
	"math"
	"math/big"

	"exchequer/ledger"
)

// An entry is what one row, or the rows of one group, become. It is written or
// rejected as a whole.
type entry struct {
	rows        []original
	accounts    []ledger.Account
	items       []ledger.Item
	transaction *ledger.Transaction // nil: no money moves
	sales       []ledger.Sale
	shops       []ledger.Shop
	offers      []ledger.Offer
	observed    []ledger.Observation
	size        int // bytes of data, for bounding memory

	negativeSkipped int
	zero            bool // it has a transaction that moves nothing
	rounded         int
	rounding        *big.Rat

	problem *RowError // why it cannot be written
}

// An original is a row as it was read.
type original struct {
	source *source
	line   int
	fields []string // only if rejects are written
}

const (
	maxGroupGap  = 1000
	maxGroupRows = 100_000
	closedGroups = 1 << 20 // that are remembered of files
)

// A gatherer turns rows into entries. It holds the groups that are still open.
type gatherer struct {
	m      *Mapping
	emit   func(*entry)
	open   []*group
	rows   int // of this file
	closed *recent

	leftOut int // rows that do not meet the mapping's conditions
}

// A group is an entry that may get more rows.
type group struct {
	key   string
	last  int // number of its latest row
	entry *entry
	legs  []ledger.Posting // one for each account
}

// newGatherer returns a gatherer that remembers about as many closed groups as keys says.
func newGatherer(m *Mapping, keys int, emit func(*entry)) *gatherer {
	g := &gatherer{m: m, emit: emit}
	if m.payment != nil && m.payment.group != "" {
		g.closed = newRecent(keys)
	}
	return g
}

// add adds a row. If it cannot be mapped, its whole group is rejected.
func (g *gatherer) add(r *row, keep []string) {
	if !r.counts() {
		g.leftOut++
		return
	}
	g.rows++
	key := r.group()
	gr := g.group(r, key)
	mapped, problem := r.parse()
	e := gr.entry
	e.rows = append(e.rows, original{r.source, r.line, keep})
	for _, f := range r.fields {
		e.size += len(f)
	}
	if problem == nil {
		problem = g.collect(gr, r, &mapped)
	}
	if problem != nil && e.problem == nil {
		e.problem = problem
	}
	if key == "" {
		g.finish(gr)
	}
}

// group returns the open group of a row, or a new one.
func (g *gatherer) group(r *row, key string) *group {
	if key == "" {
		return &group{entry: &entry{}}
	}
	g.closeBefore(g.rows - g.m.payment.gap - 1)
	for _, gr := range g.open {
		if gr.key == key {
			gr.last = g.rows
			return gr
		}
	}
	gr := &group{key: key, last: g.rows, entry: &entry{}}
	if g.closed.seen(key) {
		gr.entry.problem = r.bad(g.m.payment.group, "expected the rows of a transaction to stand together, but %s was there before, "+
			"with more than group_gap = %d other rows between", shortened(key), g.m.payment.gap)
	}
	g.open = append(g.open, gr)
	return gr
}

// closeBefore finishes the groups whose last row is before the given one.
func (g *gatherer) closeBefore(row int) {
	kept := g.open[:0]
	for _, gr := range g.open {
		if gr.last < row {
			g.closed.add(gr.key)
			g.finish(gr)
		} else {
			kept = append(kept, gr)
		}
	}
	clear(g.open[len(kept):])
	g.open = kept
}

// endFile finishes all groups, since none continues in the next file.
func (g *gatherer) endFile() {
	g.closeBefore(math.MaxInt)
	g.rows = 0
}

// collect adds a mapped row to its entry.
func (g *gatherer) collect(gr *group, r *row, m *mapped) *RowError {
	e := gr.entry
	if len(e.rows) > maxGroupRows {
		return r.bad(g.m.payment.group, "expected at most %d rows in one transaction", maxGroupRows)
	}
	if g.m.payment != nil && e.transaction == nil {
		t, problem := r.transaction(m)
		if problem != nil {
			return problem
		}
		e.transaction = t
	}
	for _, a := range m.accounts {
		e.addAccount(a)
	}
	if m.sale != nil {
		e.sales = append(e.sales, *m.sale)
	}
	if m.item.Ref != "" {
		e.items = append(e.items, m.item)
	}
	if m.shop != nil {
		e.shops = append(e.shops, *m.shop)
	}
	if m.offer != nil {
		e.offers = append(e.offers, *m.offer)
	}
	if m.observed != nil {
		e.observed = append(e.observed, *m.observed)
	}
	if m.negativeSkipped {
		e.negativeSkipped++
	}
	if m.rounding != nil {
		e.rounded++
		if e.rounding == nil {
			e.rounding = new(big.Rat)
		}
		e.rounding.Add(e.rounding, m.rounding)
	}
	// A row that is one leg has no from.
	if m.moves && !((m.from == "" || gr.move(m.from, -m.amount)) && gr.move(m.to, m.amount)) {
		return &RowError{File: r.source.Path, Line: r.line, Problem: "the transaction's amounts add up to more than 64 bits hold"}
	}
	return nil
}

// transaction returns the transaction that a row begins, without postings.
func (r *row) transaction(m *mapped) (*ledger.Transaction, *RowError) {
	p := r.m.payment
	t := &ledger.Transaction{Origin: r.m.Origin, At: m.at, Line: r.place()}
	var complete bool
	if t.Ref, complete = p.ref.fill(r); !complete {
		return nil, r.empty(p.ref, "a transaction needs a ref")
	}
	if t.Source, _ = p.source.fill(r); t.Source == "" {
		return nil, r.empty(p.source, "a transaction needs a source")
	}
	t.Message, _ = p.message.fill(r)
	return t, nil
}

func (e *entry) addAccount(a ledger.Account) {
	for _, known := range e.accounts {
		if known.Ref == a.Ref {
			return
		}
	}
	e.accounts = append(e.accounts, a)
}

// move adds to an account's leg, and reports whether the sum fits an int64.
func (gr *group) move(account string, amount int64) bool {
	for i := range gr.legs {
		if gr.legs[i].Account == account {
			sum := gr.legs[i].Amount + amount
			if (sum > gr.legs[i].Amount) != (amount > 0) {
				return false
			}
			gr.legs[i].Amount = sum
			return true
		}
	}
	gr.legs = append(gr.legs, ledger.Posting{Account: account, Amount: amount})
	return true
}

// finish nets the legs and emits the entry. A transaction without legs is dropped;
// its sales stay.
func (g *gatherer) finish(gr *group) {
	e := gr.entry
	if t := e.transaction; t != nil {
		for _, leg := range gr.legs {
			if leg.Amount != 0 {
				t.Postings = append(t.Postings, leg)
			}
		}
		if len(t.Postings) == 0 {
			e.transaction, e.zero = nil, true
		} else {
			for i := range e.sales {
				e.sales[i].Transaction = t.Ref
			}
		}
	}
	if e.transaction == nil && g.m.known == nil && len(e.sales)+len(e.shops)+len(e.observed) == 0 {
		e.accounts = nil // nothing names them
	}
	g.emit(e)
}

// describe returns why a row of a rejected entry was rejected.
func (e *entry) describe(o original, problem *RowError) string {
	if problem.Line == o.line && problem.File == o.source.Path {
		return problem.reason()
	}
	return fmt.Sprintf("its transaction has a bad row, line %d: %s", problem.Line, problem.reason())
}

// recent remembers about as many keys as it has slots, in bounded memory. It may forget
// a key.
type recent struct {
	seed  maphash.Seed
	slots []uint64
}

func newRecent(slots int) *recent { return &recent{maphash.MakeSeed(), make([]uint64, slots)} }

func (r *recent) add(key string) {
	h := maphash.String(r.seed, key)
	r.slots[h%uint64(len(r.slots))] = h
}

func (r *recent) seen(key string) bool {
	h := maphash.String(r.seed, key)
	return r.slots[h%uint64(len(r.slots))] == h
}
