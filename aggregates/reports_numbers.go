package aggregates

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// mostReported is how many sources, items and firms a report lists, each.
const mostReported = 10

// MonthNumbers is what a report says of a month.
type MonthNumbers struct {
	Timezone string    `json:"timezone" doc:"Whose month it is: UTC, or a name such as Europe/Berlin."`
	Start    time.Time `json:"start"`
	End      time.Time `json:"end"`
	Since    time.Time `json:"since,omitzero" doc:"If there, the ledger began on this day of the month."`

	Opening     ledger.Sum   `json:"opening" doc:"The supply when the month began; the bridge to that at its end is opening + created + destroyed + others + moved + unexplained = closing."`
	Created     []BridgeStep `json:"created" nullable:"false" doc:"By source, largest first, at most 10."`
	Destroyed   []BridgeStep `json:"destroyed" nullable:"false" doc:"By source, largest first, at most 10; below 0."`
	Others      BridgeOthers `json:"others" doc:"The sources that are not listed."`
	Moved       ledger.Sum   `json:"moved"`
	Unexplained ledger.Sum   `json:"unexplained" doc:"0 if the books were right."`
	Closing     ledger.Sum   `json:"closing"`

	Transactions int64      `json:"transactions"`
	Transfers    ledger.Sum `json:"transfers" doc:"What passed between different holders, neither of them an issuer."`
	Sales        int64      `json:"sales" doc:"Without offsetting trade, as all that follows of sales."`
	Turnover     ledger.Sum `json:"turnover" doc:"What was paid for them, tax included."`

	Prices   MonthPrices  `json:"prices"`
	Compared int64        `json:"compared" doc:"Items with a firm price at the end of the month and at the end of the one before."`
	Up       int64        `json:"up"`
	Down     int64        `json:"down"`
	Rose     []MonthMover `json:"rose" nullable:"false" doc:"Those that rose most, at most 10."`
	Fell     []MonthMover `json:"fell" nullable:"false"`
	Firms    []MonthFirm  `json:"firms" nullable:"false" doc:"Those with the largest turnover, at most 10."`

	Active     int64        `json:"active" doc:"Holders of accounts that are not issuers with a posting in the month."`
	Population Population   `json:"population" enum:"personal,private,all" doc:"Whose holders follow."`
	Wealth     MonthWealth  `json:"wealth" doc:"At the end of the month."`
	YearBefore *MonthWealth `json:"yearBefore" doc:"At the end of the same month of the year before; null if the ledger does not reach back."`
}

// MonthPrices is how prices changed: the index of docs/decisions/0023-the-price-index.md
// over the months of a year.
type MonthPrices struct {
	Month    *float64     `json:"month" doc:"Against the month before: 0.02 is 2 % dearer; null where nothing can be compared."`
	Year     *float64     `json:"year" doc:"Against the same month of the year before."`
	Coverage *float64     `json:"coverage" doc:"The share of the month's turnover that is of items sold in other months of the year too."`
	Items    int64        `json:"items" doc:"How many items that are."`
	Course   []MonthIndex `json:"course" nullable:"false" doc:"The 13 months up to this one, oldest first."`
}

// MonthIndex is the price index of a month.
type MonthIndex struct {
	Month    string   `json:"month"`
	Value    *float64 `json:"value" doc:"100 is the first month that can be compared."`
	Coverage *float64 `json:"coverage"`
}

// A MonthMover is an item whose price changed.
type MonthMover struct {
	ID     string  `json:"id"`
	Name   string  `json:"name"`
	Now    float64 `json:"now" doc:"Minor units a piece, at the end of the month."`
	Before float64 `json:"before" doc:"At the end of the month before."`
	Change float64 `json:"change"`
}

// A MonthFirm is a holder of business accounts.
type MonthFirm struct {
	ID       string     `json:"id" doc:"Of the holder; empty if they are hidden."`
	Name     string     `json:"name"`
	Sales    int64      `json:"sales"`
	Turnover ledger.Sum `json:"turnover" doc:"What all their accounts sold."`
}

