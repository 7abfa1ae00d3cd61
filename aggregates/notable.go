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

// The rules of what is notable in the whole ledger.
const (
	notableYear  = 365 // days before, of which it is the largest or highest
	notablePast  = 30  // days that there must have been before
	notableRise  = 0.1 // by which a transfer is larger, so that what grows slowly is not told time after time
	mostNotables = 3   // on one day
)

// Notables is what was notable in the whole ledger on the last 30 days that are over.
// It follows from the record alone.
type Notables struct {
	Basis
	Entries []Notable `json:"entries" nullable:"false" doc:"Newest first; at most 3 of a day, events first."`
}

// A Notable is one of them: an event, a sign, a transfer or a price.
type Notable struct {
	Rule     NotableRule  `json:"rule" enum:"event,sign,transfer,price"`
	Day      time.Time    `json:"day" doc:"On which it happened."`
	At       time.Time    `json:"at" doc:"When it is news: the end of that day; of an event its own time."`
	Event    *Event       `json:"event,omitempty"`
	Sign     *SignChange  `json:"sign,omitempty"`
	Transfer *LargeMove   `json:"transfer,omitempty" doc:"Its message is left out."`
	Record   *ledger.Sum  `json:"record,omitempty" doc:"The largest transfer of the days before it."`
	Item     *NotableItem `json:"item,omitempty"`
	Days     int          `json:"days,omitempty" doc:"Of a transfer or a price, with how many days before it is compared: 365, or as many as the ledger has."`
}

// aYear returns how many of the 365 days before a day the ledger has.
func (s span) aYear(day time.Time) int {
	return min(notableYear, ledger.DayNumber(day)-ledger.DayNumber(s.First))
}

// A NotableRule is why something is notable.
type NotableRule string

// The rules, in the order in which they are told of one day.
const (
	NotableEvent    NotableRule = "event"    // what operators have written down
	NotableSign     NotableRule = "sign"     // a sign has another state than a week before
	NotableTransfer NotableRule = "transfer" // the largest transfer of a year
	NotablePrice    NotableRule = "price"    // the highest price of an item in a year
)

// A NotableItem is an item with its highest price.
type NotableItem struct {
	ID      string  `json:"id"`
	Name    string  `json:"name"`
	Price   float64 `json:"price" doc:"At the end of the day, firm, in minor units a piece."`
	Highest float64 `json:"highest" doc:"The highest mean price of a day of the 365 before."`
}

// ID tells notables of one rule and day apart.
func (e Notable) ID() string {
	switch e.Rule {
	case NotableEvent:
		return e.Event.Ref
	case NotableSign:
		return e.Sign.Name
	case NotablePrice:
		return e.Item.ID
	}
	return e.Transfer.Origin + "/" + e.Transfer.Ref
}

// beside reports whether a notable is no single dealing.
func beside(e Notable) bool { return e.Rule != NotableTransfer }

// WithoutTransfers returns the notables that are no single dealings.
func (v *Notables) WithoutTransfers() *Notables {
	rest := *v
	rest.Entries = slices.DeleteFunc(slices.Clone(v.Entries), func(e Notable) bool { return e.Rule == NotableTransfer })
	return &rest
}

// ComputeNotables reads the largest transfers and the highest prices.
func ComputeNotables(ctx context.Context, db *pgxpool.Pool, w cache.Window, _ NoParams) (*Notables, error) {
	v := &Notables{Entries: []Notable{}}
	err := v.read(ctx, db, w, newsDays, func(ctx context.Context, tx pgx.Tx, s span) error {
		days := s.newsDays()
		if len(days) < 2 {
			return nil
		}
		if err := v.readTransfers(ctx, tx, s, days[1:]); err != nil {
			return err
		}
		return v.readHighest(ctx, tx, s, days)
	})
	if err != nil {
		return nil, fmt.Errorf("what is notable: %w", err)
	}
	v.sort(beside) // who may not see transfers sees what would come after them
	return v, nil
}

