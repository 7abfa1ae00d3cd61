package ledger

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// deltas is what an append adds to the balances and rollups.
type deltas struct {
	zone     *time.Location // of the days
	balances map[int64]balanceDelta
	days     map[dayKey]dayDelta
	activity map[int64]activityDelta // by hour
	flows    map[flowKey]flowDelta
	items    map[itemKey]itemDelta
	dealings
	overflow string // the sum that does not fit in an int64, if any
}

// Hours and days are numbered from 1970.
type (
	balanceDelta  struct{ amount, last, postings int64 }
	dayKey        struct{ account, day int64 }
	dayDelta      struct{ received, sent, postings int64 }
	activityDelta struct{ transactions, postings, volume, transfers int64 }
	flowKey       struct {
		hour     int64
		from, to int
		source   string
	}
	flowDelta struct{ transactions, volume int64 }
	itemKey   struct{ item, hour int64 }
	itemDelta struct {
		sales, quantity, volume int64
		other, otherQuantity    int64
		otherVolume             int64
		high, low               float64
		open, close             trade
	}
)

// A trade is a price at a time. Of two at the same time, the one with the smaller
// id came first.
type trade struct {
	at, sale int64
	price    float64
}

func (t trade) compare(u trade) int {
	return cmp.Or(cmp.Compare(t.at, u.at), cmp.Compare(t.sale, u.sale))
}

const hourMicros = int64(time.Hour / time.Microsecond)

func newDeltas(zone *time.Location) *deltas {
	return &deltas{
		zone:     zone,
		balances: map[int64]balanceDelta{},
		days:     map[dayKey]dayDelta{},
		activity: map[int64]activityDelta{},
		flows:    map[flowKey]flowDelta{},
		items:    map[itemKey]itemDelta{},
		dealings: newDealings(),
	}
}

// deltas sums the new transactions and sales of the batch.
func (ap *appender) deltas() *deltas {
	d := newDeltas(ap.zone)
	d.balances = make(map[int64]balanceDelta, len(ap.accounts))
	d.days = make(map[dayKey]dayDelta, len(ap.accounts))
	var legs []leg
	for i, id := range ap.transactions {
		if id == 0 {
			continue
		}
		t := &ap.batch.Transactions[i]
		legs = legs[:0]
		for _, p := range t.Postings {
			a := ap.accounts[p.Account]
			legs = append(legs, leg{a.id, a.holder, a.kind, p.Amount})
		}
		d.addCounterparties(t.At.UnixMicro(), legs)
		d.addTransaction(t.At.UnixMicro(), t.Source, legs)
	}
	for i, id := range ap.sales {
		if id == 0 {
			continue
		}
		s := &ap.batch.Sales[i]
		d.addSale(ap.items[s.Item], s.At.UnixMicro(), id, s.Quantity, s.Total)
		d.addTrade(ap.items[s.Item], s.At.UnixMicro(), ap.accounts[s.Seller].id, ap.accounts[s.Buyer].id, s.Quantity, s.Total)
	}
	return d
}

// addTransaction counts a transaction at a time in Unix microseconds. It reorders
// the legs.
func (d *deltas) addTransaction(at int64, source string, legs []leg) {
	hour := floor(at, hourMicros)
	day := dayOfHour(hour, d.zone)
	for _, l := range legs {
		b, ok := d.balances[l.account]
		d.add("the balance of an account", &b.amount, l.amount)
		b.postings++
		if !ok || at > b.last {
			b.last = at
		}
		d.balances[l.account] = b

		key := dayKey{l.account, day}
		a := d.days[key]
		if l.amount > 0 {
			d.add("what an account received in a day", &a.received, l.amount)
		} else {
			d.add("what an account sent in a day", &a.sent, -l.amount)
		}
		a.postings++
		d.days[key] = a
	}
	postings := int64(len(legs))
	m := move(legs)
	a := d.activity[hour]
	a.transactions++
	a.postings += postings
	d.add("the volume of an hour", &a.volume, m.volume)
	d.add("the transfers of an hour", &a.transfers, m.transfers)
	d.activity[hour] = a
	for from := range m.flows {
		for to, volume := range m.flows[from] {
			if volume == 0 {
				continue
			}
			key := flowKey{hour, from, to, source}
			f := d.flows[key]
			f.transactions++
			d.add("the flow of an hour", &f.volume, volume)
			d.flows[key] = f
		}
	}
}

