package importer

import (
	"context"
	"fmt"
	"math/big"
	"time"

	"exchequer/ledger"
)

// Rows are rows that are not from a file, such as those of a query. They are one batch.
// Rows of one group are in the same Rows.
type Rows struct {
	Header  []string
	Fields  [][]string
	Numbers []int // of each row: its {@line}, and its place in messages
	// Problems are why rows are to be left out that could not be read, by their index.
	Problems map[int]string
}

// Add adds a row, and why it could not be read, if it could not.
func (r *Rows) Add(number int, fields []string, problem string) {
	if problem != "" {
		if r.Problems == nil {
			r.Problems = map[int]string{}
		}
		r.Problems[len(r.Fields)] = problem
	}
	r.Fields, r.Numbers = append(r.Fields, fields), append(r.Numbers, number)
}

// A Rejected is a row that was left out.
type Rejected struct {
	Number int
	Fields []string
	Reason string
}

// RowsOptions are the parameters of [RunRows].
type RowsOptions struct {
	Ledger  *ledger.Ledger
	Mapping *Mapping
	Name    string // of the rows, in messages and as {@file}
	// Next returns the next rows, nil if there are no more. It is called while the rows
	// before are written.
	Next func(context.Context) (*Rows, error)
	// Written is called after rows are committed, in their order, with those that were
	// left out.
	Written func(context.Context, *Rows, []Rejected) error
}

// RunRows writes rows until Next has no more, and leaves bad ones out. Accounts that the
// ledger has keep their kind, holder, issuer and archiving. Rows that were written before
// an error stay written.
func RunRows(ctx context.Context, o RowsOptions) (Summary, error) {
	start := time.Now()
	w := &writer{
		options: Options{Ledger: o.Ledger, Mapping: o.Mapping, SkipInvalid: true},
		sent:    newSent(), rounding: new(big.Rat), keepAccounts: true,
		written: func(ctx context.Context, c chunk) error { return o.Written(ctx, c.rows, c.rejected) },
	}
	err := w.run(ctx, func(ctx context.Context, chunks chan<- chunk) error {
		for {
			rows, err := o.Next(ctx)
			if rows == nil || err != nil {
				return err
			}
			c, err := o.Mapping.chunk(o.Name, rows)
			if err != nil {
				return err
			}
			select {
			case chunks <- c:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	w.summary.Rounding, w.summary.Took = exact(w.rounding), time.Since(start)
	return w.summary, err
}

// chunk maps rows.
func (m *Mapping) chunk(name string, rows *Rows) (chunk, error) {
	c := chunk{file: name, rows: rows}
	index, err := m.Check(rows.Header)
	if err != nil {
		return c, fmt.Errorf("%s: %w", name, err)
	}
	s := &source{Path: name, Header: rows.Header, base: name, index: index}
	gather := newGatherer(m, 2*len(rows.Fields)+1, func(e *entry) { c.entries = append(c.entries, e) })
	oldest, latest := m.oldest(), time.Now().Add(clockSkew)
	for i, fields := range rows.Fields {
		if problem, is := rows.Problems[i]; is {
			c.entries = append(c.entries, &entry{
				rows:    []original{{s, rows.Numbers[i], fields}},
				problem: &RowError{File: name, Line: rows.Numbers[i], Problem: problem},
			})
			continue
		}
		gather.add(&row{m: m, source: s, line: rows.Numbers[i], fields: fields, oldest: oldest, latest: latest}, fields)
	}
	gather.endFile()
	c.others = gather.leftOut
	return c, nil
}

// GroupOf returns a function that returns what rows of a header that are one transaction
// have in common, empty if each row is by itself.
func (m *Mapping) GroupOf(header []string) (func(fields []string) string, error) {
	index, err := m.Check(header)
	if err != nil {
		return nil, err
	}
	s := &source{Header: header, index: index}
	return func(fields []string) string { return (&row{m: m, source: s, fields: fields}).group() }, nil
}

// Columns returns the headers of each column that the mapping reads, in the order of the
// columns' names.
func (m *Mapping) Columns() [][]string {
	all := make([][]string, len(m.columns))
	for i, c := range m.columns {
		all[i] = c.headers
	}
	return all
}

// GroupHeaders returns the headers of the column by which rows are one transaction.
func (m *Mapping) GroupHeaders() []string {
	if m.payment == nil {
		return nil
	}
	return m.column(m.payment.group).headers
}

// Observes reports whether rows observe balances.
func (m *Mapping) Observes() bool { return m.balance != nil }

// ShopPrefix returns how all refs of shops of the mapping begin. ok is false if rows make
// no shops, or their refs begin with a column.
func (m *Mapping) ShopPrefix() (prefix string, ok bool) {
	if m.shop == nil || len(m.shop.ref.parts) == 0 {
		return "", false
	}
	prefix = m.shop.ref.parts[0].text
	return prefix, prefix != ""
}

// ShopOf returns a function that returns the ref of a row's shop, empty if it has none.
func (m *Mapping) ShopOf(header []string) (func(fields []string) string, error) {
	if m.shop == nil {
		return func([]string) string { return "" }, nil
	}
	index, err := m.Check(header)
	if err != nil {
		return nil, err
	}
	s := &source{Header: header, index: index}
	return func(fields []string) string {
		ref, _ := m.shop.ref.fill(&row{m: m, source: s, fields: fields})
		return ref
	}, nil
}

// A RowsCheck is what rows would become.
type RowsCheck struct {
	Batch    ledger.Batch
	Rejected []Rejected
}

// CheckRows maps rows, without a ledger.
func (m *Mapping) CheckRows(name string, rows *Rows) (RowsCheck, error) {
	c, err := m.chunk(name, rows)
	if err != nil {
		return RowsCheck{}, err
	}
	var check RowsCheck
	var good []*entry
	for _, e := range c.entries {
		if e.problem == nil {
			good = append(good, e)
			continue
		}
		for _, o := range e.rows {
			check.Rejected = append(check.Rejected, Rejected{o.line, o.fields, e.describe(o, e.problem)})
		}
	}
	check.Batch = newSent().batch(good)
	return check, nil
}
