package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
)

// A Header is what is written on a transaction.
type Header struct {
	Cursor  // its place in the list of all transactions; Seq is 0
	Origin  string
	Ref     string
	Source  string
	Message string
}

// A Posted is one transaction with what it moved and changed.
type Posted struct {
	Header
	Postings int64 // how many there are
	Volume   int64 // what accounts gained on balance
	Between  []Between
	Legs     []Leg
	// Rest is the postings that follow Legs.
	Rest Rest
	// Sales are the lines of trade that name the transaction, at most
	// [MostSalesOfTransaction]. MoreSales means that there are others.
	Sales     []TransactionSale
	MoreSales bool
	// Previous and Next are the neighbours of the same source, nil at the ends.
	Previous, Next *Header
	// Balanced means that the legs have balances: they are computed of few legs only.
	Balanced bool
}

// A Side is a kind of account, issuers apart.
type Side struct {
	Kind   Kind
	Issuer bool
}

// party returns the side as flows have it. Its kind must be known.
func (s Side) party() party { return partyOf(s.Kind, s.Issuer) }

func (p party) side() Side { return Side{p.kind(), p.issues()} }

// Between is what accounts of one side paid those of another.
type Between struct {
	From, To Side
	Volume   int64
}

// A Leg is a posting of a transaction.
type Leg struct {
	Seq     int32
	Account Party
	Amount  int64
	// Before and After are the balances of the account with those merged into it. They
	// are nil if its holder is hidden, or if it has too many postings on the day.
	Before, After *int64
}

// A Rest sums postings.
type Rest struct {
	Postings       int64
	Received, Paid Sum // Paid is positive
}

// A TransactionSale is a line of trade that names a transaction.
type TransactionSale struct {
	SaleLine
	Item, ItemName string
	Shop           string // ref; empty if it is not known
}

// What a transaction's page reads at most.
const (
	MostSalesOfTransaction = 50
	mostBalancedLegs       = 20
	mostBalancedPostings   = 20_000 // of an account on the day
)

// FirstLeg is the place before the first posting of a transaction.
const FirstLeg = -1

// Transaction returns a transaction with its postings after a place, at most limit,
// nil if there is none by this origin and ref, and [ErrArchived] if it is archived. What is not a posting is read only
// with the first postings. It reads indexes only: its cost follows limit and, of the
// sums, the number of its postings.
func (l *Ledger) Transaction(ctx context.Context, origin, ref string, after int32, limit int) (*Posted, error) {
	for _, s := range []string{origin, ref} {
		if len(s) > maxRef || !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			return nil, nil // the database would refuse to compare it
		}
	}
	var p *Posted
	err := pgx.BeginTxFunc(ctx, l.reads(ctx), pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) (err error) {
		p, err = readTransaction(ctx, tx, origin, ref, after, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read a transaction: %w", err)
	}
	return p, nil
}

func readTransaction(ctx context.Context, tx pgx.Tx, origin, ref string, after int32, limit int) (*Posted, error) {
	const query = `
		SELECT t.at, t.id, 0, t.origin, t.ref, t.source, t.message FROM refs r JOIN transactions t ON t.id = r.id
		WHERE r.ref = $1 AND r.origin = $2 AND r.what = 't'`
	head, err := readHeader(ctx, tx, query, ref, origin)
	if head == nil && err == nil {
		err = archivedOrNone(ctx, tx, origin, ref)
	}
	if err != nil || head == nil {
		return nil, err
	}
	p := &Posted{Header: *head}
	if err := p.readLegs(ctx, tx, after, limit); err != nil {
		return nil, fmt.Errorf("postings: %w", err)
	}
	if after != FirstLeg {
		return p, nil
	}
	for _, read := range []struct {
		what string
		read func(context.Context, pgx.Tx) error
	}{{"sums", p.readSums}, {"balances", p.readBalances}, {"sales", p.readSales}, {"neighbours", p.readNeighbours}} {
		if err := read.read(ctx, tx); err != nil {
			return nil, fmt.Errorf("%s: %w", read.what, err)
		}
	}
	return p, nil
}

