package views

import "exchequer/aggregates"

// Inequality shows the four tiles of a population's inequality, and the switch to
// another. The population that was measured is the private one if the ledger has
// no personal accounts.
func Inequality(p Page, v *aggregates.Inequality) Content {
	who := Switch{Param: PopulationParam, After: "holders"}
	if v.Population == aggregates.PopulationPrivate {
		who.Chosen = v.Population.Key()
	}
	counted := Switch{Param: CountedParam, Before: "Counting", After: "(" + Count(v.Holders) + ")"}
	if v.Apart.Holders > 0 {
		counted.After = "(" + Count(v.Holders) + " of " + Count(v.Holders+v.Apart.Holders) + ")"
	}
	if v.Debtors > 0 {
		counted.After += ", " + Count(v.Debtors) + " in debt"
	}
	if v.GiniNormal.Value != nil {
		counted.After += "; Gini allowing for debt " + Decimal(*v.GiniNormal.Value, 3)
	}
	return Content{
		Sub: "Inequality among", Switches: []Switch{who, counted},
		Body: tiles(inequalityTiles(v)), Says: sayWealth(v), Example: inequalityExample(v, p.Settings),
	}
}
