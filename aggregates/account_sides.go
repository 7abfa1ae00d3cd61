package aggregates

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

const (
	// mostSides is how many counterparties, and how many sources, of an account are
	// listed.
	mostSides = 20
	// mostBySource is how many postings are divided by source: which source a
	// posting has is known of its transaction alone.
	mostBySource = 20_000
	// mostExchanged is how many postings' counterparties are added up.
	mostExchanged = 100_000
)

// AccountSides is with whom an account exchanged money in a period, and by which
// sources, each with the accounts that are merged into it.
type AccountSides struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Basis
	Received ledger.Sum `json:"received" doc:"In the period; between accounts that are merged into one, too."`
	Sent     ledger.Sum `json:"sent"`
	Postings int64      `json:"postings" doc:"In the period."`

	PartiesFrom    *time.Time     `json:"partiesFrom,omitempty" doc:"If there, counterparties are since this day only: the first of the latest whole days with at most 100,000 postings together. After the period: the latest one alone has more."`
	Counterparties int64          `json:"counterparties" doc:"How many accounts there are on the other side, hidden ones among them."`
	Parties        []Counterparty `json:"parties" nullable:"false" doc:"Those with the largest sum of both directions, at most 20."`
	Others         Exchange       `json:"others" doc:"All others that are not hidden."`
	Hidden         Exchange       `json:"hidden" doc:"Accounts of hidden holders together."`
	Several        Exchange       `json:"several" doc:"Transactions with so many sides that the record does not divide them."`

	Sources      []SourceExchange `json:"sources" nullable:"false" doc:"By received and sent together, at most 20."`
	OtherSources Exchange         `json:"otherSources" doc:"All others together."`
	Divided      int64            `json:"divided" doc:"The latest postings, which are divided by source: all of the period up to 20,000."`
	DividedFrom  *time.Time       `json:"dividedFrom" doc:"The oldest of them; null: there is none."`
}

// An Exchange is what came and went.
type Exchange struct {
	Received ledger.Sum `json:"received"`
	Sent     ledger.Sum `json:"sent"`
	Number   int64      `json:"number" doc:"Of transactions with each counterparty; of a source: of postings."`
}

// Plus returns the sum of two exchanges.
func (e Exchange) Plus(o Exchange) Exchange {
	return Exchange{e.Received.Plus(o.Received), e.Sent.Plus(o.Sent), e.Number + o.Number}
}

// A Counterparty is an account on the other side of transactions.
type Counterparty struct {
	ID   string      `json:"id"`
	Name string      `json:"name"`
	Kind ledger.Kind `json:"kind" enum:"personal,business,government,system"`
	Exchange
}

// SourceExchange is what came and went by a source.
type SourceExchange struct {
	Source string `json:"source"`
	Exchange
}

// PartyColumns are the columns of counterparties.
func PartyColumns() []Column {
	return []Column{
		{"name", "Who", Text}, {"id", "Id", Text}, {"kind", "Kind", Text}, {"received", "Received from them", Money}, {"sent", "Sent to them", Money},
		{"net", "Net", Money}, {"number", "Transactions", Count},
	}
}

// PartiesTable has one row a counterparty.
func (v *AccountSides) PartiesTable() Table {
	t := Table{Columns: PartyColumns()}
	for _, p := range v.Parties {
		t.Rows = append(t.Rows, p.row())
	}
	for _, rest := range []Counterparty{{Name: "others", Exchange: v.Others}, {Name: hiddenParties, Exchange: v.Hidden}, {Name: severalParties, Exchange: v.Several}} {
		if rest.Number > 0 {
			t.Rows = append(t.Rows, rest.row())
		}
	}
	if v.Others.Number > 0 {
		t = t.First(len(v.Parties), v.Counterparties)
	}
	return t
}

// What stands in the place of counterparties that are not named.
const (
	hiddenParties  = "hidden holders"
	severalParties = "several at once"
)

func (p Counterparty) row() []any {
	return []any{p.Name, p.ID, string(p.Kind), p.Received, p.Sent, p.Received.Minus(p.Sent), p.Number}
}

