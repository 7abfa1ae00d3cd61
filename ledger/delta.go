package ledger

import (
	"cmp"
	"errors"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// deltas is what an append adds to the balances and rollups.
type deltas struct {
	zone     *time.Location // of the days
	moves    []movedAmount
	activity map[int64]activityDelta // by hour
	flows    map[flowKey]flowDelta
	largest  map[largestKey][]large // the largest first
	items    map[itemKey]itemDelta
	dealings
}

// Hours and days are numbered from 1970.
type (
	// A movedAmount is a posting.
	movedAmount   struct{ account, day, at, amount int64 }
	activityDelta struct {
		transactions, postings int64
		volume, transfers      Sum
	}
	flowKey struct {
		hour     int64
		from, to party
		source   string
	}
	flowDelta struct {
		transactions int64
		volume       Sum
	}
	itemKey   struct{ item, hour int64 }
	itemDelta struct {
		sales, other               int64
		quantity, volume           Sum
		otherQuantity, otherVolume Sum
		high, low                  float64
		open, close                trade
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
		activity: map[int64]activityDelta{},
		flows:    map[flowKey]flowDelta{},
		largest:  map[largestKey][]large{},
		items:    map[itemKey]itemDelta{},
		dealings: newDealings(),
	}
}

// deltas sums the new transactions and sales of the batch.
func (ap *appender) deltas() *deltas {
	d := newDeltas(ap.zone)
	d.moves = make([]movedAmount, 0, 2*len(ap.transactions))
	var legs []leg
	for i, id := range ap.transactions {
		if id == 0 {
			continue
		}
		t := &ap.batch.Transactions[i]
		legs = legs[:0]
		for _, p := range t.Postings {
			a := ap.accounts[p.Account]
			legs = append(legs, leg{a.id, a.holder, a.party, p.Amount})
		}
		d.addTransaction(id, t.At.UnixMicro(), t.Source, legs)
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
func (d *deltas) addTransaction(id, at int64, source string, legs []leg) {
	hour := floor(at, hourMicros)
	day := dayOfHour(hour, d.zone)
	for _, l := range legs {
		d.moves = append(d.moves, movedAmount{l.account, day, at, l.amount})
	}
	d.addCounterparties(day, legs)
	postings := int64(len(legs))
	m := move(legs)
	a := d.activity[hour]
	a.transactions++
	a.postings += postings
	a.volume, a.transfers = a.volume.Add(m.volume), a.transfers.Add(m.transfers)
	d.activity[hour] = a
	for from := range m.flows {
		for to, volume := range m.flows[from] {
			if volume == 0 {
				continue
			}
			key := flowKey{hour, party(from), party(to), source}
			f := d.flows[key]
			f.transactions++
			f.volume = f.volume.Add(volume)
			d.flows[key] = f
			d.addLargest(largestKey{day, party(from), party(to), source}, large{volume, id})
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
		i.otherQuantity, i.otherVolume = i.otherQuantity.Add(quantity), i.otherVolume.Add(total)
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
	i.quantity, i.volume = i.quantity.Add(quantity), i.volume.Add(total)
	d.items[key] = i
}

// errBalance is the error for a balance that does not fit.
var errBalance = errors.New("the balance of an account would pass what 64 bits hold")

// overflowed returns an error if what a balance gains does not fit.
func (d *deltas) overflowed() error {
	for _, same := range d.byAccount() {
		if _, fits := sumOf(same).Int64(); !fits {
			return errBalance
		}
	}
	return nil
}

// byAccount yields the accounts in order, each with its postings in the order of
// their days.
func (d *deltas) byAccount() iter.Seq2[int64, []movedAmount] {
	slices.SortFunc(d.moves, func(a, b movedAmount) int { // cheap if they are in order
		if a.account != b.account {
			return cmp.Compare(a.account, b.account)
		}
		return cmp.Compare(a.day, b.day)
	})
	return func(yield func(int64, []movedAmount) bool) {
		for same := range runs(d.moves, func(m movedAmount) int64 { return m.account }) {
			if !yield(same[0].account, same) {
				return
			}
		}
	}
}

func sumOf(moves []movedAmount) (sum Sum) {
	for _, m := range moves {
		sum = sum.Add(m.amount)
	}
	return sum
}

// timesOf returns the times of the first and of the last of some postings.
func timesOf(moves []movedAmount) (first, last time.Time) {
	from, to := moves[0].at, moves[0].at
	for _, m := range moves {
		from, to = min(from, m.at), max(to, m.at)
	}
	return time.UnixMicro(from).UTC(), time.UnixMicro(to).UTC()
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

// queue queues the deltas for the rollups, or for tables like them whose names have
// a prefix. Tables and keys are in the same order in every append, so that appends
// which change the same rows wait for each other without a deadlock.
func (d *deltas) queue(batch *pgx.Batch, prefix string, into []rollup) {
	for _, r := range into {
		if r.queue != nil {
			r.queue(d, batch, prefix+r.table)
		}
	}
}

// queueBalances queues what accounts gained, which need not fit in 64 bits as their
// balances do. In the copy that Repair makes, balances need not fit either, where a
// part of the record ends.
func (d *deltas) queueBalances(batch *pgx.Batch, table string) {
	if len(d.moves) == 0 {
		return
	}
	var accounts, postings []int64
	var amounts []Sum
	var firsts, lasts []time.Time
	for account, same := range d.byAccount() {
		first, last := timesOf(same)
		accounts, amounts, postings = append(accounts, account), append(amounts, sumOf(same)), append(postings, int64(len(same)))
		firsts, lasts = append(firsts, first), append(lasts, last)
	}
	query := `
		INSERT INTO ` + table + ` AS known (account, balance, last_at, postings, first_at)
		SELECT * FROM unnest($1::bigint[], $2::numeric[], $3::timestamptz[], $4::bigint[], $5::timestamptz[])
			AS new (account, balance, last_at, postings, first_at)
		ORDER BY account
		ON CONFLICT (account) DO UPDATE SET
			balance = known.balance + excluded.balance,
			last_at = greatest(known.last_at, excluded.last_at),
			postings = known.postings + excluded.postings,
			first_at = least(known.first_at, excluded.first_at)`
	batch.Queue(query, accounts, amounts, lasts, postings, firsts)
}

func (d *deltas) queueDays(batch *pgx.Batch, table string) {
	if len(d.moves) == 0 {
		return
	}
	var accounts, postings []int64
	var days []int32
	var received, sent []Sum
	for account, all := range d.byAccount() {
		for same := range runs(all, func(m movedAmount) int64 { return m.day }) {
			var in, out Sum
			for _, m := range same {
				if m.amount > 0 {
					in = in.Add(m.amount)
				} else {
					out = out.Minus(SumOf(m.amount))
				}
			}
			accounts, days = append(accounts, account), append(days, int32(same[0].day))
			received, sent, postings = append(received, in), append(sent, out), append(postings, int64(len(same)))
		}
	}
	kind, sums := sumArrays(received, sent)
	query := `
		INSERT INTO ` + table + ` AS known (account, day, received, sent, postings)
		SELECT account, date '1970-01-01' + day, received, sent, postings
		FROM unnest($1::bigint[], $2::integer[], $3::` + kind + `[], $4::` + kind + `[], $5::bigint[])
			AS new (account, day, received, sent, postings)
		ORDER BY new.account, new.day
		ON CONFLICT (account, day) DO UPDATE SET
			received = known.received + excluded.received,
			sent = known.sent + excluded.sent,
			postings = known.postings + excluded.postings`
	batch.Queue(query, accounts, days, sums[0], sums[1], postings)
}

// sumArrays returns lists of sums as arguments of a query, with the type of their
// elements: bigint if all fit, which is cheaper to encode than numeric.
func sumArrays(lists ...[]Sum) (kind string, arrays []any) {
	for _, list := range lists {
		narrow := make([]int64, len(list))
		for i, sum := range list {
			var fits bool
			if narrow[i], fits = sum.Int64(); !fits {
				arrays = arrays[:0]
				for _, list := range lists {
					arrays = append(arrays, list)
				}
				return "numeric", arrays
			}
		}
		arrays = append(arrays, narrow)
	}
	return "bigint", arrays
}

func (d *deltas) queueActivity(batch *pgx.Batch, table string) {
	n := len(d.activity)
	if n == 0 {
		return
	}
	hours := make([]time.Time, n)
	transactions, postings := make([]int64, n), make([]int64, n)
	volumes, transfers := make([]Sum, n), make([]Sum, n)
	for i, hour := range slices.Sorted(maps.Keys(d.activity)) {
		a := d.activity[hour]
		hours[i] = hourTime(hour)
		transactions[i], postings[i], volumes[i], transfers[i] = a.transactions, a.postings, a.volume, a.transfers
	}
	query := `
		INSERT INTO ` + table + ` AS known (hour, transactions, postings, volume, transfers)
		SELECT * FROM unnest($1::timestamptz[], $2::bigint[], $3::bigint[], $4::numeric[], $5::numeric[])
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

func (d *deltas) queueFlows(batch *pgx.Batch, table string) {
	n := len(d.flows)
	if n == 0 {
		return
	}
	keys := slices.SortedFunc(maps.Keys(d.flows), compareFlows)
	hours, sources := make([]time.Time, n), make([]string, n)
	from, to := make([]Kind, n), make([]Kind, n)
	fromIssuer, toIssuer := make([]bool, n), make([]bool, n)
	transactions, volumes := make([]int64, n), make([]Sum, n)
	for i, key := range keys {
		f := d.flows[key]
		hours[i], sources[i] = hourTime(key.hour), key.source
		from[i], fromIssuer[i] = key.from.kind(), key.from.issues()
		to[i], toIssuer[i] = key.to.kind(), key.to.issues()
		transactions[i], volumes[i] = f.transactions, f.volume
	}
	query := `
		INSERT INTO ` + table + ` AS known (hour, from_kind, from_issuer, to_kind, to_issuer, source, transactions, volume)
		SELECT hour, from_kind, from_issuer, to_kind, to_issuer, source, transactions, volume
		FROM unnest($1::timestamptz[], $2::text[], $3::boolean[], $4::text[], $5::boolean[], $6::text[], $7::bigint[], $8::numeric[])
			WITH ORDINALITY AS new (hour, from_kind, from_issuer, to_kind, to_issuer, source, transactions, volume, nr)
		ORDER BY nr
		ON CONFLICT (hour, from_kind, from_issuer, to_kind, to_issuer, source) DO UPDATE SET
			transactions = known.transactions + excluded.transactions,
			volume = known.volume + excluded.volume`
	batch.Queue(query, hours, from, fromIssuer, to, toIssuer, sources, transactions, volumes)
}

func (d *deltas) queueItems(batch *pgx.Batch, table string) {
	n := len(d.items)
	if n == 0 {
		return
	}
	keys := slices.SortedFunc(maps.Keys(d.items), func(a, b itemKey) int {
		return cmp.Or(cmp.Compare(a.item, b.item), cmp.Compare(a.hour, b.hour))
	})
	items, hours := make([]int64, n), make([]time.Time, n)
	sales, quantities, volumes := make([]int64, n), make([]Sum, n), make([]Sum, n)
	others, otherQuantities, otherVolumes := make([]int64, n), make([]Sum, n), make([]Sum, n)
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
	query := `
		INSERT INTO ` + table + ` AS known (item, hour, sales, quantity, volume, other_lines, other_quantity, other_volume,
			open, high, low, close, open_at, open_sale, close_at, close_sale)
		SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::bigint[], $4::numeric[], $5::numeric[], $6::bigint[],
			$7::numeric[], $8::numeric[], $9::float8[], $10::float8[], $11::float8[], $12::float8[],
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
