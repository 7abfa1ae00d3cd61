package sample

import (
	"fmt"
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// flows fills what money was created, destroyed and moved.
func (e *Economy) flows(days aggregates.Days, buckets []time.Time, unit string) {
	about := basis(days, buckets[0], Noon)
	e.Bridge = &aggregates.Bridge{Basis: about,
		Opening: ledger.SumOf(8_069_653_00), Closing: ledger.SumOf(8_214_906_50),
		Steps: []aggregates.BridgeStep{
			{Source: "state wage", Change: ledger.SumOf(151_200_00)}, {Source: "job", Change: ledger.SumOf(68_003_50)}, {Source: "interest", Change: ledger.SumOf(21_050_00)},
			{Source: "event prize", Change: ledger.SumOf(3_000_00)}, {Source: "refund", Change: ledger.SumOf(2_000_00)},
			{Source: "market fee", Change: ledger.SumOf(-61_000_00)}, {Source: "mine tax", Change: ledger.SumOf(-34_000_00)}, {Source: "lost & found", Change: ledger.SumOf(-4_500_00)},
			{Source: "refund", Change: ledger.SumOf(-500_00)},
		},
		Archived: aggregates.ArchivedMoney{Accounts: 3, Held: ledger.SumOf(1_204_50)},
	}
	e.Source = &aggregates.SourceDays{Basis: about, Source: "state wage", From: "any", To: "any", Bucket: unit,
		Volume: aggregates.Compared[ledger.Sum]{Now: ledger.SumOf(151_200_00), Before: ptr(ledger.SumOf(140_000_00))}, Created: aggregates.Compared[ledger.Sum]{Now: ledger.SumOf(151_200_00), Before: ptr(ledger.SumOf(140_000_00))},
		Destroyed: aggregates.Compared[ledger.Sum]{Before: &ledger.Sum{}}}
	for i, at := range buckets {
		moved := ledger.SumOf(int64(5_040_00 + i%7*10_00))
		e.Source.Moves = append(e.Source.Moves, aggregates.SourceMoves{Start: at, Volume: moved, Created: moved, Partial: i == len(buckets)-1})
	}
}

// councilFlows fills them for a public body: many sources, enormous sums, and
// books that do not balance.
func (e *Economy) councilFlows(end time.Time) {
	about := e.Activity.Basis
	e.Bridge = &aggregates.Bridge{Basis: about, Unexplained: ledger.SumOf(12_00)}
	for i := range 14 {
		sign := int64(1)
		if i%3 == 2 {
			sign = -1
		}
		e.Bridge.Steps = append(e.Bridge.Steps, aggregates.BridgeStep{
			Source: fmt.Sprintf("Directorate %d for Children, Families and <Everybody> Else in the City", i+1), Change: ledger.SumOf(sign * 900_000_000_00 / int64(i+1))})
	}
	e.Bridge.Steps = aggregates.InOrder(e.Bridge.Steps)
	for _, s := range e.Bridge.Steps {
		e.Bridge.Closing = e.Bridge.Closing.Plus(s.Change)
	}
	e.Bridge.Closing = e.Bridge.Closing.Plus(e.Bridge.Unexplained)
	source := *e.Source
	source.Basis, source.Moves = about, nil
	source.Volume, source.Created = aggregates.Compared[ledger.Sum]{}, aggregates.Compared[ledger.Sum]{}
	for i := range 30 {
		source.Moves = append(source.Moves, aggregates.SourceMoves{Start: end.AddDate(0, 0, i-30)})
	}
	e.Source = &source
}
