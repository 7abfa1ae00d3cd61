package views

import (
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// SourceLargest lists the largest transactions of a source.
func SourceLargest(p Page, v *aggregates.SourceDays) Content {
	c := Content{Sub: sourceSub(v) + ", " + within(v.Period, p.Settings) + symbolNote(p.Settings)}
	if len(v.Largest) == 0 {
		c.Missing = "Nothing moved in this period."
		return c
	}
	c.Body = largestMoves(v, p.Settings)
	return c
}

// whenMoved returns the column of the times of transactions.
func whenMoved(moves []aggregates.LargeMove, s ledger.Settings) aggregates.Column {
	return timesOf(moves, s, func(m aggregates.LargeMove) time.Time { return m.At })
}
