package views

import "exchequer/aggregates"

// richestShown is the number of rows on the economy page. The panel's own page has
// all of them.
const richestShown = 8

// Richest shows the largest balances.
func Richest(p Page, r *aggregates.Richest) Content {
	return Content{Sub: richestSub(r), Body: richest(r, p.Settings), Example: richestExample(r, p.Settings)}
}

func richestSub(r *aggregates.Richest) string {
	if r.Count <= richestShown {
		return "All " + Count(r.Count) + "; share of all money"
	}
	return "Largest of " + Count(r.Count) + "; share of all money"
}

func richestRows(r *aggregates.Richest) []aggregates.RichAccount {
	return r.Accounts[:min(len(r.Accounts), richestShown)]
}

// ofLargest returns a balance as a share of the largest one, for the inline bars.
func ofLargest(r *aggregates.Richest, a aggregates.RichAccount) float64 {
	if len(r.Accounts) == 0 || r.Accounts[0].Balance <= 0 {
		return 0
	}
	return float64(a.Balance) / float64(r.Accounts[0].Balance)
}