// SourcesTable has one row a source.
func (v *AccountSides) SourcesTable() Table {
	t := Table{Columns: []Column{{"source", "Source", Text}, {"received", "Received", Money}, {"sent", "Sent", Money}, {"postings", "Postings", Count}}}
	for _, s := range v.Sources {
		t.Rows = append(t.Rows, []any{s.Source, s.Received, s.Sent, s.Number})
	}
	if o := v.OtherSources; o.Number > 0 {
		t.Rows = append(t.Rows, []any{"others", o.Received, o.Sent, o.Number})
	}
	return t.others(len(v.Sources), v.OtherSources.Number > 0)
}

// ComputeAccountSides reads with whom and by which sources an account exchanged
// money. It returns nil if there is no such account, or if its holder is hidden.
// Its cost follows the days and the counterparties on them, not the postings.
func ComputeAccountSides(ctx context.Context, db *pgxpool.Pool, w cache.Window, q AccountQuery) (*AccountSides, error) {
	return ComputePastAccountSides(ctx, db, w, AsOf[AccountQuery]{Of: q})
}

// ComputePastAccountSides is ComputeAccountSides in a period that ends with a day.
func ComputePastAccountSides(ctx context.Context, db *pgxpool.Pool, w cache.Window, asOf AsOf[AccountQuery]) (*AccountSides, error) {
	q := asOf.Of
	a := &Series{SeriesRef: SeriesRef{SeriesBalance, q.Account}}
	id, err := a.findAccount(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("account's sides: %w", err)
	}
	if id == 0 {
		return nil, nil
	}
	v := &AccountSides{ID: a.ID, Name: a.Name, Parties: []Counterparty{}, Sources: []SourceExchange{}}
	if err := v.readAsOf(ctx, db, w, q.Days, asOf.At, func(ctx context.Context, tx pgx.Tx, s span) error { return v.fill(ctx, tx, s, id) }); err != nil {
		return nil, fmt.Errorf("account's sides: %w", err)
	}
	return v, nil
}

func (v *AccountSides) fill(ctx context.Context, tx pgx.Tx, s span, id int64) (err error) {
	const sums = `
		SELECT own, sums.* FROM (SELECT $1::bigint || ARRAY(SELECT account FROM merges WHERE target = $1) AS own) AS own, LATERAL (
			SELECT coalesce(sum(received), 0), coalesce(sum(sent), 0), coalesce(sum(postings), 0)::bigint
			FROM account_days WHERE account = ANY(own) AND day BETWEEN $2::date AND $3::date) AS sums`
	var own []int64
	if err := tx.QueryRow(ctx, sums, id, s.Start, s.Today).Scan(&own, &v.Received, &v.Sent, &v.Postings); err != nil {
		return fmt.Errorf("received and sent: %w", err)
	}
	if v.PartiesFrom, err = exchangedFrom(ctx, tx, s, own); err != nil {
		return err
	}
	if err := v.fillParties(ctx, tx, s, own, byBoth); err != nil {
		return fmt.Errorf("counterparties: %w", err)
	}
	if err := v.fillSources(ctx, tx, s, own); err != nil {
		return fmt.Errorf("sources: %w", err)
	}
	return nil
}

// partiesQuery sums what an account exchanged by counterparty, those of hidden
// holders as one, and where the record names none as another.
const partiesQuery = `
	WITH sums AS MATERIALIZED (
		SELECT other, sum(received) AS received, sum(sent) AS sent, sum(transactions)::bigint AS number
		FROM counterparties WHERE account = ANY(@own) AND day BETWEEN @start::date AND @today::date AND other <> ALL(@own)
		GROUP BY other
	), shown AS (
		SELECT sums.*, party, EXISTS (SELECT FROM accounts x JOIN holders h ON h.ref = x.holder WHERE x.id = party AND h.hidden) AS hidden
		FROM sums LEFT JOIN merges ON account = other CROSS JOIN LATERAL (SELECT coalesce(target, other) AS party OFFSET 0) AS p
	)
	SELECT hidden, CASE WHEN hidden THEN -1 ELSE party END AS party, sum(received) AS received, sum(sent) AS sent, sum(number)::bigint AS number, count(DISTINCT party) AS accounts
	FROM shown GROUP BY 1, 2 ORDER BY `

// The orders of counterparties.
const (
	byBoth = `sum(received) + sum(sent) DESC, 2`
	bySent = `sum(sent) DESC, sum(received) DESC, 2`
)

