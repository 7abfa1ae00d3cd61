package sample

import (
	"fmt"
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// addHoldings adds a list of all accounts, among them one of a hidden holder and one
// that was never used.
func (p *Economy) addHoldings() {
	const accounts = 120
	v := &aggregates.Holdings{
		Basis: basis(30, Noon.AddDate(0, 0, -29), Noon), Population: aggregates.PopulationPersonal,
		Count: accounts, Debtors: 1, Active: 84, Supply: ledger.SumOf(8_214_906_50),
	}
	kinds := []ledger.Kind{ledger.Personal, ledger.Personal, ledger.Business, ledger.Government}
	for n := range int64(accounts) {
		at := Noon.Add(-time.Duration(n*n) * time.Minute)
		a := aggregates.HeldAccount{
			ID: fmt.Sprint("p:", n), Name: fmt.Sprint("Account ", n), Holder: fmt.Sprint("h:", n), Kind: kinds[n%4], Rank: n + 1, Place: n + 1,
			Balance: 900_000_00 / (n + 1), Day: (n%5 - 2) * 120_50, Week: (n%7 - 3) * 900_00, Month: (n%9 - 4) * 2_500_00, LastActive: &at,
		}
		switch n {
		case 3:
			a.ID, a.Name, a.Holder = "", ledger.HiddenName, ""
		case accounts - 2:
			a.Balance, a.Day, a.Week, a.Month, a.LastActive = 0, 0, 0, 0, nil
		case accounts - 1:
			a.Balance = -310_00
		}
		a.Share = float64(a.Balance) / v.Supply.Float64()
		v.Total = v.Total.Plus(ledger.SumOf(a.Balance))
		v.Accounts = append(v.Accounts, a)
	}
	p.Holdings = v
}
