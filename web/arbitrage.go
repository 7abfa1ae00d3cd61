package web

import (
	"exchequer/aggregates"
	"exchequer/views"
)

// arbitrage declares the page of what could be bought in one shop and sold in
// another for more.
func (s *server) arbitrage() *page {
	arbitrage := readMemo(s.API.Trade.Arbitrage, once)
	return declare(views.PageInfo{
		Path: "/market/arbitrage", Name: "Arbitrage", Group: "Trade", Heading: "Arbitrage",
		Description: "What can be bought in one shop of {economy} and sold in another for more.",
	},
		show(arbitrage, views.PanelInfo{
			Name: "trips", Title: "Buy here, sell there", Width: views.Whole, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "What somebody could buy in one shop and sell in another for more, at the prices that were last seen. An old offer may not be there any more.",
				Formula: "Pieces = the least of the stock, the room, and what the buying owner's balance pays, in whole batches of both. Profit = pieces × bid − tax − pieces × ask. Who buys pays the ask, with the tax in it. Who sells gets the bid less tax, at the rate of the latest 1,000 purchases of shops in the record (tax / total, among the latest 5,000 sales).",
				Counted: "Active offers for money: the 20 lowest asks and the 20 highest bids of each item. The best trip of each item first, by profit; at most 3 of an item, and 50 in all.",
				LeftOut: "Barter; trips between shops of one owner; what the way costs.",
			},
		}, views.Arbitrage, (*aggregates.Arbitrage).Table).where(hasShops),
	)
}
