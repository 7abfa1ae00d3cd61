package sample

import (
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// News is what happened to an item, or to an account, whose ref begins with b or c.
func News(q aggregates.NewsQuery) *aggregates.News {
	midnight := Noon.Truncate(24 * time.Hour)
	v := &aggregates.News{Basis: basis(30, midnight.AddDate(0, 0, -29), Noon), Entries: []aggregates.NewsEntry{}}
	add := func(thing string, rule aggregates.NewsRule, ago int) *aggregates.NewsEntry {
		day := midnight.AddDate(0, 0, -ago)
		v.Entries = append(v.Entries, aggregates.NewsEntry{Rule: rule, Day: day, At: day.AddDate(0, 0, 1), Thing: thing, ID: q.Ref, Name: q.Ref})
		return &v.Entries[len(v.Entries)-1]
	}
	if q.Ref != "" && (q.Ref[0] == 'b' || q.Ref[0] == 'c') {
		e := add("account", aggregates.NewsReceived, 4)
		e.Amount, e.Usual = ptr(ledger.SumOf(50_000_00)), ptr(ledger.SumOf(4_100_00))
		return v
	}
	e := add("item", aggregates.NewsPrice, 1)
	e.Price, e.Before = ptr(412_00.0), ptr(367_00.0)
	add("item", aggregates.NewsStocked, 1)
	add("item", aggregates.NewsEmptied, 12)
	return v
}

// Notables is what was notable of the town.
func Notables() *aggregates.Notables {
	midnight := Noon.Truncate(24 * time.Hour)
	v := &aggregates.Notables{Basis: basis(30, midnight.AddDate(0, 0, -29), Noon)}
	day := func(ago int) (day, at time.Time) { return midnight.AddDate(0, 0, -ago), midnight.AddDate(0, 0, 1-ago) }
	transfer := aggregates.Notable{Rule: aggregates.NotableTransfer, Days: 365, Record: ptr(ledger.SumOf(250_000_00)), Transfer: &aggregates.LargeMove{
		Payer: aggregates.MoveSide{Party: aggregates.Party{Kind: ledger.Government}, ID: "treasury", Name: "City Treasury"}, Receiver: aggregates.MoveSide{Party: aggregates.Party{Kind: ledger.Personal}, Several: true},
		Volume: ledger.SumOf(312_500_00), Origin: "town", Ref: "t4711",
	}}
	transfer.Day, transfer.At = day(2)
	price := aggregates.Notable{Rule: aggregates.NotablePrice, Days: 365, Item: &aggregates.NotableItem{ID: "ada", Name: "Diamond", Price: 412_00, Highest: 399_50}}
	price.Day, price.At = day(3)
	v.Entries = []aggregates.Notable{transfer, price}
	return v
}
