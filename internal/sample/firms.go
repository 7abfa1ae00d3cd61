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
