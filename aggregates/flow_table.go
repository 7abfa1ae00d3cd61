package aggregates

import (
	"fmt"

	"exchequer/ledger"
)

// Table has one row a measure.
func (f *Flow) Table() Table {
	t := Table{Columns: []Column{{"measure", "Measure", Text}, {"now", "In the period", Money}, {"before", "In the period before", Money}}}
	t.Rows = [][]any{f.Created.row("Created"), f.Destroyed.row("Destroyed"), f.Transfers.row("Transfers"), f.Volume.row("Volume")}
	return t
}

// EdgesTable has one row a payer, source and receiver.
func (f *Flow) EdgesTable() Table {
	t := Table{Columns: []Column{
		{"from", "Paid by", Text}, {"source", "Source", Text}, {"to", "Received by", Text}, {"volume", "Moved", Money}, {"share", "Share", Percent},
	}}
	for _, e := range f.Edges {
		source := e.Source
		if source == "" {
			source = fmt.Sprintf("other (%d)", f.Others.Sources)
		}
		t.Rows = append(t.Rows, []any{e.From.Key(), source, e.To.Key(), e.Volume, share(e.Volume, f.Volume.Now)})
	}
	return t.First(len(f.Sources), int64(len(f.Sources))+f.Others.Sources)
}

// CreatedTable has one row a source that created money.
func (f *Flow) CreatedTable() Table {
	return sourcesOf(f.CreatedBySource(), f.Others.Sources, f.Others.Created, f.Created.Now)
}

// DestroyedTable has one row a source that destroyed money.
func (f *Flow) DestroyedTable() Table {
	return sourcesOf(f.DestroyedBySource(), f.Others.Sources, f.Others.Destroyed, f.Destroyed.Now)
}

func sourcesOf(list []SourceFlow, others int64, rest, whole ledger.Sum) Table {
	t := Table{Columns: []Column{{"source", "Source", Text}, {"amount", "Amount", Money}, {"share", "Share", Percent}}}
	for _, of := range list {
		t.Rows = append(t.Rows, []any{of.Source, of.Volume, share(of.Volume, whole)})
	}
	if rest.Sign() > 0 {
		t.Rows = append(t.Rows, []any{fmt.Sprintf("other (%d)", others), rest, share(rest, whole)})
	}
	return t.others(len(list), rest.Sign() > 0)
}
