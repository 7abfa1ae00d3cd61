package ingest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"exchequer/ledger"
)

// A Problem is one thing that is wrong with a body.
type Problem struct {
	Location string `json:"location,omitempty" example:"transactions[3].postings" doc:"Where it is: the record by its list and number, from 0, or by its line, from 1; and the field."`
	Ref      string `json:"ref,omitempty" doc:"What the record calls itself."`
	Message  string `json:"message" doc:"What is wrong, and what is expected."`
}

// mostProblems bounds the list.
const mostProblems = 1000

type problems struct {
	list []Problem
	more int
}

func (p *problems) add(location, ref, message string) {
	if len(p.list) == mostProblems {
		p.more++
		return
	}
	p.list = append(p.list, Problem{location, ref, message})
}

// A Refused is the error of a body that is wrong. Nothing of it was written.
type Refused struct {
	Problems []Problem // the first ones
	More     int       // how many are not listed
}

// Error returns the first problem.
func (e *Refused) Error() string {
	first := e.Problems[0]
	return fmt.Sprintf("%d problems, the first one: %s %s", len(e.Problems)+e.More, first.Location, first.Message)
}

// Written is what became of a body.
type Written struct {
	Records int `json:"records" doc:"How many records the body had, of all lists."`
	Written int `json:"written" doc:"How many transactions, sales or balances were new; of the rest, how many records were taken."`
	Known   int `json:"known" doc:"How many transactions, sales or balances were known, and changed nothing."`
}

// A Ledger is what bodies are written to.
type Ledger interface {
	Append(context.Context, ledger.Batch) (ledger.Written, error)
	Review(context.Context, ledger.Batch) error
}

// Write writes a body, or returns an error: a *Refused if the body is wrong. If the
// error leaves open whether the body was written, writing it again is safe.
func (b *Body) Write(ctx context.Context, l Ledger) (Written, error) {
	if len(b.problems.list) > 0 {
		var refused *ledger.BatchError
		if err := l.Review(ctx, b.batch); err != nil && !errors.As(err, &refused) {
			return Written{}, err
		}
		return Written{}, b.refused(refused)
	}
	if b.Records == 0 {
		return Written{}, nil
	}
	w, err := l.Append(ctx, b.batch)
	var refused *ledger.BatchError
	if errors.As(err, &refused) {
		// Append ends with the first kind of what is wrong.
		var all *ledger.BatchError
		if review := l.Review(ctx, b.batch); errors.As(review, &all) {
			refused = all
		}
		return Written{}, b.refused(refused)
	}
	if err != nil {
		return Written{}, err
	}
	known := w.SkippedTransactions + w.SkippedSales
	if len(b.batch.Observations) > 0 {
		known = w.SkippedObserved
	}
	return Written{Records: b.Records, Written: b.Records - known, Known: known}, nil
}

// refused returns what is wrong with the body and, if not nil, with its batch. What the
// ledger finds wrong with a field that could not be read follows from that.
func (b *Body) refused(batch *ledger.BatchError) error {
	all := b.problems
	if batch != nil {
		unread := map[string]bool{}
		for _, p := range b.problems.list {
			unread[p.Location] = true
			if end := strings.LastIndex(p.Location, "["); end > 0 { // of a list in a record
				unread[p.Location[:end]] = true
			}
		}
		for _, p := range batch.Problems {
			location := p.Line
			if field := fieldOf(p); field != "" {
				location = placeOf(p.Line).at(field)
			}
			if !unread[location] {
				all.add(location, p.Ref, p.Text+advice(p))
			}
		}
		all.more += batch.More
	}
	return &Refused{all.list, all.more}
}

// placeOf returns the place whose text is a line of a batch.
func placeOf(line string) place {
	if strings.HasPrefix(line, "line ") {
		return place{line, ": "}
	}
	return place{line, "."}
}

// fieldOf returns the field of a problem as it is called in a body, empty if it has
// none.
func fieldOf(p ledger.Problem) string {
	switch {
	case strings.Contains(p.Field, " "): // several
		return ""
	case p.Field == "time":
		return "at"
	case p.What == "transaction" && p.Field == "account":
		return "postings"
	}
	return p.Field
}

// advice returns what to do about a problem, where its text does not say.
func advice(p ledger.Problem) string {
	if !strings.HasSuffix(p.Text, " is unknown") {
		return ""
	}
	switch p.Field {
	case "account", "seller", "buyer", "owner":
		return "; write it first, to /api/v1/accounts"
	case "item", "priced_in":
		return `; add it to "items" of a body that is an object`
	case "scope":
		return `; write it first, with "items" of /api/v1/sales`
	case "shop":
		return `; write it first, with "shops" of /api/v1/offers`
	case "transaction":
		return "; write it first, to /api/v1/transactions"
	}
	return ""
}
