package aggregates

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

// governmentSpec is the policy of the memo "government". It may read a row for each
// citizen and day, which takes seconds, so a value serves for five minutes.
var governmentSpec = cache.Spec{Name: "government", Window: 5 * time.Minute, Tags: []string{"economy"}}

// mostPublic is how many public accounts, and how many units, are listed.
const mostPublic = 50

// Government is what public accounts received from others and paid to others: those of
// the kind government, whether they issue money or not. Payments between them are
// neither. An account that is merged into one of them is part of it.
type Government struct {
	Basis
	Accounts int64      `json:"accounts" doc:"How many public accounts there are."`
	Issuers  int64      `json:"issuers" doc:"Those of them that issue money."`
	Balance  ledger.Sum `json:"balance" doc:"What those have now that do not issue."`
	Change   ledger.Sum `json:"change" doc:"What these gained in the period."`
	Issued   ledger.Sum `json:"issued" doc:"What those that issue have put out on balance until now: minus their balances."`

	Received Compared[ledger.Sum] `json:"received" doc:"From others, by kind of account."`
	Paid     Compared[ledger.Sum] `json:"paid" doc:"To others."`

	Sources      []SourceExchange `json:"sources" nullable:"false" doc:"By both together, at most 20."`
	OtherSources Exchange         `json:"otherSources"`

	Bucket   string         `json:"bucket" enum:"month,year,decade" doc:"What an entry of months stands for: a month, unless all of a long ledger is asked for."`
	Months   []PublicMonth  `json:"months" nullable:"false" doc:"The current month and the 12 before it, or all of the ledger's if the period is all. Oldest first."`
	Income   []SourceMonths `json:"income" nullable:"false" doc:"What was received in these months by source: the largest ones, and the others together."`
	Spending []SourceMonths `json:"spending" nullable:"false" doc:"What was paid, likewise."`

	UnitCount int64        `json:"unitCount" doc:"Holders of public accounts, hidden ones among them."`
	Units     []PublicUnit `json:"units" nullable:"false" doc:"By what they received and paid together, at most 50. Hidden ones are one without a name."`

	List []PublicAccount `json:"list" nullable:"false" doc:"Largest balances first, whatever their sign, at most 50; without those of hidden holders."`

	PartiesFrom    *time.Time     `json:"partiesFrom,omitempty" doc:"If there, counterparties, and what each unit received and paid, are since this day only: the first of the latest whole days with at most 100,000 postings of public accounts together. After the period: the latest one alone has more."`
	Counterparties int64          `json:"counterparties" doc:"How many other accounts there are on the other side, hidden ones among them."`
	Parties        []Counterparty `json:"parties" nullable:"false" doc:"Those to which most was paid, at most 20."`
	Others         Exchange       `json:"others"`
	Hidden         Exchange       `json:"hidden" doc:"Accounts of hidden holders together."`
	Several        Exchange       `json:"several" doc:"Transactions with so many sides that the record does not divide them."`
}

// A PublicMonth is what public accounts received and paid in a month or longer.
type PublicMonth struct {
	Start    time.Time  `json:"start"`
	Partial  bool       `json:"partial" doc:"It is not over, or the ledger begins within it."`
	Received ledger.Sum `json:"received"`
	Paid     ledger.Sum `json:"paid"`
}

// SourceMonths is what moved by one source, by month or longer.
type SourceMonths struct {
	Source  string       `json:"source" doc:"Empty: several, which are not listed."`
	Sources int          `json:"sources" doc:"How many they are."`
	Months  []ledger.Sum `json:"months" nullable:"false"`
}

// A PublicUnit is a holder of public accounts.
type PublicUnit struct {
	ID       string     `json:"id" doc:"The holder's; empty: hidden holders together."`
	Name     string     `json:"name"`
	Accounts int64      `json:"accounts" doc:"Public ones."`
	Balance  ledger.Sum `json:"balance" doc:"Of those that do not issue."`
	Issued   ledger.Sum `json:"issued" doc:"On balance, by those that do."`
	Exchange
}

