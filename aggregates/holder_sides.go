package aggregates

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

const (
	// monthsBefore is how many months before the current one are shown.
	monthsBefore = 12
	// staffDays is how many days count for who is paid wages.
	staffDays = 30
	// mostPaid is how many postings of wages are looked at for who was paid.
	mostPaid = 20_000
)

// WageSources are the sources whose transactions pay wages, in lower case.
func WageSources() []string { return []string{"payroll", "salaries", "salary", "wage", "wages"} }

// isWage reports whether a source pays wages.
func isWage(source string) bool { return slices.Contains(WageSources(), strings.ToLower(source)) }

// HolderSides is what a holder received from others and paid to others. In a
// transaction, a holder receives or pays what all its accounts gained or lost
// together, so that payments between them are neither.
type HolderSides struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Business bool   `json:"business" doc:"Whether it has business accounts."`
	Basis
	Counted     int64      `json:"counted,omitempty" doc:"If there, all of this is of so many accounts, those with the most postings: the holder has more."`
	Postings    int64      `json:"postings" doc:"Of its accounts in the period."`
	Divided     int64      `json:"divided" doc:"Those of them that are divided by source: those of the latest whole days with at most 20,000 postings together, of the period and the months."`
	DividedFrom *time.Time `json:"dividedFrom" doc:"The first day that is divided; null: none is, as there are no postings, or too many on the latest day alone."`

	Received     ledger.Sum       `json:"received" doc:"Since then, in the period."`
	Paid         ledger.Sum       `json:"paid" doc:"Positive."`
	Wages        ledger.Sum       `json:"wages" doc:"What was paid by the sources payroll, salary, salaries, wage, wages."`
	Sources      []SourceExchange `json:"sources" nullable:"false" doc:"By both together, at most 20; the number is of transactions."`
	OtherSources Exchange         `json:"otherSources"`

	Months []HolderMonth `json:"months" nullable:"false" doc:"The current month and the 12 before it, whatever the period; none before the ledger began. Oldest first."`

	PartiesFrom    *time.Time     `json:"partiesFrom,omitempty" doc:"If there, counterparties are since this day only: the first of the latest whole days with at most 100,000 postings together. After the period: the latest one alone has more."`
	Counterparties int64          `json:"counterparties" doc:"How many accounts of others there are on the other side, hidden ones among them."`
	Parties        []Counterparty `json:"parties" nullable:"false" doc:"Those with the largest sum of both directions, at most 20."`
	Others         Exchange       `json:"others"`
	Hidden         Exchange       `json:"hidden" doc:"Accounts of hidden holders together."`
	Several        Exchange       `json:"several" doc:"Transactions with so many sides that the record does not divide them."`

	Staff Staff `json:"staff"`
}

// A HolderMonth is what a holder received and paid in a month.
type HolderMonth struct {
	Start    time.Time        `json:"start"`
	Partial  bool             `json:"partial" doc:"It is not over."`
	Change   ledger.Sum       `json:"change" doc:"Received − paid: the profit or loss. It is of all postings, divided or not."`
	Divided  bool             `json:"divided" doc:"Whether the rest is known: all postings of the month are divided."`
	Received ledger.Sum       `json:"received"`
	Paid     ledger.Sum       `json:"paid"`
	Wages    ledger.Sum       `json:"wages"`
	Sources  []SourceExchange `json:"sources" nullable:"false" doc:"By both together, at most 20."`
	Others   Exchange         `json:"otherSources"`
}

// Staff is who was paid wages in the last 30 days.
type Staff struct {
	Known   bool          `json:"known" doc:"Whether all wages of the 30 days are divided."`
	Number  int64         `json:"number" doc:"Holders whose personal accounts gained in transactions that pay wages, in which no other holder paid."`
	Paid    ledger.Sum    `json:"paid" doc:"What they gained."`
	Hidden  int64         `json:"hidden" doc:"Those of them who are hidden."`
	Members []StaffMember `json:"members" nullable:"false" doc:"Of the others, those who gained the most, at most 20."`
}

// A StaffMember is one who was paid wages.
type StaffMember struct {
	ID     string     `json:"id" doc:"The holder's."`
	Name   string     `json:"name"`
	Paid   ledger.Sum `json:"paid"`
	Number int64      `json:"number" doc:"Of transactions."`
	Last   time.Time  `json:"last"`
}

