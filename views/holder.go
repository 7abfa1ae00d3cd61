package views

import (
	"strings"
	"time"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views/chart"
)

// HolderInfo is where a holder's page is.
var HolderInfo = PageInfo{Path: "/holders/{ref}"}

// holderAddress returns the address of a holder's page.
func holderAddress(ref string) templ.SafeURL { return templ.SafeURL(HolderInfo.at(ref)) }

// Holder shows what a holder has, and how that changed.
func Holder(p Page, h *aggregates.Holder) Content {
	sold := tile{Key: "sold", Name: "Goods sold", Value: moneyTile(h.Sold.Volume, p.Settings), Exact: Money(h.Sold.Volume, p.Settings)}
	return holderFigures(h, append(holderTiles(h, p.Settings), sold), p.Settings)
}

// HolderHeld shows what a holder has.
func HolderHeld(p Page, h *aggregates.Holder) Content {
	return holderFigures(h, holderTiles(h, p.Settings), p.Settings)
}

// holderTiles returns what a holder has.
func holderTiles(h *aggregates.Holder, s ledger.Settings) []tile {
	change := h.Change()
	balance := tile{Key: "balance", Name: "Balance", Value: moneyTile(h.Balance, s), Exact: Money(h.Balance, s)}
	if h.Opening.Sign() > 0 {
		now := h.Opening.Plus(change)
		balance.Change = Change(now.Float64(), h.Opening.Float64())
		balance.Class, balance.Since = direction(change.Float64(), balance.Change), "in the period, from "+Money(h.Opening, s)
	}
	return []tile{
		balance,
		{Key: "change", Name: "Change in the period", Value: signedTile(change, s), Exact: MoneyChange(change, s)},
		{Key: "accounts", Name: "Accounts", Value: Count(h.Accounts)},
		{Key: "shops", Name: "Shops", Value: Count(h.Shops)},
	}
}

func holderFigures(h *aggregates.Holder, list []tile, s ledger.Settings) Content {
	sub := "All accounts together"
	if h.Kind != "" {
		sub = capital(brief(readable(h.Kind), mostName)) + ", all accounts together"
	}
	if h.Label != "" {
		sub += " · " + brief(readable(h.Label), mostName)
	}
	return Content{Sub: sub, Says: sayHolder(h, s), Body: tiles(list)}
}

// sayHolder returns the headline of a holder: what all accounts hold together.
func sayHolder(h *aggregates.Holder, s ledger.Settings) Sentence {
	if h.Balance.Sign() <= 0 {
		return Sentence{}
	}
	name := brief(readable(h.Name), mostName)
	accounts := h.Accounts - h.Issuers // whose balances are no part of the sum
	if accounts == 1 {
		return Sentence{Words: phrase(name+" has ", moneyTile(h.Balance, s), " in one account")}
	}
	return Sentence{Words: phrase(name+" has ", moneyTile(h.Balance, s), " in "+Plural(accounts, "account", "accounts"))}
}

// HolderBalance shows what a holder had over time.
func HolderBalance(p Page, h *aggregates.Holder) Content {
	if len(h.Course) == 0 {
		return Content{Missing: "There is nothing to show of this period."}
	}
	s := p.Settings
	var starts []time.Time
	for _, c := range h.Course {
		starts = append(starts, c.Start)
	}
	flags := p.FlagsOn(starts, h.End)
	l := chart.Lines{
		About: chart.About{ID: "balance", Title: "Balance at the end of each " + h.Bucket},
		Ticks: moneyTicks(s), Least: 1, Flags: flags.Flags, Labels: chart.DateLabels(starts, h.Bucket),
	}
	series := chart.Series{}
	low, high := h.Course[0], h.Course[0]
	for _, c := range h.Course {
		series.Values = append(series.Values, c.Balance.Float64())
		name := bucketName(c.Start, h.Bucket, s)
		l.Tips = append(l.Tips, Money(c.Balance, s)+"\nat the end of "+strings.ToLower(name[:1])+name[1:])
		if c.Balance.Compare(low.Balance) < 0 {
			low = c
		}
		if c.Balance.Compare(high.Balance) > 0 {
			high = c
		}
	}
	last := h.Course[len(h.Course)-1].Balance
	series.Name = moneyTile(last, s)
	l.Series = []chart.Series{series}
	l.Desc = "Highest " + Money(high.Balance, s) + " (" + bucketName(high.Start, h.Bucket, s) + "), lowest " + Money(low.Balance, s) +
		" (" + bucketName(low.Start, h.Bucket, s) + "), last " + Money(last, s) + "."
	return Content{
		Sub:   "At the end of each " + h.Bucket + countedNote(h) + symbolNote(s) + ": from " + MoneyShort(low.Balance, s) + " to " + MoneyShort(high.Balance, s),
		Flags: flags, Body: l.Draw(),
	}
}

