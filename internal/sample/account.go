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

// addHolder adds what the page of a holder shows: one with two accounts and a shop.
func (p *Economy) addHolder(days aggregates.Days, buckets []time.Time, unit string) {
	of := basis(days, buckets[0], Noon)
	h := &aggregates.Holder{
		ID: "ada", Name: "Ada Penrose", Kind: "person", Link: "https://penrose.example/", Label: "mayor of Mill Rising",
		Accounts: 3, List: p.Account.SameHolder, Balance: p.Account.HolderBalance, Population: aggregates.PopulationPersonal, Held: p.Account.Held,
		Basis: of, Bucket: unit, Opening: ledger.SumOf(41_004_00), Trading: aggregates.Trading{Shops: 9, Items: 2,
			Sold: aggregates.Goods{Sales: 214, Quantity: ledger.SumOf(1902), Volume: ledger.SumOf(41_204_50)},
			Goods: []aggregates.TradedItem{
				{ID: "diamond", Name: "Diamond", Goods: aggregates.Goods{Sales: 200, Quantity: ledger.SumOf(902), Volume: ledger.SumOf(40_204_50)}},
				{ID: "iron", Name: "Iron ingot", Goods: aggregates.Goods{Sales: 14, Quantity: ledger.SumOf(1000), Volume: ledger.SumOf(1_000_00)}},
			},
			ShopList: []aggregates.OwnedShop{
				{ID: "seam", Place: "Pinnacle Green", Owner: "Ferry & Oak", World: "harbour", Active: true, Seen: Noon, Offers: 12, Stand: 9, Stock: ledger.SumOf(1880),
					Sold: ptr(ledger.SumOf(41_204_50)), Bought: ptr(ledger.SumOf(310_00)), Sales: ptr(int64(245))},
				{ID: "dairy", Owner: "Mill Rising Dairy", World: "harbour", Seen: Noon.AddDate(0, -1, 0), Stock: ledger.SumOf(0)},
			},
			BoughtItems: 1, Bought: aggregates.Goods{Sales: 31, Quantity: ledger.SumOf(310), Volume: ledger.SumOf(902_00)},
			BoughtGoods: []aggregates.TradedItem{{ID: "bread", Name: "Bread", Goods: aggregates.Goods{Sales: 31, Quantity: ledger.SumOf(310), Volume: ledger.SumOf(902_00)}}},
		}}
	p.Trading = &aggregates.AccountTrading{ID: "ada", Name: "Ada Penrose", Basis: of, Trading: h.Trading}
	balance := h.Opening
	for i, at := range buckets {
		c := aggregates.HeldAt{Start: at, Change: ledger.SumOf(int64(90_00 + i%7*40_00 - i%5*25_00)), Partial: i == len(buckets)-1}
		balance = balance.Plus(c.Change)
		c.Balance = balance
		h.Course = append(h.Course, c)
	}
	p.Holder = h
	v := &aggregates.HolderSides{
		ID: h.ID, Name: h.Name, Business: true, Basis: of, Postings: 25_000, Divided: 18_300, DividedFrom: ptr(Noon.Truncate(24*time.Hour).AddDate(0, 0, -12)),
		Received: p.Sides.Received, Paid: p.Sides.Sent, Wages: ledger.SumOf(2_958_00), Sources: p.Sides.Sources, Counterparties: 29, Parties: p.Sides.Parties[1:],
		Others: p.Sides.Others, Hidden: p.Sides.Hidden, Several: p.Sides.Several,
		Staff: aggregates.Staff{Known: true, Number: 14, Paid: ledger.SumOf(2_662_20), Hidden: 1, Members: []aggregates.StaffMember{
			{ID: "corin", Name: "Corin Winden", Paid: ledger.SumOf(830_00), Number: 5, Last: Noon.AddDate(0, 0, -2)}, {ID: "nell", Name: "Nell Bramford", Paid: ledger.SumOf(410_50), Number: 4, Last: Noon.AddDate(0, 0, -2)},
		}},
	}
	for n := -4; n <= 0; n++ {
		m := aggregates.HolderMonth{Start: time.Date(2026, time.November+time.Month(n), 1, 0, 0, 0, 0, time.UTC), Partial: n == 0, Change: ledger.SumOf(int64(1_200_00 + n*510_00)), Divided: n > -3, Sources: []aggregates.SourceExchange{}}
		if m.Divided {
			m.Received, m.Wages = ledger.SumOf(int64(5_700_00+n*90_00)), ledger.SumOf(2_100_00)
			m.Paid = m.Received.Minus(m.Change)
			m.Sources = p.Sides.Sources[:2]
		}
		v.Months = append(v.Months, m)
	}
	p.HolderSides = v
}
