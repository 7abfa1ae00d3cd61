package views

import "exchequer/aggregates"

// Inequality shows the four tiles of a population's inequality, and the switch to
// another. The population that was measured is the private one if the ledger has
// no personal accounts.
func Inequality(_ Page, v *aggregates.Inequality) Content {
	c := Content{
		Sub: "Inequality among", Switch: PopulationParam, SubAfter: "holders (" + Count(v.Holders) + ")",
		Body: tiles(inequalityTiles(v)), Says: sayWealth(v),
	}
	if v.Population == aggregates.PopulationPrivate {
		c.Chosen = v.Population.Key()
	}
	if v.Debtors > 0 {
		c.SubAfter += ", " + Count(v.Debtors) + " in debt"
	}
	if v.GiniNormal.Value != nil {
		c.SubAfter += "; Gini allowing for debt " + Decimal(*v.GiniNormal.Value, 3)
	}
	return c
}