// countedNote returns of which accounts sums over time are, if not of all.
func countedNote(h *aggregates.Holder) string {
	if h.Counted == 0 {
		return ""
	}
	return ", of the " + Count(h.Counted) + " accounts used most"
}

// holderRows is how many accounts, shops, goods or members of the staff are shown on
// the page of a holder.
const holderRows = 8

// HolderAccounts shows the accounts of a holder.
func HolderAccounts(p Page, h *aggregates.Holder) Content {
	sub := "By balance"
	if n := int64(min(len(h.List), holderRows)); n < h.Accounts {
		sub = "The " + Count(n) + " with the largest balances"
	}
	if h.Counted > 0 {
		sub += ". All else but what they have together is of the " + Count(h.Counted) + " used most"
	}
	return Content{Sub: sub + symbolNote(p.Settings), Body: holderAccounts(h, h.List[:min(len(h.List), holderRows)], p.Settings)}
}

// HolderIncome shows by which sources a holder received money.
func HolderIncome(p Page, v *aggregates.HolderSides) Content {
	return holderSources(p, v, exchangeBars{class: "gain", missing: "Nothing was received from others in this period.", amount: received})
}

// HolderSpending shows by which sources a holder paid money.
func HolderSpending(p Page, v *aggregates.HolderSides) Content {
	return holderSources(p, v, exchangeBars{class: "loss", missing: "Nothing was paid to others in this period.", amount: sent})
}

func holderSources(p Page, v *aggregates.HolderSides, b exchangeBars) Content {
	if v.Postings > 0 && v.DividedFrom == nil {
		return Content{Missing: "Not known: the latest day alone has more than 20,000 postings."}
	}
	body, any := b.draw(p, v.Sources, v.OtherSources)
	if !any {
		return Content{Missing: b.missing}
	}
	sub := "By source, " + within(v.Period, p.Settings)
	if v.Divided < v.Postings && v.DividedFrom != nil {
		sub = "By source, since " + Date(*v.DividedFrom, p.Settings) + ": " + Plural(v.Divided, "posting", "postings") + " of " + Count(v.Postings)
	}
	return Content{Sub: sub, Body: body}
}

// HolderMonths shows what a holder received and paid by month: of a business, its
// profit and loss.
func HolderMonths(p Page, v *aggregates.HolderSides) Content {
	if len(v.Months) == 0 {
		return Content{Missing: "There is no month yet."}
	}
	c := Content{Sub: "Received from others less paid to others, the latest month first" + symbolNote(p.Settings), Body: holderMonths(v, p.Settings)}
	if v.Business {
		c.Retitled = "Profit and loss"
	}
	return c
}