// SourcesTable has one row a source.
func (v *HolderSides) SourcesTable() Table {
	t := Table{Columns: []Column{{"source", "Source", Text}, {"received", "Received", Money}, {"paid", "Paid", Money}, {"net", "Net", Money}, {"transactions", "Transactions", Count}}}
	add := func(name string, e Exchange) {
		t.Rows = append(t.Rows, []any{name, e.Received, e.Sent, e.Received.Minus(e.Sent), e.Number})
	}
	for _, s := range v.Sources {
		add(s.Source, s.Exchange)
	}
	if v.OtherSources.Number > 0 {
		add("others", v.OtherSources)
	}
	return t.others(len(v.Sources), v.OtherSources.Number > 0)
}

// MonthsTable has one row a month and source, after one of the month itself.
func (v *HolderSides) MonthsTable() Table {
	t := Table{Columns: []Column{{"month", "Month from", Day}, {"source", "Source", Text}, {"received", "Received", Money}, {"paid", "Paid", Money}, {"net", "Net", Money}}}
	cut := false
	for _, m := range v.Months {
		row := []any{m.Start, "all", nil, nil, m.Change}
		if m.Divided {
			row[2], row[3] = m.Received, m.Paid
		}
		t.Rows = append(t.Rows, row)
		for _, s := range m.Sources {
			t.Rows = append(t.Rows, []any{m.Start, s.Source, s.Received, s.Sent, s.Received.Minus(s.Sent)})
		}
		if o := m.Others; o.Number > 0 {
			t.Rows = append(t.Rows, []any{m.Start, "others", o.Received, o.Sent, o.Received.Minus(o.Sent)})
			cut = true
		}
	}
	return t.others(len(t.Rows), cut)
}

// PartiesTable has one row a counterparty.
func (v *HolderSides) PartiesTable() Table {
	sides := AccountSides{Counterparties: v.Counterparties, Parties: v.Parties, Others: v.Others, Hidden: v.Hidden, Several: v.Several}
	return sides.PartiesTable()
}

// StaffTable has one row a member.
func (v *HolderSides) StaffTable() Table {
	t := Table{Columns: []Column{{"name", "Who", Text}, {"id", "Id", Text}, {"paid", "Was paid", Money}, {"number", "Times", Count}, {"last", "Last", Instant}}}
	for _, m := range v.Staff.Members {
		t.Rows = append(t.Rows, []any{m.Name, m.ID, m.Paid, m.Number, m.Last.UTC()})
	}
	return t.First(len(v.Staff.Members), v.Staff.Number-v.Staff.Hidden)
}

// ComputeHolderSides reads what a holder received and paid. It returns nil if there is
// no such holder, or if it is hidden.
func ComputeHolderSides(ctx context.Context, db *pgxpool.Pool, w cache.Window, q HolderQuery) (*HolderSides, error) {
	h := &Holder{}
	own, ok, err := h.find(ctx, db, q.Holder)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, nil
	}
	v := &HolderSides{ID: h.ID, Name: h.Name, Counted: h.Counted, Sources: []SourceExchange{}, Months: []HolderMonth{}, Parties: []Counterparty{}}
	v.Staff.Members = []StaffMember{}
	if err := v.read(ctx, db, w, q.Days, func(ctx context.Context, tx pgx.Tx, s span) error { return v.fill(ctx, tx, s, own) }); err != nil {
		return nil, fmt.Errorf("holder's sides: %w", err)
	}
	return v, nil
}

func (v *HolderSides) fill(ctx context.Context, tx pgx.Tx, s span, own []int64) error {
	const business = `SELECT EXISTS (SELECT FROM accounts WHERE id = ANY($1) AND kind = 'business')`
	if err := tx.QueryRow(ctx, business, own).Scan(&v.Business); err != nil {
		return fmt.Errorf("kind: %w", err)
	}
	if err := v.fillMonths(ctx, tx, s, own); err != nil {
		return fmt.Errorf("months: %w", err)
	}
	from, err := v.fillDivided(ctx, tx, s, own)
	if err != nil {
		return fmt.Errorf("what is divided: %w", err)
	}
	if err := v.fillSources(ctx, tx, s, own, from); err != nil {
		return fmt.Errorf("sources: %w", err)
	}
	if err := v.fillStaff(ctx, tx, s, own, from); err != nil {
		return fmt.Errorf("staff: %w", err)
	}
	if v.PartiesFrom, err = exchangedFrom(ctx, tx, s, own); err != nil {
		return err
	}
	sides := AccountSides{Parties: v.Parties, PartiesFrom: v.PartiesFrom}
	if err := sides.fillParties(ctx, tx, s, own, byBoth); err != nil {
		return fmt.Errorf("counterparties: %w", err)
	}
	v.Counterparties, v.Parties, v.Others, v.Hidden, v.Several = sides.Counterparties, sides.Parties, sides.Others, sides.Hidden, sides.Several
	return nil
}

// monthStart returns the first moment of the month that is so many months after that
// of a day.
func (s span) monthStart(day time.Time, later int) time.Time {
	return s.day(date(day.Year(), day.Month()+time.Month(later)))
}

