package sample

import (
	"fmt"
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// addFirms adds a list of firms: among them one that is a person with two businesses,
// and one that sold nothing and lost money. One more is of a hidden holder.
func (p *Economy) addFirms(days aggregates.Days, start time.Time) {
	const firms = 60
	v := &aggregates.Firms{Basis: basis(days, start, Noon), Count: firms + 1, Hidden: 1, Shops: 4, Sales: 100}
	for n := range int64(firms) {
		at := Noon.Add(-time.Duration(n*n) * time.Minute)
		f := aggregates.ListedFirm{
			ID: fmt.Sprint("firm:", n), Name: fmt.Sprint("Firm ", n), Businesses: []string{fmt.Sprint("Firm ", n)}, Accounts: 1, Rank: n + 1,
			Sales: 4000 / (n + 1), Turnover: ledger.SumOf(90_000_00 / (n + 1)), Ended: ledger.SumOf(85_000_00 / (n + 1)), Before: ptr(ledger.SumOf((80_000_00 + n*300_00) / (n + 1))),
			Profit: ledger.SumOf((n%7 - 2) * 1_200_50), Balance: ledger.SumOf(60_000_00 - n*900_00), Shops: n % 5, LastActive: &at,
		}
		switch n {
		case 1:
			f.ID, f.Name, f.Personal, f.Accounts, f.Businesses = "ada", "Ada Penrose", true, 4, []string{"Ferry & Oak", "The Deep Seam", "Windelcor"}
		case firms - 1:
			f.Rank, f.Sales, f.Turnover, f.Ended, f.LastActive, f.Profit = 0, 0, ledger.Sum{}, ledger.Sum{}, nil, ledger.SumOf(-90_00)
		}
		v.Turnover, v.Profit, v.Balance = v.Turnover.Plus(f.Turnover), v.Profit.Plus(f.Profit), v.Balance.Plus(f.Balance)
		v.Sales, v.Shops = v.Sales+f.Sales, v.Shops+f.Shops
		if f.Sales > 0 {
			v.Trading++
		}
		if f.Profit.Sign() > 0 {
			v.Gaining++
		}
		v.Firms = append(v.Firms, f)
	}
	v.Turnover = v.Turnover.Plus(ledger.SumOf(310_00))
	p.Firms = v
}

// addGovernment adds the public accounts of a town: a treasury, villages, and a unit of
// hidden holders.
func (p *Economy) addGovernment(days aggregates.Days, start time.Time) {
	exchange := func(received, sent, number int64) aggregates.Exchange {
		return aggregates.Exchange{Received: ledger.SumOf(received), Sent: ledger.SumOf(sent), Number: number}
	}
	v := &aggregates.Government{
		Basis: basis(days, start, Noon), Accounts: 5, Balance: ledger.SumOf(1_082_000_00), Change: ledger.SumOf(-4_120_00),
		Received: aggregates.Compared[ledger.Sum]{Now: ledger.SumOf(61_880_00), Before: ptr(ledger.SumOf(58_010_00))},
		Paid:     aggregates.Compared[ledger.Sum]{Now: ledger.SumOf(66_000_00), Before: ptr(ledger.SumOf(66_000_00))},
		Sources: []aggregates.SourceExchange{
			{Source: "salary", Exchange: exchange(0, 48_000_00, 812)}, {Source: "tax", Exchange: exchange(44_100_00, 0, 1740)},
			{Source: "fine", Exchange: exchange(12_780_00, 310_00, 96)}, {Source: "plot", Exchange: exchange(5_000_00, 17_690_00, 44)},
		},
		Bucket: "month", UnitCount: 4, Counterparties: 29, Parties: p.Sides.Parties, Others: p.Sides.Others, Hidden: p.Sides.Hidden,
		Units: []aggregates.PublicUnit{
			{ID: "treasury", Name: "City Treasury", Accounts: 2, Balance: ledger.SumOf(1_001_000_00), Exchange: exchange(51_880_00, 60_000_00, 2000)},
			{ID: "mill-rising", Name: "Mill Rising", Accounts: 1, Balance: ledger.SumOf(80_000_00), Exchange: exchange(8_000_00, 6_000_00, 310)},
			{Name: ledger.HiddenName, Accounts: 2, Balance: ledger.SumOf(1_000_00), Exchange: exchange(2_000_00, 0, 82)},
		},
		List: []aggregates.PublicAccount{
			{ID: "gov:treasury", Name: "City Treasury", Holder: "treasury", Balance: 990_000_00, Change: -8_120_00},
			{ID: "gov:mill", Name: "Mill Rising", Holder: "mill-rising", Balance: 80_000_00, Change: 2_000_00},
			{ID: "gov:old", Name: "Old Harbour", Holder: "treasury", Balance: 11_000_00, Archived: true},
		},
	}
	income := []aggregates.SourceMonths{{Source: "tax", Sources: 1}, {Source: "fine", Sources: 1}, {Source: "plot", Sources: 1}}
	spending := []aggregates.SourceMonths{{Source: "salary", Sources: 1}, {Source: "plot", Sources: 1}, {Source: "grant", Sources: 1}, {Sources: 4}}
	for n := range int64(13) {
		m := aggregates.PublicMonth{Start: time.Date(2026, time.November+time.Month(n)-12, 1, 0, 0, 0, 0, time.UTC), Partial: n == 12}
		add := func(sources []aggregates.SourceMonths, to *ledger.Sum) {
			for i := range sources {
				amount := ledger.SumOf((40_000_00 + n*n*90_00) / int64(1+3*i))
				sources[i].Months = append(sources[i].Months, amount)
				*to = to.Plus(amount)
			}
		}
		add(income, &m.Received)
		add(spending, &m.Paid)
		v.Months = append(v.Months, m)
	}
	v.Income, v.Spending = income, spending
	p.Government = v
}

// councilGovernment is the public accounts of a council that issues what it pays.
func (p *Economy) councilGovernment() {
	v := *p.Government
	v.Accounts, v.Issuers, v.Balance, v.Change, v.Issued = 30, 30, ledger.Sum{}, ledger.Sum{}, ledger.SumOf(9_429_210_465_06)
	v.UnitCount, v.Units, v.List = 30, nil, nil
	for n := range int64(30) {
		issued := 942_921_046_50 / (n + 1)
		name := fmt.Sprint("Unit ", n+1)
		v.Units = append(v.Units, aggregates.PublicUnit{ID: name, Name: name, Accounts: 1, Issued: ledger.SumOf(issued), Exchange: aggregates.Exchange{Sent: ledger.SumOf(issued / 100), Number: 400}})
		v.List = append(v.List, aggregates.PublicAccount{ID: name, Name: name, Holder: name, Issuer: true, Balance: -issued, Change: -issued / 100})
	}
	p.Government = &v
}
