package aggregates

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"exchequer/ledger"
)

// A record is a ledger in memory, which answers by scanning every posting what
// the panels answer from rollups.
type record struct {
	accounts     map[string]ledger.Account
	transactions []ledger.Transaction
}

// randomRecord has a few holders with an account or two of any kind, some of
// them issuers whatever their kind, some archived, and transactions of two legs or more on some of the days
// before end.
func randomRecord(random *rand.Rand, end time.Time, days, transactions int) record {
	r := record{accounts: map[string]ledger.Account{}}
	kinds := ledger.Kinds()
	var refs []string
	for i := range 14 {
		a := ledger.Account{
			Ref: fmt.Sprintf("a%02d", i), Kind: kinds[max(0, random.IntN(7)-3)], Holder: fmt.Sprintf("h%d", random.IntN(9)),
			Opened: plus(end, -days),
		}
		if random.IntN(6) == 0 {
			a.Issuer = pointerTo(a.Kind != ledger.System)
		}
		if random.IntN(5) == 0 {
			a.Archived = plus(end, -random.IntN(days)).Add(-time.Duration(random.Int64N(int64(day)))).Truncate(time.Second)
		}
		r.accounts[a.Ref] = a
		refs = append(refs, a.Ref)
	}
	refs = refs[:13] // one is never used
	for i := range transactions {
		// Two thirds of the days are quiet.
		ago := random.IntN(days) / 3 * 3
		if i < 2 {
			ago = i * (days - 1) // one on the last day, and one on the first
		}
		on := plus(end, -ago).Add(-time.Duration(random.Int64N(int64(day))))
		tx := ledger.Transaction{
			Origin: "test", Ref: fmt.Sprint(i), At: on.Add(-time.Second).Truncate(time.Second),
			Source: []string{"shop", "tax", "gift"}[random.IntN(3)],
		}
		// One issuer a transaction: with two, what is created and what
		// destroyed is a matter of how flows are shared out.
		issuer := ""
		pick := func() string {
			ref := refs[random.IntN(len(refs))]
			if r.issues(ref) {
				issuer = cmp.Or(issuer, ref)
				return issuer
			}
			return ref
		}
		var sum int64
		for range 1 + random.IntN(4) {
			amount := random.Int64N(2000) - 900
			if amount == 0 {
				amount = 7
			}
			sum += amount
			tx.Postings = append(tx.Postings, ledger.Posting{Account: pick(), Amount: amount})
		}
		if sum == 0 {
			sum = 1
			tx.Postings[0].Amount++
			if tx.Postings[0].Amount == 0 {
				tx.Postings[0].Amount, sum = 2, 2
			}
		}
		tx.Postings = append(tx.Postings, ledger.Posting{Account: pick(), Amount: -sum})
		r.transactions = append(r.transactions, tx)
	}
	return r
}

func (r record) batch() ledger.Batch {
	b := ledger.Batch{Transactions: r.transactions}
	for _, a := range r.accounts {
		b.Accounts = append(b.Accounts, a)
	}
	return b
}

func (r record) issues(ref string) bool {
	a := r.accounts[ref]
	if a.Issuer != nil {
		return *a.Issuer
	}
	return a.Kind == ledger.System
}

func (r record) first() time.Time {
	return slices.MinFunc(r.transactions, func(a, b ledger.Transaction) int { return a.At.Compare(b.At) }).At.Truncate(day)
}

// balances of accounts that were used before end.
func (r record) balances(end time.Time) map[string]int64 {
	balances := map[string]int64{}
	for _, tx := range r.transactions {
		if tx.At.Before(end) {
			for _, p := range tx.Postings {
				balances[p.Account] += p.Amount
			}
		}
	}
	return balances
}

func (r record) supply(end time.Time) ledger.Sum {
	var supply ledger.Sum
	for ref, balance := range r.balances(end) {
		if !r.issues(ref) {
			supply = supply.Add(balance)
		}
	}
	return supply
}

// averageSupply is the mean of the days' supplies, each the mean of its opening
// and its closing, without the days before the first; 0 where there are none.
func (r record) averageSupply(start, end time.Time) float64 {
	if start.Before(r.first()) {
		start = r.first()
	}
	var sum, weight float64
	for d := start; d.Before(end); d = d.Add(day) {
		until := d.Add(day)
		if until.After(end) {
			until = end
		}
		part := float64(until.Sub(d)) / float64(day)
		sum += part * r.supply(d).Plus(r.supply(until)).Float64() / 2
		weight += part
	}
	if weight == 0 {
		return 0
	}
	return sum / weight
}

