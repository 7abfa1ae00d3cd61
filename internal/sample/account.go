package sample

import (
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// addAccount adds what the page of an account shows.
func (p *Economy) addAccount(days aggregates.Days, buckets []time.Time, unit string) {
	of := basis(days, buckets[0], Noon)
	a := &aggregates.Account{
		ID: "ada", Name: "Ada Penrose", Kind: ledger.Personal, Holder: "ada", HolderName: "Ada Penrose", FormerNames: []string{}, Merged: []string{},
		Opened: Noon.AddDate(0, -2, 0), Balance: 33_498_17, Postings: 1284, FirstActive: ptr(Noon.AddDate(0, -2, 0)), LastActive: ptr(Noon.Add(-time.Hour)),
		HolderAccounts: 3, HolderBalance: ledger.SumOf(43_614_49), Population: aggregates.PopulationPersonal, Held: ptr(int64(33_498_17)),
		SameHolder: []aggregates.HolderAccount{
			{ID: "ada", Name: "Ada Penrose", Kind: ledger.Personal, Balance: 33_498_17}, {ID: "ferry", Name: "Ferry & Oak", Kind: ledger.Business, Balance: 8_214_20},
			{ID: "old", Name: "Mill Rising Dairy", Kind: ledger.Business, Archived: true, Balance: 1_902_12},
		},
		Basis: of, Bucket: unit, Opening: ledger.SumOf(35_426_00),
	}
	balance := a.Opening
	for i, at := range buckets {
		m := aggregates.Moves{Start: at, Received: ledger.SumOf(int64(400_00 + i%7*90_00)), Sent: ledger.SumOf(int64(380_00 + i%5*75_00)), Postings: int64(20 + i%9), Partial: i == len(buckets)-1}
		if i == 8 {
			m.Sent = ledger.SumOf(4_329_00)
		}
		balance = balance.Plus(m.Received).Minus(m.Sent)
		m.Balance = balance
		a.Received, a.Sent = a.Received.Plus(m.Received), a.Sent.Plus(m.Sent)
		a.Moves = append(a.Moves, m)
	}
	for i := 90; i >= 0; i-- {
		if i%6 != 2 {
			a.Calendar = append(a.Calendar, aggregates.ActiveDay{Day: Noon.Truncate(24*time.Hour).AddDate(0, 0, -i), Postings: int64(3 + i*7%23)})
		}
	}
	p.Account = a
	exchange := func(in, out, n int64) aggregates.Exchange {
		return aggregates.Exchange{Received: ledger.SumOf(in), Sent: ledger.SumOf(out), Number: n}
	}
	p.Sides = &aggregates.AccountSides{
		ID: "ada", Name: "Ada Penrose", Basis: of, Received: a.Received, Sent: a.Sent, Postings: 25_000, Counterparties: 31,
		Others: exchange(800_00, 920_00, 61), Hidden: exchange(12_00, 0, 2), Several: exchange(0, 312_00, 1),
		Sources: []aggregates.SourceExchange{
			{Source: "shop", Exchange: exchange(8_250_00, 8_983_00, 18_000)}, {Source: "wage", Exchange: exchange(3_343_00, 2_958_00, 1_300)},
			{Source: "tax", Exchange: exchange(0, 2_019_00, 500)}, {Source: "interest", Exchange: exchange(620_00, 0, 200)},
		},
		Divided: 20_000, DividedFrom: ptr(Noon.AddDate(0, 0, -12)),
	}
	for i, name := range []string{"The Deep Seam", "Ferry & Oak", "Town Treasury", "Corin Winden", "Nell Bramford", "Ashdale Trading", "Lim", "Vela", "Petra"} {
		n := int64(i)
		p.Sides.Parties = append(p.Sides.Parties, aggregates.Counterparty{
			ID: name, Name: name, Kind: []ledger.Kind{ledger.Business, ledger.Business, ledger.Government, ledger.Personal}[i%4], Exchange: exchange(1_880_50/(n+1), 3_920_00/(n+1), 71-5*n),
		})
	}
}
