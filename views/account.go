package views

import (
	"strings"
	"time"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views/chart"
)

var instant = aggregates.Column{Unit: aggregates.Instant}

// accountAddress returns the address of an account's page.
func accountAddress(ref string) templ.SafeURL {
	return templ.SafeURL(AccountInfo.at(ref))
}

// accountAsOf returns the address of an account's page as of a day, or of now.
func accountAsOf(ref string, at aggregates.Date) templ.SafeURL {
	return asOf(AccountInfo.at(ref), at)
}

// Account shows what an account holds, received and sent.
func Account(p Page, a *aggregates.Account) Content {
	s := p.Settings
	held := accountTiles(a, s)
	list := append(held[:2:2],
		tile{Key: "received", Name: "Received", Value: moneyTile(a.Received, s), Exact: Money(a.Received, s)},
		tile{Key: "sent", Name: "Sent", Value: moneyTile(a.Sent, s), Exact: Money(a.Sent, s)})
	if list = append(list, held[2:]...); a.HolderAccounts <= 1 {
		list = append(list, tile{Key: "postings", Name: "Postings, ever", Value: Count(a.Postings)})
	}
	return Content{Sub: accountSub(a, s), Says: sayAccount(a, s), Body: tiles(list)}
}

// AccountHeld shows what an account holds.
func AccountHeld(p Page, a *aggregates.Account) Content {
	says := sayAccount(a, p.Settings)
	says.More = nil
	return Content{Sub: whatAccount(a, p.Settings), Says: says, Body: tiles(accountTiles(a, p.Settings))}
}

// accountTiles returns what an account holds, and what it gained.
func accountTiles(a *aggregates.Account, s ledger.Settings) []tile {
	change := a.Received.Minus(a.Sent)
	balance := tile{Key: "balance", Name: "Balance", Value: moneyTile(a.Balance, s), Exact: Money(a.Balance, s)}
	if a.Opening.Sign() > 0 {
		now := a.Opening.Plus(change)
		balance.Change = Change(now.Float64(), a.Opening.Float64())
		balance.Class, balance.Since = direction(change.Float64(), balance.Change), "in the period, from "+Money(a.Opening, s)
	}
	list := []tile{balance, {Key: "change", Name: "Change in the period", Value: signedTile(change, s), Exact: MoneyChange(change, s)}}
	if a.HolderAccounts > 1 {
		list = append(list, tile{
			Key: "holder", Name: Plural(a.HolderAccounts, "account", "accounts") + " of the holder", Value: moneyTile(a.HolderBalance, s), Exact: Money(a.HolderBalance, s),
		})
	}
	return list
}

// gainClass returns the class of what was gained or lost.
func gainClass(change ledger.Sum) string {
	switch change.Sign() {
	case 1:
		return "up"
	case -1:
		return "down"
	}
	return "flat"
}

// signedTile is moneyTile with a sign for gains.
func signedTile(change ledger.Sum, s ledger.Settings) string {
	if change.Sign() > 0 {
		return "+" + moneyTile(change, s)
	}
	return moneyTile(change, s)
}

// whatAccount says what an account is.
func whatAccount(a *aggregates.Account, s ledger.Settings) string {
	sub := kindName(a.Kind) + " account since " + Date(a.Opened, s)
	if a.Issuer {
		sub = kindName(a.Kind) + " account that issues money, since " + Date(a.Opened, s)
	}
	if a.Archived != nil {
		sub += ", archived " + Date(*a.Archived, s)
	}
	return sub
}

// accountSub returns the line under the title: what the account is, and when it was used.
func accountSub(a *aggregates.Account, s ledger.Settings) string {
	sub := whatAccount(a, s)
	if a.FirstActive != nil && a.LastActive != nil {
		sub += ". First used " + Date(*a.FirstActive, s) + ", last " + Date(*a.LastActive, s) + ": " + Plural(a.Postings, "posting", "postings")
	}
	if a.Marked.Sales > 0 {
		sub += ". " + Plural(a.Marked.Sales, "sale or purchase", "sales and purchases") + " of the period, " + Money(a.Marked.Volume, s) +
			", offset each other; sums of trade are without them unless chosen"
	}
	return sub
}