// MonthWealth is how money was shared out at the end of a day.
type MonthWealth struct {
	Holders int64      `json:"holders" doc:"Of the population, zero balances included."`
	Total   ledger.Sum `json:"total" doc:"What they held."`
	Gini    *float64   `json:"gini"`
	Top1    *float64   `json:"top1"`
	Top10   *float64   `json:"top10"`
	Palma   *float64   `json:"palma" doc:"Of the personal population only."`
}

// SumOfSteps returns what the steps change together.
func SumOfSteps(steps []BridgeStep) (sum ledger.Sum) {
	for _, s := range steps {
		sum = sum.Plus(s.Change)
	}
	return sum
}

// monthSpan returns a month as a period of a ledger that began at first. The month
// is over.
func monthSpan(first, month time.Time) span {
	s := span{First: ledger.DayOf(first, first.Location()), Historical: true}
	next := month.AddDate(0, 1, 0)
	s.Start, s.Today = s.day(month), s.day(next.AddDate(0, 0, -1))
	s.Days = Days(ledger.DayNumber(next) - ledger.DayNumber(month))
	s.End = s.day(next).UTC()
	s.Through = s.End
	return s
}

// fill reads the numbers of a month.
func (n *MonthNumbers) fill(ctx context.Context, tx pgx.Tx, s span) error {
	n.Timezone, n.Start, n.End, n.Since = s.zone().String(), s.Start, s.End, s.younger()
	for _, part := range []struct {
		name string
		fill func(context.Context, pgx.Tx, span) error
	}{{"bridge", n.fillBridge}, {"sums", n.fillSums}, {"prices", n.fillPrices}, {"movers", n.fillMovers}, {"firms", n.fillFirms}, {"wealth", n.fillWealth}} {
		if err := part.fill(ctx, tx, s); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

func (n *MonthNumbers) fillBridge(ctx context.Context, tx pgx.Tx, s span) error {
	var b Bridge
	if err := b.fill(ctx, tx, s); err != nil {
		return err
	}
	n.Opening, n.Moved, n.Unexplained, n.Closing, n.Others = b.Opening, b.Moved, b.Unexplained, b.Closing, b.Others
	n.Created, n.Destroyed = []BridgeStep{}, []BridgeStep{}
	for _, step := range b.Steps { // largest first
		list := &n.Created
		if step.Change.Sign() < 0 {
			list = &n.Destroyed
		}
		if len(*list) < mostReported {
			*list = append(*list, step)
		} else {
			n.Others.add(step)
		}
	}
	return nil
}

func (n *MonthNumbers) fillSums(ctx context.Context, tx pgx.Tx, s span) error {
	query := `
		SELECT (SELECT coalesce(sum(transactions), 0)::bigint FROM activity_hours WHERE hour >= @start AND hour < @through),
			(SELECT coalesce(sum(transfers), 0) FROM activity_hours WHERE hour >= @start AND hour < @through),
			(SELECT coalesce(sum(sales), 0)::bigint FROM item_days_without WHERE day BETWEEN @from::date AND @to::date),
			(SELECT coalesce(sum(volume), 0) FROM item_days_without WHERE day BETWEEN @from::date AND @to::date),
			(SELECT count(DISTINCT holder) FROM account_days JOIN account_holders ON id = account
				WHERE NOT issuer AND day BETWEEN @from::date AND @to::date)`
	return tx.QueryRow(ctx, query, s.dated()).Scan(&n.Transactions, &n.Transfers, &n.Sales, &n.Turnover, &n.Active)
}

// dated returns the arguments of queries that read by hours and by days. The first and
// the last day are apart as dates, since a parameter has one type in a query.
func (s span) dated() pgx.NamedArgs {
	args := s.args()
	args["from"], args["to"] = s.Start, s.Today
	return args
}

// fillPrices compares the month with each of the twelve before it.
func (n *MonthNumbers) fillPrices(ctx context.Context, tx pgx.Tx, s span) error {
	year := s
	year.Start = s.day(dateOf(s.Start).AddDate(-1, 0, 0))
	i := slices.IndexFunc(units, func(u unit) bool { return u.name == "month" })
	buckets := year.divideBy(units[i])
	courses, err := readCoursesBy(ctx, tx, year, units[i].name, buckets, nil, false)
	if err != nil {
		return err
	}
	var x PriceIndex
	for _, b := range buckets {
		x.Points = append(x.Points, IndexPoint{Start: b.start})
	}
	x.compare(courses)
	now, before, ago := x.Points[len(x.Points)-1], x.Points[len(x.Points)-2], x.Points[0]
	n.Prices = MonthPrices{Month: now.since(before), Year: now.since(ago), Coverage: now.Coverage, Items: now.Items}
	for _, p := range x.Points {
		n.Prices.Course = append(n.Prices.Course, MonthIndex{p.Start.Format(monthFormat), p.Value, p.Coverage})
	}
	return nil
}

// since returns the change of the index since a point, nil if one of them has none.
func (p IndexPoint) since(before IndexPoint) *float64 {
	if p.Value == nil || before.Value == nil {
		return nil
	}
	change := *p.Value / *before.Value - 1
	return &change
}

func (n *MonthNumbers) fillMovers(ctx context.Context, tx pgx.Tx, s span) error {
	var m Movers
	if _, _, err := m.move(ctx, tx, s); err != nil {
		return err
	}
	list := func(all []Mover) []MonthMover {
		moved := []MonthMover{}
		for _, of := range all[:min(len(all), mostReported)] {
			moved = append(moved, MonthMover{of.ID, of.Name, *of.Now.Value, *of.Before.Value, of.Change})
		}
		return moved
	}
	n.Compared, n.Up, n.Down, n.Rose, n.Fell = m.Compared, m.Up, m.Down, list(m.Rose), list(m.Fell)
	return nil
}

// fillFirms reads what the accounts of those sold who had a business account in the
// month: one that was opened or used by its end, since an import may open accounts
// later than they were used. Merged accounts are those of their target's holder.
func (n *MonthNumbers) fillFirms(ctx context.Context, tx pgx.Tx, s span) error {
	query := `
		WITH sold AS (
			SELECT account, sum(sales) AS sales, sum(volume) AS volume FROM trader_days_without
			WHERE side = 'seller' AND day BETWEEN @from::date AND @to::date GROUP BY account)
		SELECT holder, '' AS name, sum(sales)::bigint, sum(volume) FROM sold JOIN account_holders ON id = account
		WHERE NOT issuer AND holder IN (
			SELECT holder FROM accounts a WHERE kind = 'business' AND NOT issuer AND (archived IS NULL OR archived > @start) AND ` + notMerged + `
				AND (opened < @through OR id IN (SELECT account FROM sold) OR EXISTS (SELECT FROM account_days WHERE account = a.id AND day <= @to::date)))
		GROUP BY holder HAVING sum(volume) > 0 ORDER BY sum(volume) DESC, holder LIMIT @limit`
	args := s.dated()
	args["limit"] = mostReported
	rows, _ := tx.Query(ctx, query, args)
	firms, err := pgx.CollectRows(rows, pgx.RowToStructByPos[MonthFirm])
	n.Firms = append([]MonthFirm{}, firms...)
	return err
}

func (n *MonthNumbers) fillWealth(ctx context.Context, tx pgx.Tx, s span) (err error) {
	last := dateOf(s.Today)
	if n.Population, err = populationInForce(ctx, tx, PopulationPersonal, last); err != nil {
		return err
	}
	ago := dateOf(s.Start).AddDate(-1, 1, -1)
	const query = `
		SELECT nr, population_holders[@p], population_totals[@p], population_ginis[@p], population_top1s[@p], population_top10s[@p],
			CASE WHEN @p = 1 THEN palma END` + atEnds
	rows, _ := tx.Query(ctx, query, pgx.NamedArgs{"days": []time.Time{last, ago}, "p": n.Population.index()})
	var nr int
	var w MonthWealth
	_, err = pgx.ForEachRow(rows, []any{&nr, &w.Holders, &w.Total, &w.Gini, &w.Top1, &w.Top10, &w.Palma}, func() error {
		if nr == 1 {
			n.Wealth = w
		} else {
			n.YearBefore = new(w)
		}
		w = MonthWealth{}
		return nil
	})
	return err
}