// addSale counts a sale. A sale with a quantity and a total above zero has a
// price; all others are counted apart.
func (d *deltas) addSale(item, at, id, quantity, total int64) {
	key := itemKey{item, floor(at, hourMicros)}
	i := d.items[key]
	if quantity <= 0 || total <= 0 {
		i.other++
		d.add("the returned pieces of an item in an hour", &i.otherQuantity, quantity)
		d.add("the returns of an item in an hour", &i.otherVolume, total)
		d.items[key] = i
		return
	}
	t := trade{at, id, float64(total) / float64(quantity)}
	if i.sales == 0 {
		i.open, i.close, i.high, i.low = t, t, t.price, t.price
	}
	if t.compare(i.open) < 0 {
		i.open = t
	}
	if t.compare(i.close) > 0 {
		i.close = t
	}
	i.high, i.low = max(i.high, t.price), min(i.low, t.price)
	i.sales++
	d.add("the pieces of an item sold in an hour", &i.quantity, quantity)
	d.add("the sales of an item in an hour", &i.volume, total)
	d.items[key] = i
}

// add adds v to a sum. It records what the first sum is that overflows.
func (d *deltas) add(what string, sum *int64, v int64) {
	next := *sum + v
	if (next > *sum) != (v > 0) && v != 0 && d.overflow == "" {
		d.overflow = what
	}
	*sum = next
}

// floor returns t/unit rounded down.
func floor(t, unit int64) int64 {
	n := t / unit
	if t%unit < 0 {
		n--
	}
	return n
}

func hourTime(hour int64) time.Time { return time.UnixMicro(hour * hourMicros).UTC() }

// queue queues the deltas, with tables and keys in the same order in every append,
// so that appends which change the same rows wait for each other without a
// deadlock.
func (d *deltas) queue(batch *pgx.Batch) {
	d.queueBalances(batch)
	d.queueDays(batch)
	d.queueActivity(batch)
	d.queueFlows(batch)
	d.queueItems(batch)
	d.queueDealings(batch)
}

func (d *deltas) queueBalances(batch *pgx.Batch) {
	n := len(d.balances)
	if n == 0 {
		return
	}
	accounts := slices.Sorted(maps.Keys(d.balances))
	amounts, postings, last := make([]int64, n), make([]int64, n), make([]time.Time, n)
	for i, account := range accounts {
		b := d.balances[account]
		amounts[i], postings[i], last[i] = b.amount, b.postings, time.UnixMicro(b.last).UTC()
	}
	const query = `
		INSERT INTO balances AS known (account, balance, last_at, postings)
		SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::bigint[])
			AS new (account, balance, last_at, postings)
		ORDER BY account
		ON CONFLICT (account) DO UPDATE SET
			balance = known.balance + excluded.balance,
			last_at = greatest(known.last_at, excluded.last_at),
			postings = known.postings + excluded.postings`
	batch.Queue(query, accounts, amounts, last, postings)
}

func (d *deltas) queueDays(batch *pgx.Batch) {
	n := len(d.days)
	if n == 0 {
		return
	}
	keys := slices.SortedFunc(maps.Keys(d.days), func(a, b dayKey) int {
		return cmp.Or(cmp.Compare(a.account, b.account), cmp.Compare(a.day, b.day))
	})
	accounts, days := make([]int64, n), make([]int32, n)
	received, sent, postings := make([]int64, n), make([]int64, n), make([]int64, n)
	for i, key := range keys {
		a := d.days[key]
		accounts[i], days[i] = key.account, int32(key.day)
		received[i], sent[i], postings[i] = a.received, a.sent, a.postings
	}
	const query = `
		INSERT INTO account_days AS known (account, day, received, sent, postings)
		SELECT account, date '1970-01-01' + day, received, sent, postings
		FROM unnest($1::bigint[], $2::integer[], $3::bigint[], $4::bigint[], $5::bigint[])
			AS new (account, day, received, sent, postings)
		ORDER BY new.account, new.day
		ON CONFLICT (account, day) DO UPDATE SET
			received = known.received + excluded.received,
			sent = known.sent + excluded.sent,
			postings = known.postings + excluded.postings`
	batch.Queue(query, accounts, days, received, sent, postings)
}

func (d *deltas) queueActivity(batch *pgx.Batch) {
	n := len(d.activity)
	if n == 0 {
		return
	}
	hours := make([]time.Time, n)
	transactions, postings, volumes, transfers := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	for i, hour := range slices.Sorted(maps.Keys(d.activity)) {
		a := d.activity[hour]
		hours[i] = hourTime(hour)
		transactions[i], postings[i], volumes[i], transfers[i] = a.transactions, a.postings, a.volume, a.transfers
	}
	const query = `
		INSERT INTO activity_hours AS known (hour, transactions, postings, volume, transfers)
		SELECT * FROM unnest($1::timestamptz[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
			AS new (hour, transactions, postings, volume, transfers)
		ORDER BY hour
		ON CONFLICT (hour) DO UPDATE SET
			transactions = known.transactions + excluded.transactions,
			postings = known.postings + excluded.postings,
			volume = known.volume + excluded.volume,
			transfers = known.transfers + excluded.transfers`
	batch.Queue(query, hours, transactions, postings, volumes, transfers)
}

func compareFlows(a, b flowKey) int {
	return cmp.Or(cmp.Compare(a.hour, b.hour), cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to), cmp.Compare(a.source, b.source))
}