// A PublicAccount is an account of the balance sheet.
type PublicAccount struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Holder   string `json:"holder"`
	Issuer   bool   `json:"issuer"`
	Archived bool   `json:"archived"`
	Balance  int64  `json:"balance" doc:"Now; of an issuer, minus what it issued."`
	Change   int64  `json:"change" doc:"In the period."`
}

// ComputeGovernment reads what public accounts received and paid. Its cost follows the
// hours of flows, and the days of these accounts; their counterparties are bounded.
func ComputeGovernment(ctx context.Context, db *pgxpool.Pool, w cache.Window, days Days) (*Government, error) {
	v := &Government{
		Bucket: "month", Sources: []SourceExchange{}, Months: []PublicMonth{}, Income: []SourceMonths{}, Spending: []SourceMonths{},
		Units: []PublicUnit{}, List: []PublicAccount{}, Parties: []Counterparty{},
	}
	if err := v.read(ctx, db, w, days, v.fill); err != nil {
		return nil, fmt.Errorf("government: %w", err)
	}
	return v, nil
}

func (v *Government) fill(ctx context.Context, tx pgx.Tx, s span) error {
	own, err := v.fillAccounts(ctx, tx, s)
	if err != nil {
		return fmt.Errorf("public accounts: %w", err)
	}
	if err := v.fillFlows(ctx, tx, s); err != nil {
		return fmt.Errorf("flows: %w", err)
	}
	sides := AccountSides{Parties: v.Parties, PartiesFrom: v.PartiesFrom}
	if err := sides.fillParties(ctx, tx, s, own, bySent); err != nil {
		return fmt.Errorf("counterparties: %w", err)
	}
	v.Counterparties, v.Parties, v.Others, v.Hidden, v.Several = sides.Counterparties, sides.Parties, sides.Others, sides.Hidden, sides.Several
	return nil
}

