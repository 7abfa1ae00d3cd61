package connector

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strconv"
	"time"

	"exchequer/connector/format"
	"exchequer/ledger/importer"
)

const (
	batchIDs  = 4000   // that are read at a time
	batchRows = 10_000 // of a stream without ids
)

// readNew reads the rows after the mark, each batch in a transaction of its own, so that
// the source need not keep old rows for long.
func (f *Follower) readNew(ctx context.Context, s *stream) error {
	position := f.marks[s.name].high
	return f.write(ctx, s, func(ctx context.Context) (rows *importer.Rows, err error) {
		err = f.source.read(ctx, func(at snapshot) error {
			rows, position, _, err = f.batch(ctx, at, s, position, batchIDs, nil)
			return err
		})
		return rows, err
	})
}

// readAfter reads the rows after an id that were not read before, all in one snapshot.
func (f *Follower) readAfter(ctx context.Context, at snapshot, s *stream, position int64) error {
	// The ids are looked up while others are added.
	written := f.marks[s.name].written
	written.bits = slices.Clone(written.bits)
	return f.write(ctx, s, func(ctx context.Context) (*importer.Rows, error) {
		for {
			// A first run, of which nothing is settled, is not read twice.
			position = written.through(position)
			rows, next, any, err := f.batch(ctx, at, s, position, batchIDs, &written)
			if err != nil || !any {
				return nil, err
			}
			if position = next; len(rows.Fields) > 0 {
				return rows, nil
			}
		}
	})
}

// retried is how many ids of rows that were left out are read again in a round.
const retried = 500

// readLeftOut reads again some of the ids whose rows were left out, since what is bad may
// have been mended, or was only early.
func (f *Follower) readLeftOut(ctx context.Context, at snapshot, s *stream) error {
	ids, err := f.state.leftOut(ctx, s.name, retried)
	if err != nil || len(ids) == 0 {
		return err
	}
	rows := &importer.Rows{}
	for _, id := range ids {
		again, _, any, err := f.batch(ctx, at, s, id-1, 1, nil)
		if err != nil {
			return err
		}
		if any && again.Numbers[0] == int(id) {
			rows.Header = again.Header
			rows.Fields, rows.Numbers = append(rows.Fields, again.Fields...), append(rows.Numbers, again.Numbers...)
		}
	}
	if len(rows.Fields) == 0 {
		return nil
	}
	return f.write(ctx, s, func(context.Context) (*importer.Rows, error) {
		defer func() { rows = nil }()
		return rows, nil
	})
}

// batch returns the rows of the next ids after a position that are not in written, the
// last of these ids, and whether there were any. Without any, rows is nil unless written
// is given.
func (f *Follower) batch(ctx context.Context, at snapshot, s *stream, position int64, limit int, written *idSet) (rows *importer.Rows, last int64, any bool, err error) {
	rows, last = &importer.Rows{}, position
	column := -1
	err = at.each(ctx, s, position, limit, func(header []string, row format.Row) error {
		if column < 0 {
			if column = slices.Index(header, s.mark); column < 0 {
				return fmt.Errorf("the query has no column %q, which is its mark", s.mark)
			}
			rows.Header = header
		}
		id, err := strconv.ParseInt(row.Fields[column], 10, 64)
		if err != nil || id < last || id <= position {
			return fmt.Errorf("column %q has %q after %d: expected whole numbers after :after, in their order", s.mark, row.Fields[column], last)
		}
		last, any = id, true
		if written == nil || !written.has(id) {
			rows.Add(int(id), row.Fields, row.Problem)
		}
		return nil
	})
	if !any && written == nil {
		rows = nil
	}
	return rows, last, any, err
}

// write writes the batches that next returns, and saves the mark after each.
func (f *Follower) write(ctx context.Context, s *stream, next func(context.Context) (*importer.Rows, error)) error {
	m := f.marks[s.name]
	summary, err := importer.RunRows(ctx, importer.RowsOptions{
		Ledger: f.Ledger, Mapping: s.mapping, Name: f.config.Name + ":" + s.name, Next: next,
		Written: func(ctx context.Context, rows *importer.Rows, rejected []importer.Rejected) error {
			left := map[int]bool{}
			for _, r := range rejected {
				left[r.Number] = true
			}
			// Rows that were left out are read again until they are settled.
			m.pass(time.Now(), rows.Numbers, left)
			return f.state.save(ctx, progress{stream: s.name, high: m.high, settled: m.settled, rows: rows, rejected: rejected})
		},
	})
	f.rounded(ctx, s, summary)
	return err
}

// rounded reports what rounding has added to amounts.
func (f *Follower) rounded(ctx context.Context, s *stream, summary importer.Summary) {
	if summary.RoundedAmounts > 0 {
		f.Log.InfoContext(ctx, "amounts with more decimals than the ledger were rounded", "source", f.config.Name, "stream", s.name,
			"amounts", summary.RoundedAmounts, "added", summary.Rounding)
	}
}

