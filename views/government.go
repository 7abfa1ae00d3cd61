package views

import (
	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views/chart"
)

// How many units and balances are shown on the page of the government.
const (
	publicRows = 12
	sheetRows  = 6
)

// Government shows what public accounts have, received and paid.
func Government(p Page, v *aggregates.Government) Content {
	if v.Accounts == 0 {
		return Content{Missing: "There are no accounts of the kind government."}
	}
	s := p.Settings
	list := []tile{
		comparedTile("government.received", "Received", moneyTile(v.Received.Now, s), v.Received),
		comparedTile("government.paid", "Paid", moneyTile(v.Paid.Now, s), v.Paid),
	}
	if !allIssue(v) {
		list = append(list,
			tile{Key: "government.balance", Name: "Balance", Value: moneyTile(v.Balance, s), Exact: Money(v.Balance, s)},
			tile{Key: "government.change", Name: "Change in the period", Value: signedTile(v.Change, s), Exact: MoneyChange(v.Change, s)})
	}
	if v.Issuers > 0 {
		list = append(list, tile{Key: "government.issued", Name: "Issued, ever", Value: moneyTile(v.Issued, s), Exact: Money(v.Issued, s)})
	}
	sub := Plural(v.Accounts, "public account", "public accounts") + " of " + Plural(v.UnitCount, "unit", "units") + ", " + within(v.Period, s)
	return Content{Sub: sub, Says: sayGovernment(v, s), Body: tiles(list)}
}

// allIssue reports whether all public accounts issue money, so that none has a balance.
func allIssue(v *aggregates.Government) bool { return v.Issuers == v.Accounts }

// sayGovernment says what was received and paid, and by which source most was paid.
func sayGovernment(v *aggregates.Government, s ledger.Settings) Sentence {
	in, out := v.Received.Now, v.Paid.Now
	if in.Sign() <= 0 && out.Sign() <= 0 {
		return Sentence{}
	}
	said := phrase("Public accounts received ", moneyTile(in, s), " and paid ", moneyTile(out, s), " "+within(v.Period, s))
	var most aggregates.SourceExchange
	for _, e := range v.Sources {
		if e.Sent.Compare(most.Sent) > 0 {
			most = e
		}
	}
	if most.Source == "" || out.Sign() <= 0 {
		return Sentence{Words: said}
	}
	return Sentence{Words: said, More: phrase("; of what they paid, ", Percent(most.Sent.Float64()/out.Float64()), " by "+brief(readable(most.Source), 40))}
}

// GovernmentIncome shows by which sources public accounts received money.
func GovernmentIncome(p Page, v *aggregates.Government) Content {
	return governmentSources(p, v, exchangeBars{class: "gain", missing: "Nothing was received from others in this period.", amount: received})
}

// GovernmentSpending shows by which sources public accounts paid money.
func GovernmentSpending(p Page, v *aggregates.Government) Content {
	return governmentSources(p, v, exchangeBars{class: "loss", missing: "Nothing was paid to others in this period.", amount: sent})
}

func governmentSources(p Page, v *aggregates.Government, b exchangeBars) Content {
	b.address = func(source string) templ.SafeURL { return sourceAddress(p, source, "", "") }
	body, any := b.draw(p, v.Sources, v.OtherSources)
	if !any {
		return Content{Missing: b.missing}
	}
	return Content{Sub: "By source, " + within(v.Period, p.Settings), Body: body}
}

// GovernmentMonths shows what public accounts received and paid over time, by source.
func GovernmentMonths(p Page, v *aggregates.Government) Content {
	if len(v.Income)+len(v.Spending) == 0 {
		return Content{Missing: "Nothing was received or paid in this time."}
	}
	s := p.Settings
	var times []columnTime
	for _, m := range v.Months {
		times = append(times, columnTime{m.Start, m.Partial})
	}
	in, out := monthly(v.Income), monthly(v.Spending)
	c, came, went := sourceStacks(chart.About{ID: "months", Title: "Received and paid a " + v.Bucket}, v.Bucket, times, v.Historical, in, out, s)
	c.Desc = "Received " + MoneyCompact(came.Float64(), s) + ", paid " + MoneyCompact(went.Float64(), s) + "."
	return Content{Sub: "A " + v.Bucket + symbolNote(s) + "; the line is what was left", Body: keyed(stacksKey(in, out), c.Draw())}
}

func monthly(sources []aggregates.SourceMonths) (all []sourceAmounts) {
	for _, s := range sources {
		all = append(all, sourceAmounts{s.Source, s.Sources, s.Months})
	}
	return all
}

// GovernmentUnits shows who holds public accounts, and what each received and paid.
func GovernmentUnits(p Page, v *aggregates.Government) Content {
	if v.UnitCount == 0 {
		return Content{Missing: "There are no accounts of the kind government."}
	}
	shown := v.Units[:min(len(v.Units), publicRows)]
	sub := "By what they received and paid together, " + within(v.Period, p.Settings)
	if len(shown) < len(v.Units) {
		sub = "The " + Count(int64(len(shown))) + " of " + Count(v.UnitCount) + " that received and paid the most, " + within(v.Period, p.Settings)
	}
	sub += partiesSince(v.PartiesFrom, p.Settings)
	return Content{Sub: sub + symbolNote(p.Settings), Body: governmentUnits(shown, !allIssue(v), v.Issuers > 0, p.Settings)}
}

// GovernmentAccounts shows the balances of public accounts.
func GovernmentAccounts(p Page, v *aggregates.Government) Content {
	if len(v.List) == 0 {
		return Content{Missing: "There is no public account that may be named."}
	}
	shown := v.List[:min(len(v.List), sheetRows)]
	sub := "The largest balances, of now"
	if allIssue(v) {
		sub = "All issue money"
	}
	return Content{Sub: sub + symbolNote(p.Settings), Body: governmentAccounts(shown, v.Accounts-int64(len(shown)), !allIssue(v), p.Settings)}
}

// GovernmentParties shows whom public accounts paid, and who paid them.
func GovernmentParties(p Page, v *aggregates.Government) Content {
	if v.Counterparties == 0 && v.Several.Number == 0 {
		return Content{Missing: missingParties(v.PartiesFrom, "Nothing was exchanged with others in this period.")}
	}
	shown := v.Parties[:min(len(v.Parties), partiesShown)]
	rest := v.Others
	for _, o := range v.Parties[len(shown):] {
		rest = rest.Plus(o.Exchange)
	}
	sides := &aggregates.AccountSides{Hidden: v.Hidden, Several: v.Several}
	sub := Plural(v.Counterparties, "account", "accounts") + " of others, the most paid first" + partiesSince(v.PartiesFrom, p.Settings) + symbolNote(p.Settings)
	return Content{Sub: sub, Body: accountParties(p, sides, shown, rest)}
}