// exchangedFrom returns the first day whose counterparties are added up, so that there
// are not too many; nil if all days of s are.
func exchangedFrom(ctx context.Context, tx pgx.Tx, s span, own []int64) (*time.Time, error) {
	const query = `
		SELECT min(day) FILTER (WHERE upto <= $4), coalesce(max(upto), 0)::bigint FROM (
			SELECT day, sum(sum(postings)) OVER (ORDER BY day DESC) AS upto FROM account_days
			WHERE account = ANY($1) AND day BETWEEN $2::date AND $3::date GROUP BY day) AS days`
	var first *time.Time
	var all int64
	if err := tx.QueryRow(ctx, query, own, s.Start, s.Today, mostExchanged).Scan(&first, &all); err != nil {
		return nil, fmt.Errorf("days with counterparties: %w", err)
	}
	if all <= mostExchanged {
		return nil, nil
	}
	from := plus(s.Today, 1)
	if first != nil {
		from = s.day(*first)
	}
	return &from, nil
}

// fillParties sets the counterparties since v.PartiesFrom, or in all of s.
func (v *AccountSides) fillParties(ctx context.Context, tx pgx.Tx, s span, own []int64, order string) error {
	from := s.Start
	if v.PartiesFrom != nil {
		from = *v.PartiesFrom
	}
	rows, _ := tx.Query(ctx, partiesQuery+order, pgx.NamedArgs{"own": own, "start": from, "today": s.Today})
	var ids []int64
	var hidden bool
	var id, accounts int64
	var e Exchange
	_, err := pgx.ForEachRow(rows, []any{&hidden, &id, &e.Received, &e.Sent, &e.Number, &accounts}, func() error {
		switch {
		case hidden:
			v.Hidden = e
			v.Counterparties += accounts
		case id == 0:
			v.Several = e
		default:
			v.Counterparties++
			if len(ids) < mostSides {
				ids, v.Parties = append(ids, id), append(v.Parties, Counterparty{Exchange: e})
			} else {
				v.Others = v.Others.Plus(e)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	rows, _ = tx.Query(ctx, `SELECT nr, ref, name, kind FROM unnest($1::bigint[]) WITH ORDINALITY AS asked (id, nr) JOIN accounts USING (id)`, ids)
	var nr int
	var p Counterparty
	_, err = pgx.ForEachRow(rows, []any{&nr, &p.ID, &p.Name, &p.Kind}, func() error {
		to := &v.Parties[nr-1]
		to.ID, to.Name, to.Kind = p.ID, p.Name, p.Kind
		return nil
	})
	return err
}

// bySourceQuery divides the latest postings of accounts by source.
const bySourceQuery = `
	SELECT source, coalesce(sum(amount) FILTER (WHERE amount > 0), 0), coalesce(-sum(amount) FILTER (WHERE amount < 0), 0), count(*), min(p.at)
	FROM (
		SELECT newest.* FROM unnest(@own::bigint[]) AS id, LATERAL (
			SELECT at, transaction, amount FROM postings WHERE account = id AND at >= @start AND at < @until
			ORDER BY at DESC, transaction DESC, seq DESC LIMIT @most) AS newest
		ORDER BY at DESC, transaction DESC LIMIT @most) AS p
	JOIN transactions x ON x.id = p.transaction
	GROUP BY source ORDER BY sum(abs(amount)) DESC, source`

func (v *AccountSides) fillSources(ctx context.Context, tx pgx.Tx, s span, own []int64) error {
	args := pgx.NamedArgs{"own": own, "start": s.Start, "until": plus(s.Today, 1), "most": mostBySource}
	rows, _ := tx.Query(ctx, bySourceQuery, args)
	var e SourceExchange
	var oldest time.Time
	_, err := pgx.ForEachRow(rows, []any{&e.Source, &e.Received, &e.Sent, &e.Number, &oldest}, func() error {
		v.Divided += e.Number
		if v.DividedFrom == nil || oldest.Before(*v.DividedFrom) {
			at := oldest.UTC()
			v.DividedFrom = &at
		}
		if len(v.Sources) < mostSides {
			v.Sources = append(v.Sources, e)
		} else {
			v.OtherSources = v.OtherSources.Plus(e.Exchange)
		}
		return nil
	})
	return err
}
