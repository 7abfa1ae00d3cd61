package connector

import (
	"context"
	"fmt"
	"sync"

	"exchequer/ledger/importer"
)

// readGrown reads what was appended to a file.
func (f *Follower) readGrown(ctx context.Context, s *stream) error {
	of, is := f.source.(growing)
	if !is {
		return fmt.Errorf("the source does not grow by lines")
	}
	m := f.marks[s.name]
	t := f.tails[s.name]
	if t == nil {
		t = of.tail(s)
		f.tails[s.name] = t
	}
	at := m.at
	var mu sync.Mutex
	reached := map[*importer.Rows]position{} // how far the file is read with these rows
	_, err := importer.RunRows(ctx, importer.RowsOptions{
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
				rows, err := s.read.kept(g)
				if err != nil {
					return nil, err
				}
				if len(rows.Fields) > 0 {
					mu.Lock()
					reached[rows] = at
					mu.Unlock()
					return rows, nil
				}
			}
			return nil, nil
		},
		Written: func(ctx context.Context, rows *importer.Rows, rejected []importer.Rejected) error {
			mu.Lock()
			m.at = reached[rows]
			delete(reached, rows)
			mu.Unlock()
			return f.state.save(ctx, progress{stream: s.name, at: &m.at, high: m.at.Lines, rows: rows, rejected: rejected})
		},
	})
	if err == nil && m.at != at { // the last lines were no rows
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
			rows.Add(int(g.lines[i]), row.Fields, row.Problem)
		}
	}
	return rows, nil
}