// holdings are the population's sums by holder.
func (r record) holdings(p Population, end time.Time) (sums []int64, archived int64) {
	holders := map[string]int64{}
	for ref, balance := range r.balances(end) {
		a := r.accounts[ref]
		switch {
		case !slices.Contains(p.kinds(), a.Kind) || r.issues(ref):
		case !a.Archived.IsZero() && !a.Archived.After(end):
			archived++
		default:
			holders[a.Holder] += balance
		}
	}
	for _, sum := range holders {
		sums = append(sums, sum)
	}
	return sums, archived
}

// counted is the holdings of those holders who count, and of the others, at the end
// of a ledger whose last day is today.
func (r record) counted(q InequalityQuery, end, today time.Time) (sums []int64, apart Apart) {
	type used struct {
		sum, postings int64
		last          time.Time
	}
	holders := map[string]used{}
	for _, tx := range r.transactions {
		for _, p := range tx.Postings {
			a := r.accounts[p.Account]
			if tx.At.After(end) || !slices.Contains(q.Population.kinds(), a.Kind) || r.issues(a.Ref) || !a.Archived.IsZero() && !a.Archived.After(end) {
				continue
			}
			u := holders[a.Holder]
			u.sum, u.postings = u.sum+p.Amount, u.postings+1
			if tx.At.After(u.last) {
				u.last = tx.At
			}
			holders[a.Holder] = u
		}
	}
	for _, u := range holders {
		counts := true
		switch q.Counted {
		case CountedMoved:
			counts = u.postings > 1
		case Counted90:
			counts = !u.last.Before(today.Add(-89 * day))
		case Counted30:
			counts = !u.last.Before(today.Add(-29 * day))
		}
		if counts {
			sums = append(sums, u.sum)
		} else {
			apart.Holders++
			apart.Total = apart.Total.Add(u.sum)
		}
	}
	return sums, apart
}

// active is the holders with a posting, by an account that is not an issuer.
func (r record) active(start, end time.Time) int64 {
	holders := map[string]bool{}
	for _, tx := range r.transactions {
		if !tx.At.Before(start) && tx.At.Before(end) {
			for _, p := range tx.Postings {
				if a := r.accounts[p.Account]; !r.issues(a.Ref) {
					holders[a.Holder] = true
				}
			}
		}
	}
	return int64(len(holders))
}

// moved is what the transactions from start to end add up to.
func (r record) moved(start, end time.Time) (sum ActivityBucket, created, destroyed ledger.Sum) {
	for _, tx := range r.transactions {
		if tx.At.Before(start) || !tx.At.Before(end) {
			continue
		}
		sum.Transactions++
		accounts, holders := map[string]int64{}, map[string]int64{}
		var supply int64
		for _, p := range tx.Postings {
			accounts[p.Account] += p.Amount
			if a := r.accounts[p.Account]; !r.issues(a.Ref) {
				holders[a.Holder] += p.Amount
				supply += p.Amount
			}
		}
		created = created.Add(max(0, supply))
		destroyed = destroyed.Add(max(0, -supply))
		var given, taken int64
		for _, net := range accounts {
			sum.Volume = sum.Volume.Add(max(0, net))
		}
		for _, net := range holders {
			given += max(0, -net)
			taken += max(0, net)
		}
		sum.Transfers = sum.Transfers.Add(min(given, taken))
	}
	return sum, created, destroyed
}

// richest lists accounts as the panel does.
func (r record) richest(end, week time.Time) []RichAccount {
	now, before, supply := r.balances(end), r.balances(week), r.supply(end)
	var all []RichAccount
	for _, a := range r.accounts {
		if r.issues(a.Ref) || !a.Archived.IsZero() && !a.Archived.After(end) {
			continue
		}
		rich := RichAccount{Ref: a.Ref, Name: a.Ref, Holder: a.Holder, Kind: a.Kind, Balance: now[a.Ref],
			Change: now[a.Ref] - before[a.Ref], Share: share(ledger.SumOf(now[a.Ref]), supply)}
		for _, tx := range r.transactions {
			for _, p := range tx.Postings {
				if p.Account == a.Ref && tx.At.After(rich.LastActive) {
					rich.LastActive = tx.At
				}
			}
		}
		all = append(all, rich)
	}
	slices.SortFunc(all, func(a, b RichAccount) int {
		return cmp.Or(cmp.Compare(b.Balance, a.Balance), cmp.Compare(a.Name, b.Name))
	})
	return all
}
