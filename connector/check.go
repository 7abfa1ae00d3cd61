package connector

import (
	"context"
	"fmt"

	"exchequer/connector/format"
	"exchequer/ledger"
	"exchequer/ledger/importer"
)

// A StreamCheck is what the first rows of a stream would become.
type StreamCheck struct {
	Stream   string
	Rows     int
	Batch    ledger.Batch
	Rejected []importer.Rejected
}

// checkedRows is how many rows of a stream a check reads, at least.
const checkedRows = 1000

// Check maps the first rows of each stream of a source, and writes nothing.
func Check(ctx context.Context, c Config) (checks []StreamCheck, err error) {
	open, err := parseSource(c.URL)
	if err != nil {
		return nil, err
	}
	s, err := open()
	if err != nil {
		return nil, err
	}
	defer s.close()
	if err := s.fits(c.Preset); err != nil {
		return nil, err
	}
	all := c.Preset.read(s.kind())
	if of := c.Preset.compared(s.kind()); of != nil {
		all = append(all, of)
	}
	err = s.read(ctx, func(at snapshot) error {
		for _, of := range all {
			check, err := of.check(ctx, at, c.Name)
			if err != nil {
				return fmt.Errorf("%s: %w", of.name, err)
			}
			checks = append(checks, check)
		}
		return nil
	})
	return checks, err
}

func (s *stream) check(ctx context.Context, at snapshot, source string) (StreamCheck, error) {
	rows, key, one := &importer.Rows{}, "", s.single("")
	groupOf := func([]string) string { return "" }
	err := at.each(ctx, s, 0, checkedRows, func(header []string, row format.Row) (err error) {
		if rows.Header == nil {
			rows.Header = header
			if groupOf, err = s.mapping.GroupOf(header); err != nil {
				return err
			}
		}
		group := groupOf(row.Fields)
		if len(rows.Fields) >= checkedRows && (group == "" || group != key) {
			return errEnough
		}
		key = group
		if row.Problem == "" {
			row.Problem = one.check(header, row.Fields)
		}
		rows.Add(len(rows.Numbers)+1, row.Fields, row.Problem)
		return nil
	})
	if err != nil {
		return StreamCheck{}, err
	}
	if rows.Header == nil { // no rows
		return StreamCheck{Stream: s.name}, nil
	}
	checked, err := s.mapping.CheckRows(source+":"+s.name, rows)
	return StreamCheck{s.name, len(rows.Fields), checked.Batch, checked.Rejected}, err
}
