package aggregates

// Table has one row a measure.
func (i *Item) Table() Table {
	t := Table{Columns: []Column{{"measure", "Measure", Text}, {"now", "Now or in the period", Ratio}, {"before", "In the period before", Ratio}}}
	row := func(name string, now, before *float64) {
		t.Rows = append(t.Rows, []any{name, orNil(now), orNil(before)})
	}
	row("Price of a piece, minor units", i.Price.Value, i.Before)
	t.Rows = append(t.Rows,
		[]any{"Sales of which it is the median", i.Price.Sales, nil}, []any{"Sales left out of it", i.Price.Excluded, nil},
		i.Sales.row("Sales"), i.Quantity.row("Pieces"), i.Volume.row("Value, minor units"),
		[]any{"Sellers", i.Sellers, nil}, []any{"Buyers", i.Buyers, nil},
		[]any{"Shops that sell it", i.Offers.Shops, nil}, []any{"Shops with stock", i.Offers.Stocked, nil}, []any{"Pieces in stock", i.Offers.Stock, nil})
	row("Cheapest, minor units a piece", i.Offers.BestAsk, nil)
	row("Best offer, minor units a piece", i.Offers.BestBid, nil)
	row("Offered spread after tax, share of the mean", i.Spread.Offered, nil)
	row("Paid by customers of shops, minor units a piece", i.Spread.Paid, nil)
	row("Got by customers of shops after tax, minor units a piece", i.Spread.Got, nil)
	row("Executed spread after tax on the same days, share of the mean", i.Spread.Executed, nil)
	return t
}

// BuyTable has one row an offer to sell.
func (i *Item) BuyTable() Table {
	return offersTable(i.Offers.Selling, "Ask a piece, minor units", func(o ShopOffer) *int64 { return o.Ask })
}

// SellTable has one row an offer to buy.
func (i *Item) SellTable() Table {
	return offersTable(i.Offers.Buying, "Bid a piece, minor units", func(o ShopOffer) *int64 { return o.Bid })
}

func offersTable(offers []ShopOffer, title string, of func(ShopOffer) *int64) Table {
	t := Table{Columns: []Column{
		{"owner", "Shop of", Text}, {"place", "Place", Text}, {"world", "World", Text}, {"x", "x", Count}, {"y", "y", Count}, {"z", "z", Count},
		{"price", title, Ratio}, {"batch", "Pieces a batch", Count}, {"stock", "Stock", Count}, {"capacity", "Capacity", Count},
		{"stands", "Stands", Text}, {"seen", "Last seen", Instant}, {"shop", "Shop", Text},
	}}
	for _, o := range offers {
		stands := "no"
		if o.Stands {
			stands = "yes"
		}
		t.Rows = append(t.Rows, []any{o.OwnerName, o.Place, o.World, orNil(o.X), orNil(o.Y), orNil(o.Z),
			float64(*of(o)) / float64(o.Batch), o.Batch, orNil(o.Stock), orNil(o.Capacity), stands, o.Seen, o.Shop})
	}
	return t.upTo(len(offers), mostOffers)
}

// PaidTable has one row a range of prices.
func (v *ItemTrade) PaidTable() Table {
	t := Table{Columns: []Column{{"low", "From, minor units a piece", Ratio}, {"high", "To", Ratio}, {"sales", "Sales", Count}, {"quantity", "Pieces", Count}}}
	for _, b := range v.Paid.Bins {
		t.Rows = append(t.Rows, []any{b.Low, b.High, b.Sales, b.Quantity})
	}
	return t
}

// OutliersTable has one row a day and price that does not count.
func (v *ItemTrade) OutliersTable() Table {
	t := Table{Columns: []Column{{"day", "Day", Day}, {"each", "Price of a piece, minor units", Ratio}, {"sales", "Sales", Count}, {"quantity", "Pieces", Count}}}
	for _, o := range v.Paid.Outliers {
		t.Rows = append(t.Rows, []any{o.Day, o.Each, o.Sales, o.Quantity})
	}
	return t.upTo(len(v.Paid.Outliers), mostExcluded)
}

// SellersTable has one row a seller.
func (v *ItemTrade) SellersTable() Table { return v.Sellers.table() }

// BuyersTable has one row a buyer.
func (v *ItemTrade) BuyersTable() Table { return v.Buyers.table() }

// TraderColumns are the columns of sellers, and of buyers.
func TraderColumns() []Column {
	return []Column{
		{"name", "Name", Text}, {"kind", "Kind", Text}, {"id", "Account", Text}, {"sales", "Sales", Count}, {"quantity", "Pieces", Count},
		{"volume", "Value", Money}, {"share", "Share", Percent},
	}
}

func (of Trader) row() []any {
	return []any{of.Name, string(of.Kind), of.ID, of.Sales, of.Quantity, of.Volume, of.Share}
}

func (v Side) table() Table {
	t := Table{Columns: TraderColumns()}
	for _, of := range v.Top {
		t.Rows = append(t.Rows, of.row())
	}
	if v.Others.Sales > 0 {
		t.Rows = append(t.Rows, []any{"all others", "", "", v.Others.Sales, v.Others.Quantity, v.Others.Volume, v.Others.Share})
	}
	return t.First(len(v.Top), v.Traders)
}

// SizesTable has one row a number of pieces.
func (v *ItemTrade) SizesTable() Table {
	t := Table{Columns: []Column{{"pieces", "Pieces a sale", Count}, {"sales", "Sales", Count}, {"quantity", "Pieces", Count}}}
	for _, s := range v.Sizes.Common {
		t.Rows = append(t.Rows, []any{s.Pieces, s.Sales, s.Quantity})
	}
	if v.Sizes.Others.Sales > 0 {
		t.Rows = append(t.Rows, []any{nil, v.Sizes.Others.Sales, v.Sizes.Others.Quantity})
	}
	return t.others(len(v.Sizes.Common), v.Sizes.Others.Sales > 0)
}
