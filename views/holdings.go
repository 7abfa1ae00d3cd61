package views

import (
	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// AccountInfo is where an account's page is. At the addresses of the reserved refs
// is something of the list of accounts.
var AccountInfo = PageInfo{
	Path:     "/accounts/{ref}",
	Reserved: []string{"summary", "summary.csv", "summary.json", "summary.meta.json", "list.csv", "list.json"},
}

// The filters of the list of accounts.
var (
	HeldTextParam = SearchParam("q", "Name")
	HeldOfParam   = ChoiceParam("population", "Of", options("personal", "personal", "private", "personal and business", "all", "all accounts")...)
	HeldKindParam = ChoiceParam("kind", "Kind", options("any", "any of these", "personal", "personal", "business", "business", "government", "government", "system", "system")...)
	HeldSortParam = ChoiceParam("sort", "Sort by", options("balance", "balance", "poor", "balance, smallest first",
		"gain1", "gain in 1 day", "gain7", "gain in 7 days", "gain30", "gain in 30 days",
		"loss1", "loss in 1 day", "loss7", "loss in 7 days", "loss30", "loss in 30 days", "last", "last active", "name", "name")...)
)

// HoldingsSummary shows how many accounts there are and what they hold.
func HoldingsSummary(p Page, v *aggregates.Holdings) Content {
	if v.Count == 0 {
		return Content{Missing: "There are no accounts of this population yet."}
	}
	list := []tile{
		{Key: "accounts", Name: "Accounts", Value: Count(v.Count)},
		{Key: "total", Name: "They hold", Value: moneyTile(v.Total, p.Settings), Exact: Money(v.Total, p.Settings)},
		{Key: "active", Name: "Used in 7 days", Value: Count(v.Active)},
		{Key: "debtors", Name: "In debt", Value: Count(v.Debtors)},
	}
	return Content{Sub: heldOf(v.Population) + ", each by itself", Says: sayHoldings(p, v), Body: tiles(list)}
}

// heldOf names the accounts of a population.
func heldOf(p aggregates.Population) string {
	switch p {
	case aggregates.PopulationAll:
		return "All accounts but issuers"
	case aggregates.PopulationPrivate:
		return "Personal and business accounts"
	default:
		return "Personal accounts"
	}
}

// sayHoldings returns a sentence of what the first of the accounts has.
func sayHoldings(p Page, v *aggregates.Holdings) Sentence {
	if v.Historical || v.Count < 2 || len(v.Accounts) == 0 || v.Total.Sign() <= 0 || v.Accounts[0].Balance <= 0 {
		return Sentence{}
	}
	return Sentence{Words: phrase("The richest of "+Count(v.Count)+" accounts has ", Money(v.Accounts[0].Balance, p.Settings))}
}

// HeldRows returns the rows of the list of accounts. Ages are those at a time.
func HeldRows(accounts []aggregates.HeldAccount, v *aggregates.Holdings, s ledger.Settings) templ.Component {
	return heldRows(accounts, v.Supply.Sign() > 0, v.Period, s)
}

// heldLast says when an account was last used: of a day that is over, on which day.
func heldLast(a aggregates.HeldAccount, p aggregates.Period, s ledger.Settings) string {
	if p.At != "" && a.LastActive != nil {
		return Date(*a.LastActive, s)
	}
	return ago(a.LastActive, p.End)
}

// HeldSub returns the line under the title of the list: how many accounts pass the
// filters.
func HeldSub(matching int, v *aggregates.Holdings) string {
	sub := Plural(int64(matching), "account", "accounts")
	if int64(matching) != v.Count {
		sub = Count(int64(matching)) + " of " + Plural(v.Count, "account", "accounts")
	}
	if left := v.Count - int64(len(v.Accounts)); left > 0 {
		sub += "; " + Count(left) + " with the smallest balances are not listed, and found by their whole name"
	}
	return sub
}

// heldChange writes what an account gained or lost, with its class.
func heldChange(change ledger.Sum, s ledger.Settings) (text, class string) {
	switch change.Sign() {
	case 1:
		return "+" + moneyTile(change, s), "up"
	case -1:
		return moneyTile(change, s), "down"
	}
	return "0", "flat"
}
