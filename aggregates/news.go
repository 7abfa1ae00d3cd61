package aggregates

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

// The rules of news.
const (
	newsDays      = 30   // that are over, of which there are news
	newsChange    = 0.1  // of a firm price, against the day before
	newsUsualDays = 90   // before a day, whose median is what is usual
	newsUsualUsed = 7    // of them with money, for anything to be usual
	newsTimes     = 10   // as much as usual
	mostNews      = 200  // that are shown
	newsSlack     = 1e-9 // a change of exactly a tenth counts
)

// News is what happened to items and accounts on the last 30 days that are over. It
// follows from the record alone.
type News struct {
	Basis
	Entries []NewsEntry `json:"entries" nullable:"false" doc:"Newest first; at most 200."`
}

// A NewsRule is why something is news.
type NewsRule string

// The rules, by day.
const (
	NewsPrice    NewsRule = "price"    // the firm price of an item changed by a tenth
	NewsStocked  NewsRule = "stocked"  // an item is offered again
	NewsEmptied  NewsRule = "emptied"  // it is not offered any more
	NewsReceived NewsRule = "received" // an account received ten times as much as usual, and more than on any day before
	NewsSent     NewsRule = "sent"     // it sent as much
)

// A NewsEntry is what happened to one thing on one day.
type NewsEntry struct {
	Rule   NewsRule    `json:"rule" enum:"price,stocked,emptied,received,sent"`
	Day    time.Time   `json:"day" doc:"On which it happened."`
	At     time.Time   `json:"at" doc:"The end of that day, when it is news."`
	Thing  string      `json:"thing" enum:"item,account"`
	ID     string      `json:"id" doc:"Of the item or account."`
	Name   string      `json:"name"`
	Price  *float64    `json:"price,omitempty" doc:"At the end of the day, in minor units a piece."`
	Before *float64    `json:"before,omitempty" doc:"The price at the end of the day before."`
	Amount *ledger.Sum `json:"amount,omitempty" doc:"What the account received, or sent, on the day."`
	Usual  *ledger.Sum `json:"usual,omitempty" doc:"The median of the days of the 90 before on which it received, or sent, anything."`
}

// A NewsQuery selects an item, or an account, by its ref. Each is a key, so the caller
// checks first that it exists.
type NewsQuery struct{ Ref string }

// Key is the ref, escaped, so that it contains no colon.
func (q NewsQuery) Key() string { return url.QueryEscape(q.Ref) }

// newsOf is the policy of news: they change once a day.
func newsOf(name string) cache.Spec {
	s := oneOfMany(name)
	s.Window = 10 * time.Minute
	return s
}

// ComputeItemNews reads what happened to an item. It returns nil if there is none.
func ComputeItemNews(ctx context.Context, db *pgxpool.Pool, w cache.Window, q NewsQuery) (*News, error) {
	id, name, err := findItem(ctx, db, q.Ref)
	if err != nil || id == 0 {
		return nil, err
	}
	v := &News{Entries: []NewsEntry{}}
	about := NewsEntry{Thing: "item", ID: q.Ref, Name: name}
	err = v.read(ctx, db, w, newsDays, func(ctx context.Context, tx pgx.Tx, s span) error {
		days := s.newsDays()
		if err := v.readPrices(ctx, tx, s, days, id, about); err != nil {
			return err
		}
		return v.readStock(ctx, tx, days, id, about)
	})
	if err != nil {
		return nil, fmt.Errorf("news of an item: %w", err)
	}
	v.sort()
	return v, nil
}

// newsDays returns the last days that are over, of which there are news, and before
// them the one with which the first is compared.
func (s span) newsDays() []time.Time {
	over, _ := s.whole()
	var days []time.Time
	for n := newsDays; n >= 0; n-- {
		if day := plus(over.Today, -n); !day.Before(s.First) {
			days = append(days, day)
		}
	}
	return days
}

// add adds what happened on a day.
func (v *News) add(e NewsEntry, rule NewsRule, day time.Time) {
	e.Rule, e.Day, e.At = rule, day, plus(day, 1).UTC()
	v.Entries = append(v.Entries, e)
}

func (v *News) readPrices(ctx context.Context, tx pgx.Tx, s span, days []time.Time, item int64, about NewsEntry) error {
	quotes, err := readDatedQuotes(ctx, tx, days, []int64{item})
	if err != nil {
		return err
	}
	firm, err := firmOf(ctx, tx, s, days, pricesByDay(days, quotes))
	if err != nil {
		return err
	}
	var before *float64
	for nr, price := range firm[item] {
		e, day := about, days[nr]
		e.Price, e.Before = price, before
		if before = price; e.Price == nil || e.Before == nil {
			continue
		}
		if change := *e.Price / *e.Before - 1; max(change, -change) >= newsChange-newsSlack {
			v.add(e, NewsPrice, day)
		}
	}
	return nil
}

