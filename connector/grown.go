package connector

import (
	"context"
	"errors"
	"sync"

	"exchequer/ledger/importer"
)

// readGrown reads what was appended to a file.
func (f *Follower) readGrown(ctx context.Context, s *stream) error {
	of, is := f.source.(growing)
	if !is {
		return errors.New("the source does not grow by lines")
	}
	m := f.marks[s.name]
	t := f.tails[s.name]
	if t == nil {
		t = of.tail(s)
		f.tails[s.name] = t
	}
	at := m.at
	var mu sync.Mutex
	type step struct {
		at   position // how far the file is read
		told told     // by the lines since the rows before
	}
	reached := map[*importer.Rows]step{}
	since := told{}
	summary, err := importer.RunRows(ctx, importer.RowsOptions{
		Ledger: f.Ledger, Mapping: s.mapping, Name: f.config.Name + ":" + s.name,
		Next: func(ctx context.Context) (*importer.Rows, error) {
			for more := true; more; {
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				g, err := t.next(at)
				if err != nil {
					return nil, err
				}
				at, more = g.at, g.more
				if of := f.config.Preset.compared(f.source.kind()); of != nil && of.grows() {
					if err := since.read(s, of, g); err != nil {
						return nil, err
					}
				}
				rows, err := s.read.kept(g)
				if err != nil {
					return nil, err
				}
				if len(rows.Fields) > 0 {
					mu.Lock()
					reached[rows] = step{at, since}
					mu.Unlock()
					since = told{}
					return rows, nil
				}
			}
			return nil, nil
		},
		Written: func(ctx context.Context, rows *importer.Rows, rejected []importer.Rejected) error {
			mu.Lock()
			p := reached[rows]
			delete(reached, rows)
			mu.Unlock()
			m.at = p.at
			f.told.add(p.told)
			return f.state.save(ctx, progress{stream: s.name, at: &m.at, high: m.at.Lines, rows: rows, rejected: rejected})
		},
	})
	f.rounded(ctx, s, summary)
	if err != nil {
		return err
	}
	f.told.add(since)
	if m.at != at { // the last lines were no rows
		m.at = at
		err = f.state.save(ctx, progress{stream: s.name, at: &m.at, high: m.at.Lines, rows: &importer.Rows{}})
	}
	return err
}

// kept returns those of the rows that are the stream's.
func (r *reading) kept(g grown) (*importer.Rows, error) {
	rows := &importer.Rows{Header: g.header}
	if len(g.rows) == 0 {
		return rows, nil
	}
	keeps, err := r.keeps(g.header)
	if err != nil {
		return nil, err
	}
	for i, row := range g.rows {
		if row.Problem != "" || keeps(row.Fields) {
			r.normalize(g.header, row.Fields)
			rows.Add(int(g.lines[i]), row.Fields, row.Problem)
		}
	}
	return rows, nil
}
