package ledger

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Days are numbered from 1970.
type (
	traderKey struct {
		item, day, account int64
		buyer              bool
	}
	traderDelta struct {
		sales            int64
		quantity, volume Sum
	}

	// A price is what one piece cost: total / quantity in lowest terms.
	priceKey struct{ item, day, total, quantity int64 }

	// A payment is what low paid high in a transaction, less than zero if high paid
	// low. The id of low is the smaller one.
	payment struct{ low, day, high, amount int64 }
)

// A dealings is what an append adds to the rollups of who traded what at what
// price, and of who paid whom.
type dealings struct {
	traders  map[traderKey]traderDelta
	prices   map[priceKey]traderDelta
	payments []payment

	payers, receivers []net // of one transaction
}

func newDealings() dealings {
	return dealings{
		traders: map[traderKey]traderDelta{},
		prices:  map[priceKey]traderDelta{},
	}
}

// dayOf returns the number of the day of a time in Unix microseconds.
func (d *deltas) dayOf(at int64) int64 { return dayOfHour(floor(at, hourMicros), d.zone) }

// addTrade counts a sale for its seller, its buyer and its price. Only a sale with
// a quantity and a total above zero has a price, and only such a sale counts.
func (d *deltas) addTrade(item, at, seller, buyer, quantity, total int64) {
	if quantity <= 0 || total <= 0 {
		return
	}
	day := d.dayOf(at)
	for _, trader := range []traderKey{{item, day, seller, false}, {item, day, buyer, true}} {
		if trader.account == 0 {
			continue
		}
		t := d.traders[trader]
		t.add(quantity, total)
		d.traders[trader] = t
	}
	common := gcd(total, quantity)
	price := priceKey{item, day, total / common, quantity / common}
	p := d.prices[price]
	p.add(quantity, total)
	d.prices[price] = p
}