// readStock compares whether anybody offered the item at the ends of days.
func (v *News) readStock(ctx context.Context, tx pgx.Tx, days []time.Time, item int64, about NewsEntry) error {
	const query = `
		SELECT nr, asks > 0 FROM unnest($2::timestamptz[]) WITH ORDINALITY AS of (at, nr) CROSS JOIN LATERAL (
			SELECT asks FROM item_offer_hours WHERE item = $1 AND hour < at ORDER BY hour DESC LIMIT 1) AS offered`
	ends := make([]time.Time, len(days))
	for n, day := range days {
		ends[n] = plus(day, 1)
	}
	offered := make([]bool, len(days))
	var nr int
	var asks bool
	rows, _ := tx.Query(ctx, query, item, ends)
	_, err := pgx.ForEachRow(rows, []any{&nr, &asks}, func() error {
		offered[nr-1] = asks
		return nil
	})
	if err != nil {
		return fmt.Errorf("offers at the ends of days: %w", err)
	}
	for n := 1; n < len(days); n++ {
		switch {
		case offered[n] && !offered[n-1]:
			v.add(about, NewsStocked, days[n])
		case !offered[n] && offered[n-1]:
			v.add(about, NewsEmptied, days[n])
		}
	}
	return nil
}

// ComputeAccountNews reads what happened to an account, with those that are merged into
// it. It returns nil if there is none that may be shown.
func ComputeAccountNews(ctx context.Context, db *pgxpool.Pool, w cache.Window, q NewsQuery) (*News, error) {
	account := &Series{SeriesRef: SeriesRef{Ref: q.Ref}}
	id, err := account.findAccount(ctx, db)
	if err != nil || id == 0 {
		return nil, err
	}
	v := &News{Entries: []NewsEntry{}}
	about := NewsEntry{Thing: "account", ID: account.ID, Name: account.Name}
	err = v.read(ctx, db, w, newsDays, func(ctx context.Context, tx pgx.Tx, s span) error {
		return v.readMoves(ctx, tx, s.newsDays(), id, about)
	})
	if err != nil {
		return nil, fmt.Errorf("news of an account: %w", err)
	}
	v.sort()
	return v, nil
}

func (v *News) readMoves(ctx context.Context, tx pgx.Tx, days []time.Time, account int64, about NewsEntry) error {
	if len(days) == 0 {
		return nil
	}
	const query = `
		SELECT day, sum(received), sum(sent) FROM account_days
		WHERE account = ANY($1::bigint || ARRAY(SELECT account FROM merges WHERE target = $1)) AND day BETWEEN $2::date AND $3::date
		GROUP BY day ORDER BY day`
	type moved struct {
		day int // its number
		sum ledger.Sum
	}
	var received, sent []moved
	rows, _ := tx.Query(ctx, query, account, plus(days[0], -newsUsualDays), days[len(days)-1])
	var date time.Time
	var in, out ledger.Sum
	_, err := pgx.ForEachRow(rows, []any{&date, &in, &out}, func() error {
		if day := ledger.DayNumber(date); in.Sign() > 0 {
			received = append(received, moved{day, in})
		}
		if day := ledger.DayNumber(date); out.Sign() > 0 {
			sent = append(sent, moved{day, out})
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("what an account received and sent: %w", err)
	}
	for rule, moves := range map[NewsRule][]moved{NewsReceived: received, NewsSent: sent} {
		for n, m := range moves {
			var before []ledger.Sum
			for _, of := range moves[:n] {
				if of.day >= m.day-newsUsualDays {
					before = append(before, of.sum)
				}
			}
			at := slices.IndexFunc(days, func(day time.Time) bool { return ledger.DayNumber(day) == m.day })
			if at < 1 || len(before) < newsUsualUsed {
				continue
			}
			slices.SortFunc(before, ledger.Sum.Compare)
			usual, most := before[(len(before)-1)/2], before[len(before)-1]
			if m.sum.Compare(most) > 0 && m.sum.Float64() >= newsTimes*usual.Float64() {
				e := about
				e.Amount, e.Usual = &m.sum, &usual
				v.add(e, rule, days[at])
			}
		}
	}
	return nil
}

// sort puts the newest first, each once, and leaves out those beyond the most.
func (v *News) sort() {
	slices.SortFunc(v.Entries, func(a, b NewsEntry) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Thing, b.Thing), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Rule, b.Rule))
	})
	v.Entries = slices.CompactFunc(v.Entries, func(a, b NewsEntry) bool {
		return a.At.Equal(b.At) && a.Thing == b.Thing && a.ID == b.ID && a.Rule == b.Rule
	})
	v.Entries = v.Entries[:min(len(v.Entries), mostNews)]
}

// JoinNews returns the news of several things. Those that are nil have none.
func JoinNews(of Basis, all []*News) *News {
	v := &News{Basis: of, Entries: []NewsEntry{}}
	for _, part := range all {
		if part == nil {
			continue
		}
		v.Basis = part.Basis
		v.Entries = append(v.Entries, part.Entries...)
	}
	v.sort()
	return v
}

// Updated returns when the newest entry became news, or without any the start of the
// period.
func (v *News) Updated() time.Time {
	if len(v.Entries) == 0 {
		return v.Start
	}
	return v.Entries[0].At
}

// Table has one row an entry.
func (v *News) Table() Table {
	t := Table{Columns: []Column{
		{"day", "Day", Day}, {"rule", "What happened", Text}, {"thing", "To", Text}, {"name", "Name", Text}, {"id", "Id", Text},
		{"price", "Price of a piece, minor units", Ratio}, {"before", "The day before", Ratio}, {"amount", "Amount", Money}, {"usual", "Usual amount", Money},
	}}
	for _, e := range v.Entries {
		row := []any{e.Day, string(e.Rule), e.Thing, e.Name, e.ID, orNil(e.Price), orNil(e.Before), nil, nil}
		if e.Amount != nil {
			row[7], row[8] = *e.Amount, *e.Usual
		}
		t.Rows = append(t.Rows, row)
	}
	return t.upTo(len(v.Entries), mostNews)
}