// archivedOrNone returns [ErrArchived] of a transaction that was here once.
func archivedOrNone(ctx context.Context, tx pgx.Tx, origin, ref string) error {
	var known bool
	const query = `SELECT EXISTS (SELECT FROM refs WHERE ref = $1 AND origin = $2 AND what = 't') AND (SELECT begins > '-infinity' FROM archive)`
	if err := tx.QueryRow(ctx, query, ref, origin).Scan(&known); err != nil || !known {
		return err
	}
	return ErrArchived
}

// readHeader returns the only row of a query, nil if it has none.
func readHeader(ctx context.Context, tx pgx.Tx, query string, args ...any) (*Header, error) {
	rows, _ := tx.Query(ctx, query, args...)
	h, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (h Header, err error) {
		err = row.Scan(&h.At, &h.Transaction, &h.Seq, &h.Origin, &h.Ref, &h.Source, &h.Message)
		return h, err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return &h, err
}

func (p *Posted) readLegs(ctx context.Context, tx pgx.Tx, after int32, limit int) error {
	query := `
		SELECT s.seq, account.ref, account.name, account.kind, s.amount
		FROM (SELECT seq, account, amount FROM postings WHERE transaction = $1 AND at = $2 AND seq > $3 ORDER BY seq LIMIT $4) AS s
		` + sideOf("account") + ` ORDER BY s.seq`
	rows, _ := tx.Query(ctx, query, p.Transaction, p.At, after, limit)
	var err error
	p.Legs, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (l Leg, err error) {
		err = row.Scan(&l.Seq, &l.Account.Ref, &l.Account.Name, &l.Account.Kind, &l.Amount)
		return l, err
	})
	if err != nil || len(p.Legs) < limit {
		return err
	}
	const rest = `
		SELECT count(*), coalesce(sum(amount) FILTER (WHERE amount > 0), 0), coalesce(-sum(amount) FILTER (WHERE amount < 0), 0)
		FROM postings WHERE transaction = $1 AND at = $2 AND seq > $3`
	return tx.QueryRow(ctx, rest, p.Transaction, p.At, p.Legs[len(p.Legs)-1].Seq).Scan(&p.Rest.Postings, &p.Rest.Received, &p.Rest.Paid)
}

// readSums sets what the transaction moved: see move.
func (p *Posted) readSums(ctx context.Context, tx pgx.Tx) error {
	const query = `
		SELECT kind, issuer, sum(postings)::bigint, coalesce(sum(net) FILTER (WHERE net > 0), 0)::bigint, coalesce(-sum(net) FILTER (WHERE net < 0), 0)::bigint
		FROM (SELECT account, sum(amount) AS net, count(*) AS postings FROM postings WHERE transaction = $1 AND at = $2 GROUP BY account) AS n
		JOIN accounts ON id = account GROUP BY kind, issuer`
	var paid, received [parties]int64
	var side Side
	var postings, in, out int64
	rows, _ := tx.Query(ctx, query, p.Transaction, p.At)
	_, err := pgx.ForEachRow(rows, []any{&side.Kind, &side.Issuer, &postings, &in, &out}, func() error {
		received[side.party()], paid[side.party()] = in, out
		p.Postings += postings
		p.Volume += in
		return nil
	})
	if err != nil {
		return err
	}
	for from, row := range share(paid, received) {
		for to, volume := range row {
			if volume > 0 {
				p.Between = append(p.Between, Between{party(from).side(), party(to).side(), volume})
			}
		}
	}
	slices.SortStableFunc(p.Between, func(a, b Between) int { return cmp.Compare(b.Volume, a.Volume) })
	return nil
}