// readTransfers finds the days whose largest transfer, which neither comes from an
// issuer nor goes to one, is the largest of a year by a tenth or more.
func (v *Notables) readTransfers(ctx context.Context, tx pgx.Tx, s span, days []time.Time) error {
	const query = `
		SELECT DISTINCT ON (day) day, transaction, volume::numeric, from_kind, to_kind
		FROM flow_largest CROSS JOIN LATERAL unnest(transactions, volumes) AS of (transaction, volume)
		WHERE day BETWEEN $1::date AND $2::date AND NOT from_issuer AND NOT to_issuer
		ORDER BY day, volume DESC, transaction, from_kind, to_kind`
	type largest struct {
		id   int64
		move LargeMove
	}
	byDay := map[int]largest{}
	var date time.Time
	var of largest
	rows, _ := tx.Query(ctx, query, plus(days[0], -notableYear), days[len(days)-1])
	_, err := pgx.ForEachRow(rows, []any{&date, &of.id, &of.move.Volume, &of.move.Payer.Kind, &of.move.Receiver.Kind}, func() error {
		byDay[ledger.DayNumber(date)] = of
		return nil
	})
	if err != nil {
		return fmt.Errorf("largest transfers: %w", err)
	}
	var ids []int64
	var moves []LargeMove
	var found []Notable
	for _, day := range days {
		at := ledger.DayNumber(day)
		largest, moved := byDay[at]
		if !moved || plus(day, -notablePast).Before(s.First) {
			continue
		}
		var record ledger.Sum
		for before := at - notableYear; before < at; before++ {
			if of := byDay[before].move.Volume; of.Compare(record) > 0 {
				record = of
			}
		}
		if record.Sign() > 0 && largest.move.Volume.Float64() >= (1+notableRise-newsSlack)*record.Float64() {
			ids, moves = append(ids, largest.id), append(moves, largest.move)
			found = append(found, Notable{Rule: NotableTransfer, Day: day, At: plus(day, 1).UTC(), Record: &record, Days: s.aYear(day)})
		}
	}
	if err := nameSides(ctx, tx, ids, moves); err != nil {
		return err
	}
	const named = `SELECT nr, at, origin, ref FROM unnest($1::bigint[]) WITH ORDINALITY AS of (id, nr) JOIN transactions USING (id)`
	var nr int
	var m LargeMove
	rows, _ = tx.Query(ctx, named, ids)
	_, err = pgx.ForEachRow(rows, []any{&nr, &m.At, &m.Origin, &m.Ref}, func() error {
		move := &moves[nr-1]
		move.At, move.Origin, move.Ref = m.At.UTC(), m.Origin, m.Ref
		found[nr-1].Transfer = move
		v.Entries = append(v.Entries, found[nr-1])
		return nil
	})
	return err
}

// soldDays is the mean prices of an item by day.
type soldDays struct {
	id, name string
	days     []int // their numbers
	means    []float64
}

// highest returns the highest mean of the year before a day, and reports whether the
// item was sold long enough before it.
func (d soldDays) highest(day int) (highest float64, known bool) {
	for n, date := range d.days {
		if before := day - date; before > 0 && before <= notableYear {
			highest, known = max(highest, d.means[n]), known || before >= notablePast
		}
	}
	return highest, known
}

// mostAtOnce is how many items are looked at together, so that few of their sales are in
// memory.
const mostAtOnce = 1000

// readHighest finds items whose firm price at the end of a day is above their mean
// price of each day of the year before, where it was not so a day earlier.
func (v *Notables) readHighest(ctx context.Context, tx pgx.Tx, s span, days []time.Time) error {
	items, err := allItems(ctx, tx)
	if err != nil {
		return err
	}
	slices.Sort(items)
	for some := range slices.Chunk(items, mostAtOnce) {
		if err := v.readHighestOf(ctx, tx, s, days, some); err != nil {
			return err
		}
	}
	return nil
}

// readHighestOf is readHighest of some items. Most prices are below a mean of the last
// weeks, from which they are made themselves, so that few items need those of a year.
func (v *Notables) readHighestOf(ctx context.Context, tx pgx.Tx, s span, days []time.Time, some []int64) error {
	quotes, err := readDatedQuotes(ctx, tx, days, some)
	if err != nil {
		return err
	}
	var prices []dayPrice
	for item, of := range quotes {
		recent := meansOf(of)
		for nr, date := range days {
			day := ledger.DayNumber(date)
			highest, _ := recent.highest(day)
			highest *= 1 - newsSlack
			if dearest(of, day) <= highest {
				continue
			}
			if p, ok := firmValue(of, day); ok && *p.Value > highest {
				prices = append(prices, dayPrice{item, nr, p})
			}
		}
	}
	sold, err := readMeans(ctx, tx, days, prices)
	if err != nil {
		return err
	}
	prices = slices.DeleteFunc(prices, func(p dayPrice) bool {
		highest, _ := sold[p.item].highest(ledger.DayNumber(days[p.nr]))
		return *p.Value <= highest
	})
	firm, err := firmOf(ctx, tx, s, days, prices)
	if err != nil {
		return err
	}
	for item, prices := range firm {
		of := sold[item]
		for nr := 1; nr < len(days); nr++ {
			highest, known := of.highest(ledger.DayNumber(days[nr]))
			if prices[nr] != nil && prices[nr-1] == nil && known {
				v.Entries = append(v.Entries, Notable{Rule: NotablePrice, Day: days[nr], At: plus(days[nr], 1).UTC(), Item: &NotableItem{of.id, of.name, *prices[nr], highest}, Days: s.aYear(days[nr])})
			}
		}
	}
	return nil
}

// dearest returns the highest price of a piece on the days on which a firm price at the
// end of a day depends.
func dearest(sold []datedQuote, day int) (most float64) {
	for _, q := range ofDays(sold, day-firmDays+1, day, func(q datedQuote) int { return q.day }) {
		most = max(most, q.float())
	}
	return most
}