// seen is what the last reading of a stream without a mark had.
type seen struct {
	seed    maphash.Seed
	rows    map[uint64]bool // of what is one transaction, or one row
	at      time.Time       // when all of it was written
	version string          // of the stream then; empty: it may have changed since
	shops   map[string]bool // nil: it has none, or was not read yet
}

// refreshed is how often all rows are written, so that shops are seen to be there.
const refreshed = time.Hour

// readWhole reads all rows of a stream and writes those that are new or were changed.
func (f *Follower) readWhole(ctx context.Context, at snapshot, s *stream) error {
	known, began := f.seen[s.name], time.Now()
	before, now := known.rows, map[uint64]bool{}
	version := ""
	if v, is := f.source.(versioned); is {
		version = v.version(s)
	}
	if version != "" && version == known.version {
		return nil
	}
	prefix, makesShops := s.mapping.ShopPrefix()
	shops := map[string]bool{}
	if time.Since(known.at) > refreshed {
		before = nil
	}
	batches, failed := make(chan *importer.Rows), make(chan error, 1)
	reading, stop := context.WithCancel(ctx)
	defer stop()
	m := f.marks[s.name]
	one := s.single(m.at.Same)
	go func() {
		defer close(batches)
		failed <- f.changed(reading, at, s, one, before, now, shops, known.seed, batches)
	}()
	rejected := map[uint64]bool{}
	var forgotten bool
	summary, err := importer.RunRows(ctx, importer.RowsOptions{
		Ledger: f.Ledger, Mapping: s.mapping, Name: f.config.Name + ":" + s.name,
		Next: func(ctx context.Context) (*importer.Rows, error) {
			select {
			case rows := <-batches:
				return rows, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		},
		Written: func(ctx context.Context, rows *importer.Rows, left []importer.Rejected) error {
			for _, r := range left {
				rejected[hashRow(known.seed, r.Fields)] = true
			}
			if !forgotten {
				forgotten = true
				if err := f.state.forget(ctx, s.name); err != nil {
					return err
				}
			}
			p := progress{stream: s.name, whole: true, rows: rows, rejected: left}
			if m.at.Same = one.known(); m.at.Same != "" {
				p.at = &m.at
			}
			return f.state.save(ctx, p)
		},
	})
	stop()
	for range batches {
	}
	f.rounded(ctx, s, summary)
	if err = errors.Join(err, <-failed); err != nil {
		return err
	}
	if !forgotten { // nothing is new, and so nothing is bad any more
		if err := f.state.forget(ctx, s.name); err != nil {
			return err
		}
	}
	// Bad rows are tried again each time.
	for hash := range rejected {
		delete(now, hash)
	}
	if before == nil {
		known.at = time.Now()
	}
	known.rows, known.version = now, version
	if len(rejected) > 0 {
		known.version = ""
	}
	if makesShops && (known.shops == nil || !maps.Equal(shops, known.shops)) {
		if err := f.closeGone(ctx, prefix, shops, began); err != nil {
			return err
		}
		known.shops = shops
	}
	return nil
}

// changed sends the rows of a stream that are not among those before, and puts all rows
// into now, and the refs of their shops into shops. Rows of one group are sent together.
func (f *Follower) changed(ctx context.Context, at snapshot, s *stream, one *single, before, now map[uint64]bool, shops map[string]bool, seed maphash.Seed, batches chan<- *importer.Rows) error {
	rows := &importer.Rows{}
	send := func() error {
		if len(rows.Fields) == 0 {
			return nil
		}
		select {
		case batches <- rows:
			rows = &importer.Rows{Header: rows.Header}
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	number, key := 0, ""
	var group []format.Row
	end := func() error {
		isNew := false
		for _, row := range group {
			hash := hashRow(seed, row.Fields)
			isNew = isNew || !before[hash]
			now[hash] = true
		}
		if isNew {
			for i, row := range group {
				rows.Add(number-len(group)+i+1, row.Fields, row.Problem)
			}
		}
		group = group[:0]
		if len(rows.Fields) >= batchRows {
			return send()
		}
		return nil
	}
	groupOf := func([]string) string { return "" }
	shopOf := groupOf
	err := at.each(ctx, s, 0, 0, func(header []string, row format.Row) error {
		if rows.Header == nil {
			rows.Header = header
			var err error
			if groupOf, err = s.mapping.GroupOf(header); err != nil {
				return err
			}
			if shopOf, err = s.mapping.ShopOf(header); err != nil {
				return err
			}
		}
		if ref := shopOf(row.Fields); ref != "" {
			shops[ref] = true
		}
		if row.Problem == "" {
			row.Problem = one.check(header, row.Fields)
		}
		next := groupOf(row.Fields)
		if len(group) > 0 && (next == "" || next != key) {
			if err := end(); err != nil {
				return err
			}
		}
		number++
		key, group = next, append(group, row)
		return nil
	})
	if err == nil {
		err = end()
	}
	if err == nil {
		err = send()
	}
	return err
}

func hashRow(seed maphash.Seed, fields []string) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, field := range fields {
		_, _ = h.WriteString(field) // never fails
		_ = h.WriteByte(0)
	}
	return h.Sum64()
}