// readBalances sets the balances of the legs: what the account and those merged into
// it had before the day, and their postings of the day up to the leg.
func (p *Posted) readBalances(ctx context.Context, tx pgx.Tx) error {
	if p.Balanced = p.Postings <= mostBalancedLegs; !p.Balanced {
		return nil
	}
	zone, err := zoneOf(ctx, tx)
	if err != nil {
		return err
	}
	day := DayOf(p.At, zone)
	const query = `
		SELECT s.seq, (SELECT coalesce(sum(received - sent), 0) FROM account_days WHERE account = ANY(own) AND day < @day::date)
			+ (SELECT sum(amount) FROM postings WHERE account = ANY(own) AND at >= @start AND at <= @at AND (at, transaction, seq) <= (@at, @transaction, s.seq))
		FROM (SELECT seq, account FROM postings WHERE transaction = @transaction AND at = @at) AS s
		LEFT JOIN merges m ON m.account = s.account JOIN accounts a ON a.id = s.account JOIN accounts t ON t.id = coalesce(m.target, a.id)
		CROSS JOIN LATERAL (SELECT t.id || ARRAY(SELECT account FROM merges WHERE target = t.id) AS own) o
		WHERE NOT EXISTS (SELECT FROM holders WHERE hidden AND ref = t.holder)
			AND (SELECT sum(postings) FROM account_days WHERE account = ANY(own) AND day = @day::date) <= @most`
	rows, _ := tx.Query(ctx, query, pgx.NamedArgs{"day": day.Format(time.DateOnly), "start": day, "at": p.At, "transaction": p.Transaction, "most": mostBalancedPostings})
	var seq int32
	var after Sum
	_, err = pgx.ForEachRow(rows, []any{&seq, &after}, func() error {
		i := slices.IndexFunc(p.Legs, func(l Leg) bool { return l.Seq == seq })
		balance, fits := after.Int64()
		if i < 0 || !fits {
			return nil // several accounts together may pass what 64 bits hold
		}
		leg := &p.Legs[i]
		before := balance - leg.Amount
		if leg.Amount > 0 == (before < balance) {
			leg.Before, leg.After = &before, &balance
		}
		return nil
	})
	return err
}

func zoneOf(ctx context.Context, tx pgx.Tx) (*time.Location, error) {
	s, _, err := readSettings(ctx, tx)
	if err != nil {
		return nil, err
	}
	return LoadZone(s.Timezone)
}

func (p *Posted) readSales(ctx context.Context, tx pgx.Tx) error {
	query := `
		SELECT s.at, s.id, s.direction, s.quantity, s.total, s.tax, s.ref, coalesce(shops.place, ''),
			coalesce(seller.ref, ''), coalesce(seller.name, ''), coalesce(seller.kind, ''),
			coalesce(buyer.ref, ''), coalesce(buyer.name, ''), coalesce(buyer.kind, ''), i.ref, i.name, coalesce(shops.ref, '')
		FROM (SELECT * FROM sales WHERE transaction = $1 ORDER BY id LIMIT $2) AS s
		JOIN items i ON i.id = s.item LEFT JOIN shops ON shops.id = s.shop
		` + sideOf("seller") + ` ` + sideOf("buyer") + `
		ORDER BY s.id`
	rows, _ := tx.Query(ctx, query, p.Transaction, MostSalesOfTransaction+1)
	var err error
	p.Sales, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (s TransactionSale, err error) {
		err = row.Scan(&s.At, &s.Sale, &s.Direction, &s.Quantity, &s.Total, &s.Tax, &s.SaleLine.Ref, &s.Place,
			&s.Seller.Ref, &s.Seller.Name, &s.Seller.Kind, &s.Buyer.Ref, &s.Buyer.Name, &s.Buyer.Kind, &s.Item, &s.ItemName, &s.Shop)
		return s, err
	})
	if p.MoreSales = len(p.Sales) > MostSalesOfTransaction; p.MoreSales {
		p.Sales = p.Sales[:MostSalesOfTransaction]
	}
	return err
}

func (p *Posted) readNeighbours(ctx context.Context, tx pgx.Tx) (err error) {
	const columns = `SELECT at, id, 0, origin, ref, source, '' FROM transactions WHERE source = $1 AND (at, id) `
	if p.Previous, err = readHeader(ctx, tx, columns+`< ($2, $3) ORDER BY at DESC, id DESC LIMIT 1`, p.Source, p.At, p.Transaction); err != nil {
		return err
	}
	p.Next, err = readHeader(ctx, tx, columns+`> ($2, $3) ORDER BY at, id LIMIT 1`, p.Source, p.At, p.Transaction)
	return err
}
