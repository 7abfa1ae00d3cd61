package aggregates

import (
	"cmp"
	"context"
	"fmt"
	"maps"
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
	Record   *ledger.Sum  `json:"record,omitempty" doc:"The largest transfer of the 365 days before it."`
	Item     *NotableItem `json:"item,omitempty"`
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
	v.sort()
	return v, nil
}

// readTransfers finds the days whose largest transfer, which neither comes from an
// issuer nor goes to one, is the largest of a year.
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
		if record.Sign() > 0 && largest.move.Volume.Compare(record) > 0 {
			ids, moves = append(ids, largest.id), append(moves, largest.move)
			found = append(found, Notable{Rule: NotableTransfer, Day: day, At: plus(day, 1).UTC(), Record: &record})
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
	days     []time.Time
	means    []float64
}

// highest returns the highest mean of the year before a day, and reports whether the
// item was sold long enough before it.
func (d soldDays) highest(day time.Time) (highest float64, known bool) {
	at := ledger.DayNumber(day)
	for n, date := range d.days {
		if before := at - ledger.DayNumber(date); before > 0 && before <= notableYear {
			highest, known = max(highest, d.means[n]), known || before >= notablePast
		}
	}
	return highest, known
}

// readHighest finds items whose firm price at the end of a day is above their mean
// price of each day of the year before, where it was not so a day earlier.
func (v *Notables) readHighest(ctx context.Context, tx pgx.Tx, s span, days []time.Time) error {
	// A firm price is not above all that was paid in 30 days, so that few items are
	// looked at day by day. The days that are before each of the last ones, and a year
	// at most, are a part of what it has to be above.
	const query = `
		SELECT id, ref, name, days, means FROM items JOIN (
			SELECT item, array_agg(day ORDER BY day) AS days, array_agg((volume / quantity)::float8 ORDER BY day) AS means
			FROM item_days_without WHERE day BETWEEN @from::date AND @last::date AND sales > 0 GROUP BY item
			HAVING max(high) FILTER (WHERE day > @recent::date) > coalesce(max(volume / quantity) FILTER (WHERE day BETWEEN @shared::date AND @before::date), 0)
				AND min(day) <= @long::date) AS sold ON item = id`
	first, last := days[0], days[len(days)-1]
	args := pgx.NamedArgs{
		"from": plus(first, -notableYear), "last": last, "recent": plus(first, -int(firmDays)),
		"shared": plus(last, -notableYear), "before": plus(first, -1), "long": plus(last, -notablePast),
	}
	sold := map[int64]soldDays{}
	var id int64
	rows, _ := tx.Query(ctx, query, args)
	var of soldDays
	_, err := pgx.ForEachRow(rows, []any{&id, &of.id, &of.name, &of.days, &of.means}, func() error {
		sold[id] = of
		of.days, of.means = nil, nil
		return nil
	})
	if err != nil {
		return fmt.Errorf("mean prices of a year: %w", err)
	}
	items := slices.Sorted(maps.Keys(sold))
	above := map[int64]bool{} // on the day before
	for n, day := range days {
		prices, err := readFirmPrices(ctx, tx, s.atEnd(day), items)
		if err != nil {
			return err
		}
		for _, item := range items {
			was := above[item]
			highest, known := sold[item].highest(day)
			price := prices[item].Value
			above[item] = price != nil && *price > highest
			if n > 0 && above[item] && !was && known {
				v.Entries = append(v.Entries, Notable{Rule: NotablePrice, Day: day, At: plus(day, 1).UTC(), Item: &NotableItem{sold[item].id, sold[item].name, *price, highest}})
			}
		}
	}
	return nil
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
	all.sort()
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

// sort puts the newest first, and leaves out what is too much for a day.
func (v *Notables) sort() {
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
		if ofDay++; ofDay <= mostNotables {
			kept = append(kept, e)
		}
	}
	v.Entries = kept
}