func (d *deltas) queueFlows(batch *pgx.Batch) {
	n := len(d.flows)
	if n == 0 {
		return
	}
	keys := slices.SortedFunc(maps.Keys(d.flows), compareFlows)
	hours, from, to, sources := make([]time.Time, n), make([]Kind, n), make([]Kind, n), make([]string, n)
	transactions, volumes := make([]int64, n), make([]int64, n)
	for i, key := range keys {
		f := d.flows[key]
		hours[i], from[i], to[i], sources[i] = hourTime(key.hour), Kinds()[key.from], Kinds()[key.to], key.source
		transactions[i], volumes[i] = f.transactions, f.volume
	}
	const query = `
		INSERT INTO flow_hours AS known (hour, from_kind, to_kind, source, transactions, volume)
		SELECT hour, from_kind, to_kind, source, transactions, volume
		FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
			WITH ORDINALITY AS new (hour, from_kind, to_kind, source, transactions, volume, nr)
		ORDER BY nr
		ON CONFLICT (hour, from_kind, to_kind, source) DO UPDATE SET
			transactions = known.transactions + excluded.transactions,
			volume = known.volume + excluded.volume`
	batch.Queue(query, hours, from, to, sources, transactions, volumes)
}

func (d *deltas) queueItems(batch *pgx.Batch) {
	n := len(d.items)
	if n == 0 {
		return
	}
	keys := slices.SortedFunc(maps.Keys(d.items), func(a, b itemKey) int {
		return cmp.Or(cmp.Compare(a.item, b.item), cmp.Compare(a.hour, b.hour))
	})
	items, hours := make([]int64, n), make([]time.Time, n)
	sales, quantities, volumes := make([]int64, n), make([]int64, n), make([]int64, n)
	others, otherQuantities, otherVolumes := make([]int64, n), make([]int64, n), make([]int64, n)
	highs, lows := make([]*float64, n), make([]*float64, n)
	opens, openAts, openSales := make([]*float64, n), make([]*time.Time, n), make([]*int64, n)
	closes, closeAts, closeSales := make([]*float64, n), make([]*time.Time, n), make([]*int64, n)
	for i, key := range keys {
		v := d.items[key]
		items[i], hours[i] = key.item, hourTime(key.hour)
		sales[i], quantities[i], volumes[i] = v.sales, v.quantity, v.volume
		others[i], otherQuantities[i], otherVolumes[i] = v.other, v.otherQuantity, v.otherVolume
		if v.sales > 0 {
			openAt, closeAt := time.UnixMicro(v.open.at).UTC(), time.UnixMicro(v.close.at).UTC()
			highs[i], lows[i] = &v.high, &v.low
			opens[i], openAts[i], openSales[i] = &v.open.price, &openAt, &v.open.sale
			closes[i], closeAts[i], closeSales[i] = &v.close.price, &closeAt, &v.close.sale
		}
	}
	const query = `
		INSERT INTO item_hours AS known (item, hour, sales, quantity, volume, other_lines, other_quantity, other_volume,
			open, high, low, close, open_at, open_sale, close_at, close_sale)
		SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
			$7::bigint[], $8::bigint[], $9::float8[], $10::float8[], $11::float8[], $12::float8[],
			$13::timestamptz[], $14::bigint[], $15::timestamptz[], $16::bigint[])
			AS new (item, hour, sales, quantity, volume, other_lines, other_quantity, other_volume,
				open, high, low, close, open_at, open_sale, close_at, close_sale)
		ORDER BY item, hour
		ON CONFLICT (item, hour) DO UPDATE SET
			sales = known.sales + excluded.sales,
			quantity = known.quantity + excluded.quantity,
			volume = known.volume + excluded.volume,
			other_lines = known.other_lines + excluded.other_lines,
			other_quantity = known.other_quantity + excluded.other_quantity,
			other_volume = known.other_volume + excluded.other_volume,
			high = greatest(known.high, excluded.high),
			low = least(known.low, excluded.low),
			(open, open_at, open_sale) = (SELECT open, open_at, open_sale FROM (VALUES
				(known.open, known.open_at, known.open_sale), (excluded.open, excluded.open_at, excluded.open_sale))
				AS either (open, open_at, open_sale) ORDER BY open_at NULLS LAST, open_sale LIMIT 1),
			(close, close_at, close_sale) = (SELECT close, close_at, close_sale FROM (VALUES
				(known.close, known.close_at, known.close_sale), (excluded.close, excluded.close_at, excluded.close_sale))
				AS either (close, close_at, close_sale) ORDER BY close_at DESC NULLS LAST, close_sale DESC LIMIT 1)`
	batch.Queue(query, items, hours, sales, quantities, volumes, others, otherQuantities, otherVolumes,
		opens, highs, lows, closes, openAts, openSales, closeAts, closeSales)
}