// fillMonths sets what changed by month, which is by the days of all postings.
func (v *HolderSides) fillMonths(ctx context.Context, tx pgx.Tx, s span, own []int64) error {
	for n := -monthsBefore; n <= 0; n++ {
		if start, next := s.monthStart(s.Today, n), s.monthStart(s.Today, n+1); next.After(s.First) {
			v.Months = append(v.Months, HolderMonth{Start: start, Partial: s.End.Before(next), Sources: []SourceExchange{}})
		}
	}
	const query = `
		SELECT width_bucket(day, $2::date[]), sum(received - sent) FROM account_days
		WHERE account = ANY($1) AND day BETWEEN $3::date AND $4::date GROUP BY 1`
	starts := make([]time.Time, len(v.Months))
	for i, m := range v.Months {
		starts[i] = m.Start
	}
	rows, _ := tx.Query(ctx, query, own, starts, starts[0], s.Today)
	var month int
	var change ledger.Sum
	_, err := pgx.ForEachRow(rows, []any{&month, &change}, func() error {
		v.Months[month-1].Change = change
		return nil
	})
	return err
}

// fillDivided sets how many postings are divided by source. It returns the start of
// the first day of which they are, or the end of the last one if there is none.
func (v *HolderSides) fillDivided(ctx context.Context, tx pgx.Tx, s span, own []int64) (from time.Time, err error) {
	const query = `
		SELECT coalesce(sum(postings) FILTER (WHERE day >= @start::date), 0)::bigint,
			coalesce(sum(postings) FILTER (WHERE day >= @start::date AND upto <= @most AND day >= (SELECT begins_day FROM archive)), 0)::bigint,
			min(day) FILTER (WHERE upto <= @most AND day >= (SELECT begins_day FROM archive)), coalesce(max(upto), 0)::bigint
		FROM (
			SELECT day, sum(postings) AS postings, sum(sum(postings)) OVER (ORDER BY day DESC) AS upto FROM account_days
			WHERE account = ANY(@own) AND day BETWEEN @from::date AND @today::date GROUP BY day) AS days`
	begin := s.Start
	for _, earlier := range []time.Time{v.Months[0].Start, plus(s.Today, 1-staffDays)} {
		if earlier.Before(begin) {
			begin = earlier
		}
	}
	if begin.Before(s.First) {
		begin = s.First
	}
	var first *time.Time
	var all int64
	args := pgx.NamedArgs{"own": own, "start": s.Start, "today": s.Today, "from": begin, "most": mostBySource}
	if err := tx.QueryRow(ctx, query, args).Scan(&v.Postings, &v.Divided, &first, &all); err != nil {
		return from, err
	}
	switch {
	case all <= mostBySource:
		from = begin
	case first == nil:
		from = plus(s.Today, 1)
	default:
		from = s.day(*first)
	}
	if s.Begins.After(from) {
		from = s.Begins
	}
	if first != nil {
		v.DividedFrom = &from
	}
	for i := range v.Months {
		m := &v.Months[i]
		m.Divided = !from.After(m.Start) || !from.After(s.First)
	}
	return from, nil
}

// ownNets is what the accounts @own gained or lost together in each transaction since
// @from.
const ownNets = `
	nets AS MATERIALIZED (
		SELECT transaction, min(at) AS at, sum(amount) AS net FROM postings
		WHERE account = ANY(@own) AND at >= @from AND at < @until GROUP BY transaction HAVING sum(amount) <> 0)`

