package sample

import (
	"fmt"
	"slices"
	"strings"
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
	e.Flow = townFlow(about)
	e.Source = &aggregates.SourceDays{Basis: about, Source: "state wage", From: "any", To: "any", Bucket: unit,
		Volume: aggregates.Compared[ledger.Sum]{Now: ledger.SumOf(151_200_00), Before: ptr(ledger.SumOf(140_000_00))}, Created: aggregates.Compared[ledger.Sum]{Now: ledger.SumOf(151_200_00), Before: ptr(ledger.SumOf(140_000_00))},
		Destroyed: aggregates.Compared[ledger.Sum]{Before: &ledger.Sum{}}, Largest: largestMoves(about.Period.End)}
	for i, at := range buckets {
		moved := ledger.SumOf(int64(5_040_00 + i%7*10_00))
		e.Source.Moves = append(e.Source.Moves, aggregates.SourceMoves{Start: at, Volume: moved, Created: moved, Partial: i == len(buckets)-1})
	}
}

// largestMoves are paid by one account, by several and by a hidden holder.
func largestMoves(end time.Time) []aggregates.LargeMove {
	mint, person, firm := aggregates.Party{Kind: ledger.System, Issuer: true}, aggregates.Party{Kind: ledger.Personal}, aggregates.Party{Kind: ledger.Business}
	return []aggregates.LargeMove{
		{At: end.Add(-26 * time.Hour), Payer: aggregates.MoveSide{Party: mint, ID: "mint", Name: "Mint"}, Receiver: aggregates.MoveSide{Party: person, Several: true},
			Volume: ledger.SumOf(24_000_00), Message: "Wages of the week", Origin: "town", Ref: "w/46"},
		{At: end.Add(-51 * time.Hour), Payer: aggregates.MoveSide{Party: person, Name: ledger.HiddenName}, Receiver: aggregates.MoveSide{Party: firm, ID: "f", Name: "Ferry & Oak"},
			Volume: ledger.SumOf(9_120_50), Message: "a boat, and <everything> in it; " + strings.Repeat("rope and tar, ", 20), Origin: "town", Ref: "b/7"},
		{At: end.Add(-80 * time.Hour), Payer: aggregates.MoveSide{Party: person, ID: "ada", Name: "Ada"}, Receiver: aggregates.MoveSide{Party: person, ID: "bob", Name: "Bob"},
			Volume: ledger.SumOf(9_120_50), Origin: "town", Ref: "p/1"},
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
	e.Flow = councilFlow(about)
	source := *e.Source
	source.Basis, source.Moves = about, nil
	source.Largest = []aggregates.LargeMove{}
	source.Volume, source.Created = aggregates.Compared[ledger.Sum]{}, aggregates.Compared[ledger.Sum]{}
	for i := range 30 {
		source.Moves = append(source.Moves, aggregates.SourceMoves{Start: end.AddDate(0, 0, i-30)})
	}
	e.Source = &source
}

func townFlow(about aggregates.Basis) *aggregates.Flow {
	person, firm, state, mint := aggregates.Party{Kind: ledger.Personal}, aggregates.Party{Kind: ledger.Business}, aggregates.Party{Kind: ledger.Government}, aggregates.Party{Kind: ledger.System, Issuer: true}
	edges := []aggregates.Edge{
		{From: person, Source: "shop", To: person, Volume: ledger.SumOf(901_000_00)}, {From: person, Source: "shop", To: firm, Volume: ledger.SumOf(640_500_00)},
		{From: firm, Source: "wage", To: person, Volume: ledger.SumOf(410_250_50)}, {From: mint, Source: "state wage", To: person, Volume: ledger.SumOf(151_200_00)},
		{From: person, Source: "tax", To: state, Volume: ledger.SumOf(120_000_00)}, {From: state, Source: "grant", To: firm, Volume: ledger.SumOf(90_000_00)},
		{From: mint, Source: "job", To: person, Volume: ledger.SumOf(68_003_50)}, {From: person, Source: "market fee", To: mint, Volume: ledger.SumOf(61_000_00)},
		{From: firm, Source: "mine tax", To: mint, Volume: ledger.SumOf(34_000_00)}, {From: mint, Source: "interest", To: state, Volume: ledger.SumOf(21_050_00)},
		{From: mint, Source: "interest", To: person, Volume: ledger.SumOf(5_000_00)},
	}
	f := flowOf(about, edges)
	f.Holders = 2317
	f.Volume.Before, f.Created.Before = ptr(ledger.SumOf(2_400_000_00)), ptr(ledger.SumOf(200_000_00))
	return f
}

// councilFlow has more sources than are drawn, and one kind that pays.
func councilFlow(about aggregates.Basis) *aggregates.Flow {
	var edges []aggregates.Edge
	for i := range 14 {
		name := fmt.Sprintf("Directorate %d for Children, Families and <Everybody> Else in the City", i+1)
		edges = append(edges, aggregates.Edge{From: aggregates.Party{Kind: ledger.System, Issuer: true}, Source: name, To: aggregates.Party{Kind: ledger.Business}, Volume: ledger.SumOf(900_000_000_00 / int64(i+1))})
	}
	f := flowOf(about, edges)
	f.Others = aggregates.OtherSources{Sources: 3, Volume: ledger.SumOf(100_00), Created: ledger.SumOf(100_00)}
	f.Edges = append(f.Edges, aggregates.Edge{From: aggregates.Party{Kind: ledger.System, Issuer: true}, To: aggregates.Party{Kind: ledger.Business}, Volume: ledger.SumOf(100_00)})
	return f
}

// flowOf returns the flow that follows from its edges, one source after another.
func flowOf(about aggregates.Basis, edges []aggregates.Edge) *aggregates.Flow {
	f := &aggregates.Flow{Basis: about, Edges: edges}
	for _, e := range edges {
		at := slices.IndexFunc(f.Sources, func(s aggregates.SourceFlow) bool { return s.Source == e.Source })
		if at < 0 {
			at = len(f.Sources)
			f.Sources = append(f.Sources, aggregates.SourceFlow{Source: e.Source})
		}
		of := &f.Sources[at]
		of.Volume, f.Volume.Now = of.Volume.Plus(e.Volume), f.Volume.Now.Plus(e.Volume)
		switch {
		case e.From.Issuer:
			of.Created, f.Created.Now = of.Created.Plus(e.Volume), f.Created.Now.Plus(e.Volume)
		case e.To.Issuer:
			of.Destroyed, f.Destroyed.Now = of.Destroyed.Plus(e.Volume), f.Destroyed.Now.Plus(e.Volume)
		default:
			f.Transfers.Now = f.Transfers.Now.Plus(e.Volume)
		}
		f.Kinds = append(f.Kinds, aggregates.KindFlow{From: e.From.Kind, To: e.To.Kind, Volume: e.Volume})
	}
	return f
}