// sayAccount returns a sentence of what an account holds, and of what came and went.
func sayAccount(a *aggregates.Account, s ledger.Settings) Sentence {
	if a.Postings == 0 || a.Issuer {
		return Sentence{}
	}
	name := brief(readable(a.Name), mostName)
	holds, owes := " holds ", " owes "
	if a.At != "" {
		holds, owes = " held ", " owed "
	}
	said := phrase(name+holds, moneyTile(a.Balance, s))
	if a.Balance < 0 {
		said = phrase(name+owes, moneyTile(ledger.SumOf(a.Balance).Neg(), s))
	}
	if a.Received.Sign() == 0 && a.Sent.Sign() == 0 {
		return Sentence{Words: said}
	}
	when := within(a.Period, s)
	more := phrase(". "+capital(when)+" ", moneyTile(a.Received, s), " came in and ", moneyTile(a.Sent, s), " went out")
	return Sentence{Words: said, More: more}
}

// starts returns when the entries of an account's moves begin.
func starts(a *aggregates.Account) []time.Time {
	var all []time.Time
	for _, m := range a.Moves {
		all = append(all, m.Start)
	}
	return all
}

const whyUnused = "The account was never used."

// AccountBalance shows what an account held over time.
func AccountBalance(p Page, a *aggregates.Account) Content {
	if a.Postings == 0 || len(a.Moves) == 0 {
		return Content{Missing: whyUnused}
	}
	s := p.Settings
	flags := p.FlagsOn(starts(a), a.End)
	l := chart.Lines{
		About: chart.About{ID: "balance", Title: "Balance at the end of each " + a.Bucket},
		Ticks: moneyTicks(s), Least: 1, Flags: flags.Flags, Labels: chart.DateLabels(starts(a), a.Bucket),
	}
	series := chart.Series{}
	low, high := a.Moves[0], a.Moves[0]
	for _, m := range a.Moves {
		series.Values = append(series.Values, m.Balance.Float64())
		l.Tips = append(l.Tips, Money(m.Balance, s)+"\nat the end of "+strings.ToLower(bucketName(m.Start, a.Bucket, s)[:1])+bucketName(m.Start, a.Bucket, s)[1:])
		if m.Balance.Compare(low.Balance) < 0 {
			low = m
		}
		if m.Balance.Compare(high.Balance) > 0 {
			high = m
		}
	}
	last := a.Moves[len(a.Moves)-1].Balance
	series.Name = moneyTile(last, s)
	l.Series = []chart.Series{series}
	l.Desc = "Highest " + Money(high.Balance, s) + " (" + bucketName(high.Start, a.Bucket, s) + "), lowest " + Money(low.Balance, s) +
		" (" + bucketName(low.Start, a.Bucket, s) + "), last " + Money(last, s) + "."
	address := p.compareLink(aggregates.SeriesRef{Kind: aggregates.SeriesBalance, Ref: a.ID})
	return Content{
		Sub: "At the end of each " + a.Bucket + symbolNote(s) + ": from " + MoneyShort(low.Balance, s) + " to " + MoneyShort(high.Balance, s), Flags: flags,
		Body: compareWith(l.Draw(), address, "the balance", watchLink(WatchAccountsParam, a.ID)),
	}
}

// AccountMoves shows what came in and went out.
func AccountMoves(p Page, a *aggregates.Account) Content {
	if a.Received.Sign() == 0 && a.Sent.Sign() == 0 {
		return Content{Missing: "Nothing came in or went out in this period."}
	}
	s := p.Settings
	c := chart.Stacks{
		About: chart.About{ID: "moves", Title: "Received and sent a " + a.Bucket, Desc: "Received " + Money(a.Received, s) + ", sent " + Money(a.Sent, s) + "."},
		Ticks: moneyTicks(s), Least: 1, Labels: chart.DateLabels(starts(a), a.Bucket),
	}
	for _, m := range a.Moves {
		name := bucketName(m.Start, a.Bucket, s)
		c.Values = append(c.Values, chart.Stack{
			Up: []float64{m.Received.Float64()}, Down: []float64{m.Sent.Float64()}, Partial: m.Partial,
			Tip:     "+" + Money(m.Received, s) + "\n" + Money(m.Sent.Neg(), s) + "\n" + name + ", " + Plural(m.Postings, "posting", "postings"),
			Written: bucketShort(m.Start, a.Bucket, s) + ": +" + MoneyCompact(m.Received.Float64(), s) + ", " + MoneyCompact(-m.Sent.Float64(), s),
		})
	}
	return Content{Sub: "A " + a.Bucket + symbolNote(s) + ": in above the line, out below it", Body: c.Draw()}
}

