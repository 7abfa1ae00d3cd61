package aggregates

// Table has one row an offer, or one row a shop if no item was asked for.
func (f *Found) Table() Table {
	if f.Item == nil {
		return f.shopsTable()
	}
	t := Table{Columns: append(siteTable(), []Column{
		{"item", "Item", Text}, {"price", "Price of a batch", Money}, {"batch", "Pieces in a batch", Count},
		{"piece", "Price of a piece, minor units", Ratio}, {"total", "For the amount", Money}, {"pieces", "Pieces that can be had", Count},
		{"stock", "Stock", Count}, {"capacity", "Capacity", Count}, {"stands", "Can be used", Text}, {"seen", "Seen", Instant},
	}...)}
	for i := range f.Offers {
		o := &f.Offers[i]
		var total any
		if o.Total != nil {
			total = *o.Total
		}
		t.Rows = append(t.Rows, append(o.row(), f.Item.Ref, o.Price, o.Batch, o.Piece, total, o.Pieces,
			orNil(o.Stock), orNil(o.Capacity), yesNo(o.Stands), o.Seen.UTC()))
	}
	return t.others(MostFound, f.Cut)
}

func (f *Found) shopsTable() Table {
	t := Table{Columns: append(siteTable(), []Column{
		{"offers", "Offers", Count}, {"stand", "In stock", Count}, {"seen", "Seen", Instant},
	}...)}
	for i := range f.Shops {
		s := &f.Shops[i]
		t.Rows = append(t.Rows, append(s.row(), s.Offers, s.Stand, s.Seen.UTC()))
	}
	return t.others(MostNear, f.Cut)
}

func siteTable() []Column {
	return []Column{
		{"shop", "Shop", Text}, {"owner", "Owner", Text}, {"owner_id", "Owner's id", Text}, {"place", "Place", Text},
		{"world", "World", Text}, {"x", "x", Count}, {"y", "y", Count}, {"z", "z", Count}, {"blocks", "Distance, blocks", Count},
	}
}

func (s *Site) row() []any {
	return []any{s.Shop, s.OwnerName, s.Owner, s.Place, s.World, orNil(s.X), orNil(s.Y), orNil(s.Z), orNil(s.Distance)}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