// publicAccounts returns the ids of all public accounts, with those that are merged into
// them.
func publicAccounts(ctx context.Context, tx pgx.Tx) ([]int64, error) {
	const query = `
		SELECT a.id FROM accounts a WHERE kind = 'government' AND ` + notMerged + `
		UNION ALL SELECT m.account FROM accounts t JOIN merges m ON m.target = t.id WHERE t.kind = 'government'`
	rows, _ := tx.Query(ctx, query)
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

// fillAccounts sets the accounts and the units, and returns the ids of all public
// accounts, with those that are merged into them.
func (v *Government) fillAccounts(ctx context.Context, tx pgx.Tx, s span) (own []int64, err error) {
	if own, err = publicAccounts(ctx, tx); err != nil {
		return nil, err
	}
	const query = `
		WITH parts AS (
			SELECT id, coalesce(target, id) AS shown FROM unnest(@own::bigint[]) AS id LEFT JOIN merges ON account = id
		), held AS (
			SELECT shown, coalesce(sum(balance), 0)::bigint AS balance FROM parts LEFT JOIN balances ON account = id GROUP BY shown
		), changes AS (
			SELECT shown, sum(received - sent)::bigint AS change FROM parts JOIN account_days ON account = id
			WHERE day BETWEEN @start::date AND @today::date GROUP BY shown
		), exchanged AS (
			SELECT account, sum(received) AS received, sum(sent) AS sent, sum(transactions)::bigint AS number FROM counterparties
			WHERE account = ANY(@own) AND day BETWEEN @from::date AND @today::date AND other <> ALL(@own) GROUP BY account
		), exchanges AS (
			SELECT shown, sum(received) AS received, sum(sent) AS sent, sum(number)::bigint AS number FROM parts JOIN exchanged ON account = id GROUP BY shown)
		SELECT a.ref, a.name, a.holder, coalesce(h.name, n.name, a.holder), coalesce(h.hidden, false), a.issuer, coalesce(a.archived <= @end, false),
			balance, coalesce(change, 0), coalesce(received, 0), coalesce(sent, 0), coalesce(number, 0)
		FROM held JOIN accounts a ON a.id = shown LEFT JOIN changes USING (shown) LEFT JOIN exchanges USING (shown)
		LEFT JOIN holders h ON h.ref = a.holder LEFT JOIN accounts n ON n.ref = a.holder AND n.holder = a.holder
		ORDER BY abs(balance::numeric) DESC, a.name, a.ref`
	if v.PartiesFrom, err = exchangedFrom(ctx, tx, s, own); err != nil {
		return nil, err
	}
	from := s.Start
	if v.PartiesFrom != nil {
		from = *v.PartiesFrom
	}
	rows, _ := tx.Query(ctx, query, pgx.NamedArgs{"own": own, "start": s.Start, "from": from, "today": s.Today, "end": s.archivedBy()})
	units := map[string]*PublicUnit{}
	var a PublicAccount
	var holder string
	var hidden bool
	var e Exchange
	_, err = pgx.ForEachRow(rows, []any{&a.ID, &a.Name, &a.Holder, &holder, &hidden, &a.Issuer, &a.Archived, &a.Balance, &a.Change, &e.Received, &e.Sent, &e.Number}, func() error {
		v.Accounts++
		unit := units[a.Holder]
		if unit == nil {
			unit = &PublicUnit{ID: a.Holder, Name: holder}
			units[a.Holder] = unit
		}
		if hidden {
			unit.ID, unit.Name = "", ledger.HiddenName
		}
		unit.Accounts, unit.Exchange = unit.Accounts+1, unit.Exchange.Plus(e)
		if a.Issuer {
			v.Issuers++
			unit.Issued, v.Issued = unit.Issued.Add(-a.Balance), v.Issued.Add(-a.Balance)
		} else {
			unit.Balance, v.Balance, v.Change = unit.Balance.Add(a.Balance), v.Balance.Add(a.Balance), v.Change.Add(a.Change)
		}
		if !hidden && len(v.List) < mostPublic {
			v.List = append(v.List, a)
		}
		return nil
	})
	v.fillUnits(units)
	return own, err
}

// fillUnits sets the units, those of hidden holders as one.
func (v *Government) fillUnits(units map[string]*PublicUnit) {
	v.UnitCount = int64(len(units))
	var hidden *PublicUnit
	for _, u := range units {
		switch {
		case u.ID != "":
			v.Units = append(v.Units, *u)
		case hidden == nil:
			hidden = u
		default:
			hidden.Accounts, hidden.Exchange = hidden.Accounts+u.Accounts, hidden.Exchange.Plus(u.Exchange)
			hidden.Balance, hidden.Issued = hidden.Balance.Plus(u.Balance), hidden.Issued.Plus(u.Issued)
		}
	}
	if hidden != nil {
		v.Units = append(v.Units, *hidden)
	}
	slices.SortFunc(v.Units, func(a, b PublicUnit) int {
		return cmp.Or(b.Received.Plus(b.Sent).Compare(a.Received.Plus(a.Sent)), b.Balance.Compare(a.Balance), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	v.Units = v.Units[:min(len(v.Units), mostPublic)]
}

// acrossGovernment is the condition of flows between public accounts and others.
const acrossGovernment = `(from_kind = 'government') <> (to_kind = 'government')`

// fillFlows sets what was received and paid by source, in the period and by month.
func (v *Government) fillFlows(ctx context.Context, tx pgx.Tx, s span) error {
	buckets := v.divide(s)
	starts := make([]time.Time, len(buckets))
	for i, b := range buckets {
		starts[i] = b.start
		v.Months = append(v.Months, PublicMonth{Start: b.start, Partial: b.partial})
	}
	args := s.args()
	args["months"], args["from"] = starts, starts[0]
	if s.Start.Before(starts[0]) {
		args["from"] = s.Start
	}
	args["listed"], args["drawn"] = mostSides, sourcesDrawn+1
	const query = `
		WITH flows AS (
			SELECT source, to_kind = 'government' AS received, width_bucket(hour, @months::timestamptz[]) AS month, hour >= @start AS now,
				sum(volume) AS volume, sum(transactions)::bigint AS number
			FROM flow_hours WHERE hour >= @from AND hour < @through AND ` + acrossGovernment + ` GROUP BY 1, 2, 3, 4
		), sums AS (
			SELECT source, coalesce(sum(volume) FILTER (WHERE now), 0) AS moved, coalesce(sum(volume) FILTER (WHERE received AND month > 0), 0) AS income,
				coalesce(sum(volume) FILTER (WHERE NOT received AND month > 0), 0) AS spending
			FROM flows GROUP BY source
		), sources AS (
			SELECT source,
				row_number() OVER (ORDER BY moved DESC, source COLLATE "C") <= @listed
					OR row_number() OVER (ORDER BY income DESC, source COLLATE "C") <= @drawn
					OR row_number() OVER (ORDER BY spending DESC, source COLLATE "C") <= @drawn AS largest,
				count(nullif(income, 0)) OVER () AS incomes, count(nullif(spending, 0)) OVER () AS spendings
			FROM sums)
		SELECT CASE WHEN largest THEN source ELSE '' END, received, month, now, sum(volume), sum(number)::bigint, min(incomes), min(spendings)
		FROM flows JOIN sources USING (source) GROUP BY 1, 2, 3, 4`
	income, spending := bySource{weeks: len(buckets)}, bySource{weeks: len(buckets)}
	sums := map[string]Exchange{}
	rows, _ := tx.Query(ctx, query, args)
	var source string
	var in, inPeriod bool
	var month int
	var volume ledger.Sum
	var number int64
	_, err := pgx.ForEachRow(rows, []any{&source, &in, &month, &inPeriod, &volume, &number, &income.sources, &spending.sources}, func() error {
		e := Exchange{Sent: volume, Number: number}
		if in {
			e = Exchange{Received: volume, Number: number}
		}
		if inPeriod {
			sums[source] = sums[source].Plus(e)
			v.Received.Now, v.Paid.Now = v.Received.Now.Plus(e.Received), v.Paid.Now.Plus(e.Sent)
		}
		if month > 0 {
			m := &v.Months[month-1]
			m.Received, m.Paid = m.Received.Plus(e.Received), m.Paid.Plus(e.Sent)
			income.add(source, month-1, e.Received)
			spending.add(source, month-1, e.Sent)
		}
		return nil
	})
	if err != nil {
		return err
	}
	all := []SourceExchange{}
	for source, e := range sums {
		if source != "" {
			all = append(all, SourceExchange{source, e})
		}
	}
	v.Sources, v.OtherSources = largest(all)
	v.OtherSources = v.OtherSources.Plus(sums[""])
	v.Income, v.Spending = inMonths(income.largest()), inMonths(spending.largest())
	return v.compare(ctx, tx, s)
}

// divide divides into months the current one and the 12 before it, or, if the period is
// all, the whole ledger, where it is long into years or decades.
func (v *Government) divide(s span) []bucket {
	s.Start = s.First
	months := units[slices.IndexFunc(units, func(u unit) bool { return u.name == "month" }):]
	if first := s.monthStart(s.Today, -monthsBefore); s.Days > 0 && first.After(s.First) {
		s.Start = first
	}
	for _, u := range months {
		if u.mostDays == 0 || s.days() <= u.mostDays {
			v.Bucket = u.name
			return s.divideBy(u)
		}
	}
	return nil
}

func inMonths(sources []SourceWeeks) []SourceMonths {
	all := []SourceMonths{}
	for _, s := range sources {
		all = append(all, SourceMonths{s.Source, s.Sources, s.Weeks})
	}
	return all
}

// compare sets the sums of the period before.
func (v *Government) compare(ctx context.Context, tx pgx.Tx, s span) error {
	before, reaches := s.previous()
	if !reaches {
		return nil
	}
	query := `
		SELECT ` + untilEnd("volume", "to_kind = 'government'") + `, ` + untilEnd("volume", "from_kind = 'government'") + `
		FROM flow_hours WHERE hour >= @start AND hour < @end AND ` + acrossGovernment
	var received, paid ledger.Sum
	if err := tx.QueryRow(ctx, query, before.args()).Scan(&received, &paid); err != nil {
		return fmt.Errorf("period before: %w", err)
	}
	v.Received.Before, v.Paid.Before = &received, &paid
	return nil
}
