package aggregates

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// mostLegs is how many postings of a transaction are read to name who paid and who
// received.
const mostLegs = 1000

// A LargeMove is what one transaction moved from accounts of one party to those of
// another.
type LargeMove struct {
	At       time.Time  `json:"at"`
	Payer    MoveSide   `json:"payer"`
	Receiver MoveSide   `json:"receiver"`
	Volume   ledger.Sum `json:"volume" doc:"What it moved between them, which is a part of the transaction if others paid or received too."`
	Message  string     `json:"message"`
	Origin   string     `json:"origin" doc:"Of the transaction."`
	Ref      string     `json:"ref" doc:"Of the transaction."`
}

// A MoveSide is who paid or who received.
type MoveSide struct {
	Party
	ID      string `json:"id" doc:"The account; empty if there are several, or if its holder is hidden."`
	Name    string `json:"name" doc:"Empty if there are several."`
	Several bool   `json:"several" doc:"Several accounts of the kind paid, or received, on balance."`
}

// readLargest reads the largest transactions of a source on the days of a period:
// the largest of those that are kept of each day, from where the record begins.
func readLargest(ctx context.Context, tx pgx.Tx, s span, q SourceQuery) ([]LargeMove, error) {
	query := `
		SELECT l.*, at, message, origin, ref
		FROM (
			SELECT transaction, volume::numeric AS volume, from_kind, from_issuer, to_kind, to_issuer
			FROM flow_largest CROSS JOIN LATERAL unnest(transactions, volumes) AS of (transaction, volume)
			WHERE day BETWEEN @first::date AND @last::date AND ` + ofSource + `
			ORDER BY 2 DESC, 1, 3, 4, 5, 6 LIMIT @most) AS l
		JOIN transactions ON id = transaction
		ORDER BY volume DESC, transaction, from_kind, from_issuer, to_kind, to_issuer`
	args := q.parties()
	args["first"], args["last"], args["most"] = latest(s.Start, s.Begins), s.Today, ledger.MostLargest
	all := []LargeMove{}
	var ids []int64
	var id int64
	var m LargeMove
	rows, _ := tx.Query(ctx, query, args)
	_, err := pgx.ForEachRow(rows, []any{&id, &m.Volume, &m.Payer.Kind, &m.Payer.Issuer, &m.Receiver.Kind, &m.Receiver.Issuer, &m.At, &m.Message, &m.Origin, &m.Ref}, func() error {
		all, ids = append(all, m), append(ids, id)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("largest transactions: %w", err)
	}
	return all, nameSides(ctx, tx, ids, all)
}

// nameSides names who paid and who received in transactions that have these ids. An
// account that is merged into another one has that one's name.
func nameSides(ctx context.Context, tx pgx.Tx, ids []int64, moves []LargeMove) error {
	const query = `
		SELECT nr, coalesce(m.target, account), kind, issuer, sum(amount), count(*)
		FROM unnest($1::bigint[]) WITH ORDINALITY AS of (id, nr) JOIN transactions t USING (id)
		CROSS JOIN LATERAL (SELECT account, amount FROM postings WHERE transaction = t.id AND at = t.at ORDER BY seq LIMIT $2) AS p
		JOIN accounts ON accounts.id = account LEFT JOIN merges m USING (account)
		GROUP BY nr, account, m.target, kind, issuer`
	type place struct {
		move     int
		receives bool
	}
	sides := map[place]map[int64]bool{} // the accounts
	legs := make([]int64, len(moves))
	var nr int
	var account, count int64
	var p Party
	var net ledger.Sum
	rows, _ := tx.Query(ctx, query, ids, mostLegs+1)
	_, err := pgx.ForEachRow(rows, []any{&nr, &account, &p.Kind, &p.Issuer, &net, &count}, func() error {
		at := place{nr - 1, net.Sign() > 0}
		legs[at.move] += count
		of := moves[at.move].Payer.Party
		if at.receives {
			of = moves[at.move].Receiver.Party
		}
		if p != of || net.Sign() == 0 {
			return nil
		}
		if sides[at] == nil {
			sides[at] = map[int64]bool{}
		}
		sides[at][account] = true
		return nil
	})
	if err != nil {
		return fmt.Errorf("accounts of the largest transactions: %w", err)
	}
	var known []int64
	var places []*MoveSide
	for i := range moves {
		for side, of := range map[place]*MoveSide{{i, false}: &moves[i].Payer, {i, true}: &moves[i].Receiver} {
			of.Several = len(sides[side]) != 1 || legs[i] > mostLegs
			for account := range sides[side] {
				if !of.Several {
					known, places = append(known, account), append(places, of)
				}
			}
		}
	}
	names := make([]Trader, len(known))
	if err := nameTraders(ctx, tx, known, names); err != nil {
		return err
	}
	for i, of := range places {
		of.ID, of.Name = names[i].ID, names[i].Name
	}
	return nil
}

// LargestTable has one row a transaction.
func (v *SourceDays) LargestTable() Table {
	t := Table{Columns: []Column{
		{"at", "Time", Instant}, {"payer", "Paid by", Text}, {"payer_name", "Name of who paid", Text}, {"receiver", "Received by", Text}, {"receiver_name", "Name of who received", Text},
		{"amount", "Amount", Money}, {"message", "Message", Text}, {"origin", "Origin", Text}, {"ref", "Transaction", Text},
	}}
	name := func(s MoveSide) string {
		if s.Several {
			return "several"
		}
		return s.Name
	}
	for _, m := range v.Largest {
		t.Rows = append(t.Rows, []any{m.At, m.Payer.ID, name(m.Payer), m.Receiver.ID, name(m.Receiver), m.Volume, m.Message, m.Origin, m.Ref})
	}
	return t.upTo(len(v.Largest), ledger.MostLargest)
}