// holdersOf names the holders of a population.
var holdersOf = map[aggregates.Population]string{
	aggregates.PopulationPersonal: "holders of personal accounts", aggregates.PopulationPrivate: "holders of personal and business accounts", aggregates.PopulationAll: "holders",
}

// AccountPlace shows where the holder stands among all.
func AccountPlace(p Page, v *aggregates.AccountPlace) Content {
	if v.Held == nil || v.Holders == 0 || len(v.Bins) == 0 {
		return Content{Missing: "Not ranked: issuers and archived accounts are not, and accounts that were never used."}
	}
	s := p.Settings
	c := chart.Columns{
		About: chart.About{ID: "rank", Title: "Holders by balance", Desc: "This holder has " + Money(*v.Held, s) + "."},
		Ticks: countTicks, Least: 1, Joined: true,
		Labels: func(width float64) []chart.Label { return binLabels(v.Bins, s, width) },
	}
	for _, b := range v.Bins {
		c.Values = append(c.Values, chart.Column{Value: float64(b.Holders), Tip: Plural(b.Holders, "holder", "holders") + "\n" + binName(b, s), Written: Count(b.Holders)})
	}
	if at, ok := place(v.Bins, float64(*v.Held)); ok {
		c.Mark = &chart.Mark{At: at, Text: moneyTile(*v.Held, s)}
	}
	about := ""
	if !v.Exact {
		about = "about "
	}
	who := holdersOf[v.Population]
	rank := about + ordinal(v.Richer+1) + " of " + Count(v.Holders)
	richer := "Richer than " + about + Percent(float64(v.Poorer)/float64(v.Holders)) + " of all " + who
	return Content{
		Sub: capital(who) + ", each with all these accounts together" + symbolNote(s), Body: accountPlace(c.Draw(), rank, Money(*v.Held, s), ordinal(int64(11-v.Tenth))+" from the top", richer),
	}
}

// AccountHolder leads to the page of the account's holder.
func AccountHolder(p Page, a *aggregates.Account) Content {
	name := "The page of the holder"
	if a.HolderName != a.Holder {
		name = brief(readable(a.HolderName), mostName)
	}
	return Content{Sub: "All that the holder has together", Body: accountHolder(a, name, p.Settings)}
}

// AccountIncome shows by which sources money came in.
func AccountIncome(p Page, v *aggregates.AccountSides) Content {
	return accountSources(p, v, exchangeBars{class: "gain", missing: "Nothing came in in this period.", amount: received})
}

// AccountSpending shows by which sources money went out.
func AccountSpending(p Page, v *aggregates.AccountSides) Content {
	return accountSources(p, v, exchangeBars{class: "loss", missing: "Nothing went out in this period.", amount: sent})
}

// sourcesOfAccount is how many sources are shown on the page.
const sourcesOfAccount = 6

func accountSources(p Page, v *aggregates.AccountSides, b exchangeBars) Content {
	b.address = func(source string) templ.SafeURL { return p.statementAddress(v.ID, StatementSourceParam, source) }
	body, any := b.draw(p, v.Sources, v.OtherSources)
	if !any {
		return Content{Missing: b.missing}
	}
	sub := "By source, " + within(v.Period, p.Settings)
	if v.Divided < v.Postings && v.DividedFrom != nil {
		sub = "By source, of the latest " + Plural(v.Divided, "posting", "postings") + " of " + Count(v.Postings) + ", since " + Date(*v.DividedFrom, p.Settings)
	}
	return Content{Sub: sub, Body: body}
}