// meansOf returns the mean prices by day of what was sold, which is in the order of days.
func meansOf(sold []datedQuote) (d soldDays) {
	var quantity, volume float64
	for n, q := range sold {
		pieces := q.quantity.Float64()
		quantity, volume = quantity+pieces, volume+pieces*q.float()
		if n+1 == len(sold) || sold[n+1].day != q.day {
			d.days, d.means = append(d.days, q.day), append(d.means, volume/quantity)
			quantity, volume = 0, 0
		}
	}
	return d
}

// readMeans returns the mean prices of the items of prices, on these days and those of
// the year before.
func readMeans(ctx context.Context, tx pgx.Tx, days []time.Time, prices []dayPrice) (map[int64]soldDays, error) {
	const query = `
		SELECT id, ref, name, sold.days, means FROM items CROSS JOIN LATERAL (
			SELECT array_agg(day - date '1970-01-01' ORDER BY day) AS days, array_agg((volume / quantity)::float8 ORDER BY day) AS means
			FROM item_days_without WHERE item = id AND day BETWEEN $2::date AND $3::date AND sales > 0 OFFSET 0) AS sold
		WHERE id = ANY($1)`
	sold := map[int64]soldDays{}
	rows, _ := tx.Query(ctx, query, itemsOf(prices), plus(days[0], -notableYear), days[len(days)-1])
	var id int64
	var of soldDays
	_, err := pgx.ForEachRow(rows, []any{&id, &of.id, &of.name, &of.days, &of.means}, func() error {
		sold[id] = of
		of.days, of.means = nil, nil
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("mean prices of a year: %w", err)
	}
	return sold, nil
}

// JoinNotables returns all that was notable: with the changes of signs, and the events
// of the whole economy.
func JoinNotables(v *Notables, sound *Soundness, events *Events) *Notables {
	all := &Notables{Basis: v.Basis, Entries: slices.Clone(v.Entries)}
	zone, err := ledger.LoadZone(v.Timezone)
	if err != nil {
		zone = time.UTC
	}
	for _, c := range sound.Changes {
		if !c.Day.Before(v.Start) {
			all.Entries = append(all.Entries, Notable{Rule: NotableSign, Day: c.Day, At: plus(c.Day, 1).UTC(), Sign: &c})
		}
	}
	for _, e := range events.Events {
		if e.Scope == ledger.ScopeAll && !e.At.Before(v.Start) {
			all.Entries = append(all.Entries, Notable{Rule: NotableEvent, Day: ledger.DayOf(e.At, zone), At: e.At, Event: &e})
		}
	}
	all.sort(func(Notable) bool { return true })
	return all
}

// Updated returns when the newest entry became news, or without any the start of the
// period.
func (v *Notables) Updated() time.Time {
	newest := v.Start
	for _, e := range v.Entries {
		if e.At.After(newest) {
			newest = e.At
		}
	}
	return newest
}

// Table has one row an entry.
func (v *Notables) Table() Table {
	t := Table{Columns: []Column{
		{"day", "Day", Day}, {"rule", "What happened", Text}, {"what", "To what", Text}, {"id", "Id", Text}, {"value", "Number", Ratio}, {"before", "Before", Ratio}, {"from", "State before", Text}, {"to", "State", Text},
	}}
	for _, e := range v.Entries {
		row := []any{e.Day, string(e.Rule), "", "", nil, nil, "", ""}
		switch e.Rule {
		case NotableEvent:
			row[2], row[3] = e.Event.Title, e.Event.Ref
		case NotableSign:
			row[2], row[3], row[4], row[6], row[7] = e.Sign.Title, e.Sign.Name, e.Sign.Value, string(e.Sign.From), string(e.Sign.To)
		case NotableTransfer:
			row[2], row[3], row[4], row[5] = e.Transfer.Origin, e.Transfer.Ref, e.Transfer.Volume.Float64(), e.Record.Float64()
		case NotablePrice:
			row[2], row[3], row[4], row[5] = e.Item.Name, e.Item.ID, e.Item.Price, e.Item.Highest
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// sort puts the newest first, and leaves out what is too much for a day, of which those
// are that count.
func (v *Notables) sort(counts func(Notable) bool) {
	order := map[NotableRule]int{NotableEvent: 0, NotableSign: 1, NotableTransfer: 2, NotablePrice: 3}
	rise := func(e Notable) float64 {
		if e.Item == nil {
			return 0
		}
		return e.Item.Price / e.Item.Highest
	}
	slices.SortFunc(v.Entries, func(a, b Notable) int {
		return cmp.Or(b.Day.Compare(a.Day), cmp.Compare(order[a.Rule], order[b.Rule]), cmp.Compare(rise(b), rise(a)), cmp.Compare(a.ID(), b.ID()))
	})
	kept, ofDay := v.Entries[:0], 0
	for n, e := range v.Entries {
		if n == 0 || !e.Day.Equal(v.Entries[n-1].Day) {
			ofDay = 0
		}
		if counts(e) {
			ofDay++
		}
		if ofDay <= mostNotables {
			kept = append(kept, e)
		}
	}
	v.Entries = kept
}