func (v *HolderSides) fillSources(ctx context.Context, tx pgx.Tx, s span, own []int64, from time.Time) error {
	const query = `
		WITH ` + ownNets + `
		SELECT source, width_bucket(n.at, @months::timestamptz[]), n.at >= @start,
			sum(greatest(net, 0)), sum(greatest(-net, 0)), count(*)
		FROM nets n JOIN transactions x ON x.id = n.transaction
		GROUP BY 1, 2, 3 ORDER BY sum(abs(net)) DESC, source`
	months := make([]time.Time, len(v.Months))
	for i, m := range v.Months {
		months[i] = m.Start
	}
	args := pgx.NamedArgs{"own": own, "from": from, "until": plus(s.Today, 1), "start": s.Start, "months": months}
	rows, _ := tx.Query(ctx, query, args)
	sums := map[string]*SourceExchange{}
	var e SourceExchange
	var month int
	var inPeriod bool
	_, err := pgx.ForEachRow(rows, []any{&e.Source, &month, &inPeriod, &e.Received, &e.Sent, &e.Number}, func() error {
		wages := ledger.Sum{}
		if isWage(e.Source) {
			wages = e.Sent
		}
		if inPeriod {
			sum := sums[e.Source]
			if sum == nil {
				sum = &SourceExchange{Source: e.Source}
				sums[e.Source] = sum
			}
			sum.Exchange = sum.Exchange.Plus(e.Exchange)
			v.Received, v.Paid, v.Wages = v.Received.Plus(e.Received), v.Paid.Plus(e.Sent), v.Wages.Plus(wages)
		}
		if month > 0 && v.Months[month-1].Divided {
			m := &v.Months[month-1]
			m.Received, m.Paid, m.Wages = m.Received.Plus(e.Received), m.Paid.Plus(e.Sent), m.Wages.Plus(wages)
			m.addSource(e)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range v.Months {
		m := &v.Months[i]
		m.Sources, m.Others = largest(m.Sources)
	}
	all := []SourceExchange{}
	for _, sum := range sums {
		all = append(all, *sum)
	}
	v.Sources, v.OtherSources = largest(all)
	return nil
}

// addSource adds to a source: it may have two rows, of which one is in the period.
func (m *HolderMonth) addSource(e SourceExchange) {
	if i := slices.IndexFunc(m.Sources, func(s SourceExchange) bool { return s.Source == e.Source }); i >= 0 {
		m.Sources[i].Exchange = m.Sources[i].Exchange.Plus(e.Exchange)
		return
	}
	m.Sources = append(m.Sources, e)
}

// largest sorts sources by both directions together, and returns the first ones and
// the sum of the others.
func largest(all []SourceExchange) (first []SourceExchange, others Exchange) {
	slices.SortFunc(all, func(a, b SourceExchange) int {
		if c := b.Received.Plus(b.Sent).Compare(a.Received.Plus(a.Sent)); c != 0 {
			return c
		}
		return strings.Compare(a.Source, b.Source)
	})
	for _, e := range all[min(len(all), mostSides):] {
		others = others.Plus(e.Exchange)
	}
	return all[:min(len(all), mostSides)], others
}

// fillStaff sets who was paid wages. Transactions in which others paid too are left
// out, since they do not say who paid whom.
func (v *HolderSides) fillStaff(ctx context.Context, tx pgx.Tx, s span, own []int64, from time.Time) error {
	since := plus(s.Today, 1-staffDays)
	if since.Before(s.First) {
		since = s.First
	}
	if from.After(since) {
		return nil
	}
	const query = `
		WITH ` + ownNets + `, legs AS MATERIALIZED (
			SELECT n.transaction, n.at, p.account, p.amount FROM nets n JOIN transactions x ON x.id = n.transaction
			JOIN postings p ON p.transaction = n.transaction AND p.at = n.at
			WHERE net < 0 AND lower(source) = ANY(@wages) AND p.account <> ALL(@own) LIMIT @limit
		), gains AS (
			SELECT transaction, at, account, sum(amount) AS gain, bool_or(sum(amount) < 0) OVER (PARTITION BY transaction) AS others
			FROM legs GROUP BY transaction, at, account
		), members AS (
			SELECT h.holder, sum(gain) AS paid, count(DISTINCT transaction) AS number, max(at) AS last,
				EXISTS (SELECT FROM holders WHERE hidden AND ref = h.holder) AS hidden
			FROM gains JOIN account_holders h ON h.id = account
			WHERE NOT others AND gain > 0 AND kind = 'personal' GROUP BY h.holder)
		SELECT m.holder, coalesce(k.name, a.name, m.holder), paid, number, last, count(*) OVER (), sum(paid) OVER (),
			count(*) FILTER (WHERE m.hidden) OVER (), m.hidden, (SELECT count(*) FROM legs)
		FROM members m LEFT JOIN holders k ON k.ref = m.holder LEFT JOIN accounts a ON a.ref = m.holder AND a.holder = m.holder
		ORDER BY m.hidden, paid DESC, m.holder LIMIT @most`
	args := pgx.NamedArgs{"own": own, "from": since, "until": plus(s.Today, 1), "wages": WageSources(), "limit": mostPaid + 1, "most": mostSides}
	rows, _ := tx.Query(ctx, query, args)
	staff := Staff{Known: true, Members: []StaffMember{}}
	var m StaffMember
	var hidden bool
	var legs int64
	_, err := pgx.ForEachRow(rows, []any{&m.ID, &m.Name, &m.Paid, &m.Number, &m.Last, &staff.Number, &staff.Paid, &staff.Hidden, &hidden, &legs}, func() error {
		if !hidden {
			staff.Members = append(staff.Members, m)
		}
		return nil
	})
	if err != nil || legs > mostPaid {
		return err
	}
	v.Staff = staff
	return nil
}