// partiesSince returns since when counterparties are added up, if not in all of a period.
func partiesSince(from *time.Time, s ledger.Settings) string {
	if from == nil {
		return ""
	}
	return ", since " + Date(*from, s)
}

// missingParties returns why there are no counterparties.
func missingParties(from *time.Time, missing string) string {
	if from == nil {
		return missing
	}
	return "Not known: the latest day alone has more than 100,000 postings."
}

// partiesShown is how many counterparties are shown on the page.
const partiesShown = 8

// AccountParties shows with whom money was exchanged.
func AccountParties(p Page, v *aggregates.AccountSides) Content {
	if v.Counterparties == 0 && v.Several.Number == 0 {
		return Content{Missing: missingParties(v.PartiesFrom, "Nothing was exchanged with another account in this period.")}
	}
	shown := v.Parties[:min(len(v.Parties), partiesShown)]
	rest := v.Others
	for _, o := range v.Parties[len(shown):] {
		rest = rest.Plus(o.Exchange)
	}
	sub := Plural(v.Counterparties, "account", "accounts") + ", the largest first" + partiesSince(v.PartiesFrom, p.Settings) + symbolNote(p.Settings)
	return Content{Sub: sub, Body: accountParties(p, v, shown, rest)}
}

// calendarSpan returns the Monday with which the calendar of an account begins, and
// how many weeks it has: 53, or 26 if the account was not used before those.
func calendarSpan(a *aggregates.Account, last time.Time, s ledger.Settings) (from, weeks int) {
	from = ledger.DayNumber(aggregates.CalendarStart(ledger.DayOf(last, s.Zone())))
	weeks = (ledger.DayNumber(last)-from)/7 + 1
	const half = 26
	if later := from + 7*(weeks-half); ledger.DayNumber(local(a.Calendar[0].Day, s)) >= later {
		return later, half
	}
	return from, weeks
}

// AccountCalendar shows the days on which an account was used.
func AccountCalendar(p Page, a *aggregates.Account) Content {
	if len(a.Calendar) == 0 {
		return Content{Missing: "The account was not used in the last 53 weeks."}
	}
	s := p.Settings
	last := local(a.End.Add(-time.Nanosecond), s)
	// Of a young account, half a year is drawn, so that it is not mostly empty.
	from, weeks := calendarSpan(a, last, s)
	h := chart.Heatmap{About: chart.About{ID: "calendar", Title: "Postings by day"}}
	postings := map[int]int64{}
	var most aggregates.ActiveDay
	for _, d := range a.Calendar {
		postings[ledger.DayNumber(local(d.Day, s))-from] = d.Postings
		if d.Postings > most.Postings {
			most = d
		}
	}
	h.Peak = float64(most.Postings)
	h.Desc = "Most on " + Date(most.Day, s) + ": " + Plural(most.Postings, "posting", "postings") + "."
	for weekday := range 7 {
		row := chart.HeatRow{Name: weekdays[weekday][:3]}
		var sum int64
		for week := range weeks {
			day := week*7 + weekday
			if from+day > ledger.DayNumber(last) {
				break // not yet
			}
			sum += postings[day]
			row.Cells = append(row.Cells, chart.HeatCell{
				Value: float64(postings[day]), Tip: Plural(postings[day], "posting", "postings") + "\n" + Date(ledger.DayStart(from+day, s.Zone()), s),
			})
		}
		row.Tip = weekdays[weekday] + ": " + Plural(sum, "posting", "postings")
		h.Rows = append(h.Rows, row)
	}
	month := time.Month(0)
	for week := range weeks {
		if at := ledger.DayStart(from+7*week, s.Zone()); at.Month() != month {
			if month != 0 && week < weeks-1 {
				h.Foot = append(h.Foot, chart.Label{At: float64(week), Text: monthNames[at.Month()-1][:3]})
			}
			month = at.Month()
		}
	}
	return Content{Sub: "Postings a day, " + Plural(int64(len(a.Calendar)), "active day", "active days") + " in " + Count(int64(weeks)) + " weeks; the most on " + Date(most.Day, s), Body: h.Draw()}
}
