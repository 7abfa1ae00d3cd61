package views

import (
	"fmt"
	"strings"
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// AlertsFeed is the address of the feed of public alerts, without .atom.
const AlertsFeed = "/alerts"

// TellPrice says that an item's price is above or below a limit, or back from it.
func TellPrice(i aggregates.ListedItem, limit float64, above, over bool, s ledger.Settings) Told {
	return Told{
		ItemName(i.Name, i.ID) + " costs " + UnitPrice(*i.Price.Value, s) + " a piece" + crossed(UnitPrice(limit, s), above, over),
		"The median of " + Plural(i.Price.Sales, "sale", "sales") + ", a " + string(i.Price.Confidence) + " price.", itemAddress(i.ID),
	}
}

// crossed says on which side of a limit something is.
func crossed(limit string, above, over bool) string {
	side := map[bool]string{true: "above", false: "below"}[above]
	if over {
		return ", no longer " + side + " " + limit
	}
	return ", " + side + " " + limit
}

// TellSpread says that the spread of an item is above or below a limit, or back from it.
func TellSpread(i aggregates.ListedItem, spread, limit float64, above, over bool, s ledger.Settings) Told {
	return Told{
		"The spread of " + ItemName(i.Name, i.ID) + " is " + Percent(spread) + crossed(Percent(limit), above, over),
		"It is sold for " + UnitPrice(*i.BestAsk, s) + " a piece, and bought for " + UnitPrice(*i.BestBid, s) + ".", itemAddress(i.ID),
	}
}

// TellStock says that an item is offered, or no longer.
func TellStock(i aggregates.ListedItem, s ledger.Settings) Told {
	name := ItemName(i.Name, i.ID)
	if i.Asks == 0 {
		return Told{name + " is out of stock", "No offer to sell it stands.", itemAddress(i.ID)}
	}
	text := Plural(i.Asks, "offer to sell it stands", "offers to sell it stand")
	if i.BestAsk != nil {
		text += ", from " + UnitPrice(*i.BestAsk, s) + " a piece"
	}
	return Told{name + " is in stock", text + ".", itemAddress(i.ID)}
}

// TellShopEmpty says that a shop has sold out, or no longer.
func TellShopEmpty(s aggregates.ShopStock) Told {
	name := ShopName(&aggregates.Shop{OwnerName: s.OwnerName, Place: s.Place})
	if s.Stand > 0 {
		return Told{name + " has stock again", "", ShopAddress(s.Shop)}
	}
	return Told{name + " is empty", "Of " + Plural(s.Asks, "offer", "offers") + " to sell none is in stock.", ShopAddress(s.Shop)}
}

// TellSign says that an indicator has another state.
func TellSign(sign aggregates.Sign, from aggregates.State) Told {
	told := Told{Title: sign.Title + ": " + stateWord(from) + " before, now " + stateWord(sign.State), Address: "/economy/health"}
	if sign.Now != nil {
		told.Text = signNumber(*sign.Now, sign.Unit) + " " + sign.Of + ". " + sign.Matters
	}
	return told
}

// TellBooks says that the books are wrong, or right again.
func TellBooks(b aggregates.Books) Told {
	told := Told{Title: "The books are right again", Address: "/economy/health"}
	if b.State != aggregates.StateBad {
		return told
	}
	told.Title = "The books are wrong"
	var lines []string
	for _, c := range b.Checks {
		if found := max(c.Now.Found, c.Night.Found); found > 0 {
			lines = append(lines, c.Title+": not so, "+Count(int64(found))+" found.")
		}
	}
	told.Text = strings.Join(lines, " ")
	return told
}

// TellDrift says that balances differ from those of a source, or no longer.
func TellDrift(f aggregates.FollowedSource) Told {
	told := Told{Title: "All balances are those of " + f.Name, Address: "/economy/health"}
	if f.Drifting > 0 {
		told.Title = Plural(f.Drifting, "account has", "accounts have") + " another balance in " + f.Name
		told.Text = "Of " + Plural(f.Accounts, "account that was", "accounts that were") + " compared."
	}
	return told
}

// TellLate says that a source is late, or in step again.
func TellLate(f aggregates.FollowedSource, late bool) Told {
	age := Duration(time.Duration(*f.Age * float64(time.Second)))
	if !late {
		return Told{f.Name + " is in step again", "", "/economy/health"}
	}
	told := Told{f.Name + " is " + age + " late", "", "/economy/health"}
	if f.Failing {
		told.Text = "The last attempt to reach it failed."
	}
	return told
}

// mostTold is how many transactions or sales an alert names.
const mostTold = 5

// TellMoves says what an account received or paid above a limit, the latest first. There is at least
// one.
func TellMoves(moves []ledger.WatchedMove, limit int64, received bool, s ledger.Settings) Told {
	first := moves[0]
	verb, side := "paid ", " to "
	if received {
		verb, side = "received ", " from "
	}
	name := ItemName(first.Account.Name, first.Account.Ref)
	line := func(m ledger.WatchedMove) string {
		amount := m.Amount
		if !received {
			amount = ledger.Sum{}.Minus(amount)
		}
		return Money(amount, s) + side + otherSide(m)
	}
	if len(moves) == 1 {
		return Told{name + " " + verb + line(first), Date(first.At, s) + ", " + Time(first.At, s) + " " + Zone(first.At, s) + ".", transactionAddress(first.Origin, first.Ref)}
	}
	var lines []string
	for _, m := range moves[:min(len(moves), mostTold)] {
		lines = append(lines, line(m))
	}
	return Told{name + " " + verb + atLeast(len(moves)) + Plural(int64(len(moves)), "amount", "amounts") + " above " + Money(limit, s), listed(lines, len(moves)), accountAddress(first.Account.Ref)}
}

// listed writes the first ones of many.
func listed(lines []string, all int) string {
	text := strings.Join(lines, "; ")
	if all > len(lines) {
		text += "; and " + atLeast(all) + Count(int64(all-len(lines))) + " more"
	}
	return text + "."
}

// atLeast is what is said before a number of what was written, if not all of it was read.
func atLeast(read int) string {
	if read >= ledger.MostSince {
		return "at least "
	}
	return ""
}

// otherSide names the other side of a move.
func otherSide(m ledger.WatchedMove) string {
	var names []string
	for _, p := range m.Others {
		names = append(names, ItemName(p.Name, p.Ref))
	}
	text := strings.Join(names, ", ")
	if m.More {
		text += " and others"
	}
	return orElse(text, "nobody")
}

// TellSales says what a shop sold, the latest first. There is at least one.
func TellSales(shop string, sales []ledger.WatchedSale, s ledger.Settings) Told {
	first := sales[0]
	name := ShopName(&aggregates.Shop{OwnerName: first.Owner.Name, Place: first.Place})
	line := func(w ledger.WatchedSale) string {
		return fmt.Sprintf("%s × %s for %s", Count(w.Quantity), ItemName(w.ItemName, w.Item), Money(w.Total, s))
	}
	if len(sales) == 1 {
		return Told{name + " sold " + line(first), Date(first.At, s) + ", " + Time(first.At, s) + " " + Zone(first.At, s) + ".", ShopAddress(shop)}
	}
	var total ledger.Sum
	for _, w := range sales {
		total = total.Plus(ledger.SumOf(w.Total))
	}
	var lines []string
	for _, w := range sales[:min(len(sales), mostTold)] {
		lines = append(lines, line(w))
	}
	return Told{name + " sold " + atLeast(len(sales)) + Plural(int64(len(sales)), "time", "times") + ", " + atLeast(len(sales)) + Money(total, s) + " in all", listed(lines, len(sales)), ShopAddress(shop)}
}