// HolderParties shows with whom a holder exchanged money.
func HolderParties(p Page, v *aggregates.HolderSides) Content {
	if v.Counterparties == 0 && v.Several.Number == 0 {
		return Content{Missing: missingParties(v.PartiesFrom, "Nothing was exchanged with others in this period.")}
	}
	shown := v.Parties[:min(len(v.Parties), partiesShown)]
	rest := v.Others
	for _, o := range v.Parties[len(shown):] {
		rest.Received, rest.Sent, rest.Number = rest.Received.Plus(o.Received), rest.Sent.Plus(o.Sent), rest.Number+o.Number
	}
	sides := &aggregates.AccountSides{Hidden: v.Hidden, Several: v.Several}
	sub := Plural(v.Counterparties, "account", "accounts") + " of others, the largest first" + partiesSince(v.PartiesFrom, p.Settings) + symbolNote(p.Settings)
	return Content{Sub: sub, Body: accountParties(p, sides, shown, rest)}
}

// HolderStaff shows whom a holder paid wages.
func HolderStaff(p Page, v *aggregates.HolderSides) Content {
	staff := v.Staff
	switch {
	case !staff.Known:
		return Content{Missing: "Not known: there are more than 20,000 postings in 30 days."}
	case staff.Number == 0:
		return Content{Missing: "No wages in the last 30 days."}
	}
	shown := staff.Members[:min(len(staff.Members), holderRows)]
	sub := Plural(staff.Number, "person", "people") + " paid " + MoneyShort(staff.Paid, p.Settings) + " in wages in 30 days"
	return Content{Sub: sub, Body: holderStaff(staff, shown, p.Settings)}
}

// HolderShops shows the shops of a holder.
func HolderShops(p Page, h *aggregates.Holder) Content {
	return shopsOf(p, &h.Trading, h.Period, "The holder has no shop.")
}

// HolderGoods shows what a holder sold.
func HolderGoods(p Page, h *aggregates.Holder) Content {
	return goodsSold(p, &h.Trading, h.Period)
}

// AccountShops shows the shops of an account.
func AccountShops(p Page, v *aggregates.AccountTrading) Content {
	return shopsOf(p, &v.Trading, v.Period, "The account has no shop.")
}

// AccountSold shows what an account sold.
func AccountSold(p Page, v *aggregates.AccountTrading) Content {
	return goodsSold(p, &v.Trading, v.Period)
}

// AccountBought shows what an account bought.
func AccountBought(p Page, v *aggregates.AccountTrading) Content {
	return goods(p, v.BoughtGoods, v.Bought, v.BoughtItems, v.Period, "Nothing was bought in this period.")
}

func shopsOf(p Page, v *aggregates.Trading, period aggregates.Period, missing string) Content {
	if v.Shops == 0 {
		return Content{Missing: missing}
	}
	shown := v.ShopList[:min(len(v.ShopList), holderRows)]
	sub := Plural(v.Shops, "shop", "shops") + "; sold " + within(period, p.Settings) + symbolNote(p.Settings)
	return Content{Sub: sub, Body: ownedShops(shown, v.Shops-int64(len(shown)), p.Settings)}
}

func goodsSold(p Page, v *aggregates.Trading, period aggregates.Period) Content {
	return goods(p, v.Goods, v.Sold, v.Items, period, "Nothing was sold in this period.")
}

// goods shows the items with the largest value of all that were traded.
func goods(p Page, list []aggregates.TradedItem, all aggregates.Goods, items int64, period aggregates.Period, missing string) Content {
	if all.Sales == 0 {
		return Content{Missing: missing}
	}
	shown := list[:min(len(list), holderRows)]
	sub := "By value, " + within(period, p.Settings) + "; " + Plural(all.Sales, "sale", "sales") + " of " + Plural(items, "item", "items")
	return Content{Sub: sub, Body: tradedGoods(p.Params, all, shown, p.Settings)}
}

// shopLabel names a shop among those of one holder.
func shopLabel(o aggregates.OwnedShop) string {
	if o.Place != "" && o.Place != o.Owner {
		return brief(o.Owner+", "+o.Place, mostName)
	}
	return brief(o.Owner, mostName)
}

// linkHost returns what is shown of a holder's address on the web.
func linkHost(link string) string {
	_, host, _ := strings.Cut(link, "//")
	return brief(strings.TrimSuffix(host, "/"), mostName)
}