func (t *traderDelta) add(quantity, total int64) {
	t.sales++
	t.quantity, t.volume = t.quantity.Add(quantity), t.volume.Add(total)
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// A net is what an account received or paid in a transaction on balance, above
// zero.
type net struct{ account, amount int64 }

// mostPairs is how many pairs of payer and receiver a transaction may have for
// each to be counted, where there are several on both sides.
const mostPairs = 1000

// several stands for the other side in transactions with more pairs. It is below all
// ids of accounts.
const several = 0

// addCounterparties counts who paid whom in a transaction of a day. It reorders the
// legs.
//
// Accounts count with what they received or paid on balance. Of several payers
// and several receivers, each pays each in proportion to what it received,
// rounded down; what is left by that is paid in the order of the accounts. So
// everybody pays and receives exactly what they did. With more than [mostPairs]
// pairs the other side is [several].
func (d *deltas) addCounterparties(day int64, legs []leg) {
	slices.SortFunc(legs, func(a, b leg) int { return cmp.Compare(a.account, b.account) })
	d.payers, d.receivers = d.payers[:0], d.receivers[:0]
	var total int64
	for same := range runs(legs, func(l leg) int64 { return l.account }) {
		switch amount := sum(same); {
		case amount < 0:
			d.payers = append(d.payers, net{same[0].account, -amount})
		case amount > 0:
			d.receivers = append(d.receivers, net{same[0].account, amount})
			total += amount
		}
	}
	if m, n := len(d.payers), len(d.receivers); min(m, n) > 1 && m*n > mostPairs {
		for _, p := range d.payers {
			d.addPayment(day, p.account, several, p.amount)
		}
		for _, r := range d.receivers {
			d.addPayment(day, several, r.account, r.amount)
		}
		return
	}
	for pair := range pairs(d.payers, d.receivers, total) {
		d.addPayment(day, pair.from, pair.to, pair.amount)
	}
}

// addPayment counts what one account paid another one in a transaction.
func (d *deltas) addPayment(day, from, to, amount int64) {
	if from > to {
		from, to, amount = to, from, -amount
	}
	d.payments = append(d.payments, payment{from, day, to, amount})
}

// A pair is what one account paid another one.
type pair struct{ from, to, amount int64 }

// pairs yields who paid whom how much, where the payers paid the total and the
// receivers received it.
func pairs(payers, receivers []net, total int64) func(yield func(pair) bool) {
	return func(yield func(pair) bool) {
		if len(payers) == 1 || len(receivers) == 1 {
			for _, p := range payers {
				for _, r := range receivers {
					if !yield(pair{p.account, r.account, min(p.amount, r.amount)}) {
						return
					}
				}
			}
			return
		}
		lacking := make([]int64, len(receivers))
		for j, r := range receivers {
			lacking[j] = r.amount
			for _, p := range payers {
				lacking[j] -= part(p.amount, r.amount, total)
			}
		}
		next := 0 // the first receiver that lacks something
		for _, p := range payers {
			shares := make([]int64, len(receivers))
			rest := p.amount
			for j, r := range receivers {
				shares[j] = part(p.amount, r.amount, total)
				rest -= shares[j]
			}
			for ; rest > 0; next++ {
				more := min(rest, lacking[next])
				shares[next] += more
				lacking[next] -= more
				if rest -= more; lacking[next] > 0 {
					break
				}
			}
			for j, amount := range shares {
				if amount > 0 && !yield(pair{p.account, receivers[j].account, amount}) {
					return
				}
			}
		}
	}
}

// part returns a·b/total, rounded down. Neither is above the total.
func part(a, b, total int64) int64 {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	quotient, _ := bits.Div64(hi, lo, uint64(total))
	return int64(quotient)
}

func (d *deltas) queueTraders(batch *pgx.Batch, table string) {
	n := len(d.traders)
	if n == 0 {
		return
	}
	keys := slices.SortedFunc(maps.Keys(d.traders), func(a, b traderKey) int {
		return cmp.Or(cmp.Compare(a.item, b.item), cmp.Compare(a.day, b.day), cmp.Compare(a.account, b.account), compareBools(a.buyer, b.buyer))
	})
	items, days, accounts, sides := make([]int64, n), make([]int32, n), make([]int64, n), make([]string, n)
	sales, quantities, volumes := make([]int64, n), make([]Sum, n), make([]Sum, n)
	for i, key := range keys {
		t := d.traders[key]
		items[i], days[i], accounts[i], sides[i] = key.item, int32(key.day), key.account, "seller"
		if key.buyer {
			sides[i] = "buyer"
		}
		sales[i], quantities[i], volumes[i] = t.sales, t.quantity, t.volume
	}
	query := `
		INSERT INTO ` + table + ` AS known (item, day, account, side, sales, quantity, volume)
		SELECT item, date '1970-01-01' + day, account, side, sales, quantity, volume
		FROM unnest($1::bigint[], $2::integer[], $3::bigint[], $4::text[], $5::bigint[], $6::numeric[], $7::numeric[])
			WITH ORDINALITY AS new (item, day, account, side, sales, quantity, volume, nr)
		ORDER BY nr
		ON CONFLICT (item, day, account, side) DO UPDATE SET
			sales = known.sales + excluded.sales,
			quantity = known.quantity + excluded.quantity,
			volume = known.volume + excluded.volume`
	batch.Queue(query, items, days, accounts, sides, sales, quantities, volumes)
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

func (d *deltas) queuePrices(batch *pgx.Batch, table string) {
	n := len(d.prices)
	if n == 0 {
		return
	}
	keys := slices.SortedFunc(maps.Keys(d.prices), func(a, b priceKey) int {
		return cmp.Or(cmp.Compare(a.item, b.item), cmp.Compare(a.day, b.day), cmp.Compare(a.total, b.total), cmp.Compare(a.quantity, b.quantity))
	})
	items, days, totals, pieces := make([]int64, n), make([]int32, n), make([]int64, n), make([]int64, n)
	sales, quantities, volumes := make([]int64, n), make([]Sum, n), make([]Sum, n)
	for i, key := range keys {
		p := d.prices[key]
		items[i], days[i], totals[i], pieces[i] = key.item, int32(key.day), key.total, key.quantity
		sales[i], quantities[i], volumes[i] = p.sales, p.quantity, p.volume
	}
	query := `
		INSERT INTO ` + table + ` AS known (item, day, price, pieces, sales, quantity, volume)
		SELECT item, date '1970-01-01' + day, price, pieces, sales, quantity, volume
		FROM unnest($1::bigint[], $2::integer[], $3::bigint[], $4::bigint[], $5::bigint[], $6::numeric[], $7::numeric[])
			WITH ORDINALITY AS new (item, day, price, pieces, sales, quantity, volume, nr)
		ORDER BY nr
		ON CONFLICT (item, day, price, pieces) DO UPDATE SET
			sales = known.sales + excluded.sales,
			quantity = known.quantity + excluded.quantity,
			volume = known.volume + excluded.volume`
	batch.Queue(query, items, days, totals, pieces, sales, quantities, volumes)
}

func (d *deltas) queueCounterparties(batch *pgx.Batch, table string) {
	if len(d.payments) == 0 {
		return
	}
	slices.SortFunc(d.payments, func(a, b payment) int {
		switch {
		case a.low != b.low:
			return cmp.Compare(a.low, b.low)
		case a.day != b.day:
			return cmp.Compare(a.day, b.day)
		}
		return cmp.Compare(a.high, b.high)
	})
	var lows, highs, transactions []int64
	var days []int32
	var ups, downs []Sum
	for same := range runs(d.payments, func(p payment) payment { p.amount = 0; return p }) {
		var up, down Sum
		for _, p := range same {
			if p.amount > 0 {
				up = up.Add(p.amount)
			} else {
				down = down.Minus(SumOf(p.amount))
			}
		}
		lows, days, highs = append(lows, same[0].low), append(days, int32(same[0].day)), append(highs, same[0].high)
		ups, downs, transactions = append(ups, up), append(downs, down), append(transactions, int64(len(same)))
	}
	kind, sums := sumArrays(ups, downs)
	query := `
		INSERT INTO ` + table + ` AS known (low, day, high, up, down, transactions)
		SELECT low, date '1970-01-01' + day, high, up, down, transactions
		FROM unnest($1::bigint[], $2::integer[], $3::bigint[], $4::` + kind + `[], $5::` + kind + `[], $6::bigint[])
			AS new (low, day, high, up, down, transactions)
		ORDER BY new.low, new.day, new.high
		ON CONFLICT (low, day, high) DO UPDATE SET
			up = known.up + excluded.up,
			down = known.down + excluded.down,
			transactions = known.transactions + excluded.transactions`
	batch.Queue(query, lows, days, highs, sums[0], sums[1], transactions)
}
