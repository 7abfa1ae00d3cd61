package native

import (
	"cmp"

	"exchequer/ledger"
)

func readAccount(t *table, b *ledger.Batch) {
	b.Accounts = append(b.Accounts, ledger.Account{
		Ref: t.needed("ref"), Kind: ledger.Kind(t.needed("kind")), Issuer: t.optionalBoolean("issuer"), Name: t.text("name"), Holder: t.text("holder"),
		Opened: t.optionalTime("opened"), Archived: t.optionalTime("archived"),
	})
}

func readHolder(t *table, b *ledger.Batch) {
	h := ledger.Holder{Ref: t.needed("ref"), Name: t.text("name"), Kind: t.text("kind"), Link: t.text("link"), Label: t.text("label")}
	if t.text("hidden") != "" {
		h.Hidden = t.boolean("hidden")
	}
	b.Holders = append(b.Holders, h)
}

func readLabel(t *table, b *ledger.Batch) {
	b.Labels = append(b.Labels, ledger.Label{Account: t.needed("account"), Text: t.text("label")})
}

func readMerge(t *table, b *ledger.Batch) {
	b.Merges = append(b.Merges, ledger.Merge{Account: t.needed("account"), Into: t.text("into")})
}

func readFormerName(t *table, b *ledger.Batch) {
	b.FormerNames = append(b.FormerNames, ledger.FormerName{Account: t.needed("account"), Name: t.needed("name"), Until: t.time("until")})
}

func readEvent(t *table, b *ledger.Batch) {
	e := ledger.Event{Ref: t.needed("ref"), Title: t.text("title"), Text: t.text("text"), Link: t.text("link"), Scope: t.text("scope")}
	if e.Title != "" {
		e.At, e.Until = t.time("at"), t.optionalTime("until")
	}
	b.Events = append(b.Events, e)
}

func readItem(t *table, b *ledger.Batch) {
	b.Items = append(b.Items, ledger.Item{Ref: t.needed("ref"), Name: t.text("name"), Group: t.text("group")})
}

func readPlace(t *table, b *ledger.Batch) {
	b.Places = append(b.Places, ledger.Place{
		World: t.text("world"), Name: t.needed("name"), X: t.optionalInteger("x"), Z: t.optionalInteger("z"), Kind: t.text("kind"),
	})
}

// readShop reads a shop. Sets of earlier versions have the shop's one offer in the
// same row.
func readShop(t *table, b *ledger.Batch) {
	b.Shops = append(b.Shops, ledger.Shop{
		Ref: t.needed("ref"), Place: t.text("place"), Owner: t.needed("owner"),
		World: t.text("world"), X: t.optionalInteger("x"), Y: t.optionalInteger("y"), Z: t.optionalInteger("z"),
		Active: t.boolean("active"), Seen: t.time("seen"),
	})
	if t.text("item") != "" {
		b.Offers = append(b.Offers, ledger.Offer{
			Shop: t.needed("ref"), Item: t.text("item"),
			Ask: t.optionalInteger("buy_price"), Bid: t.optionalInteger("sell_price"), Batch: t.integer("batch"),
			Stock: t.optionalInteger("stock"), Capacity: t.optionalInteger("capacity"),
			Active: t.boolean("active"), Seen: t.time("seen"),
		})
	}
}

func readOffer(t *table, b *ledger.Batch) {
	b.Offers = append(b.Offers, ledger.Offer{
		Shop: t.needed("shop"), Ref: t.text("ref"), Item: t.needed("item"),
		Ask: t.optionalInteger("ask"), Bid: t.optionalInteger("bid"), PricedIn: t.text("priced_in"), Batch: t.integer("batch"),
		Stock: t.optionalInteger("stock"), Capacity: t.optionalInteger("capacity"),
		Active: t.boolean("active"), Seen: t.time("seen"),
	})
}

func readSale(t *table, b *ledger.Batch) {
	s := ledger.Sale{
		Origin: t.needed("origin"), Ref: t.needed("ref"), At: t.time("at"), Item: t.needed("item"),
		Shop: t.text("shop"), Seller: t.text("seller"), Buyer: t.text("buyer"),
		Direction: ledger.Direction(cmp.Or(t.text("direction"), string(ledger.DirectionSale))),
		Quantity:  t.integer("quantity"), Total: t.integer("total"), Transaction: t.text("transaction"), Line: t.place(),
	}
	if tax := t.optionalInteger("tax"); tax != nil {
		s.Tax = *tax
	}
	b.Sales = append(b.Sales, s)
}
