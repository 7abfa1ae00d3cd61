package ingest

import (
	"cmp"

	"exchequer/ledger"
)

func (b *Body) account(r *record) {
	b.batch.Accounts = append(b.batch.Accounts, ledger.Account{
		Ref: r.text("ref"), Kind: ledger.Kind(r.text("kind")), Issuer: r.optionalBoolean("issuer"), Name: r.text("name"), Holder: r.text("holder"),
		Opened: r.time("opened"), Archived: r.time("archived"), Line: r.place.text,
	})
}

func (b *Body) item(r *record) {
	b.batch.Items = append(b.batch.Items, ledger.Item{Ref: r.text("ref"), Name: r.text("name"), Group: r.text("group"), Line: r.place.text})
}

func (b *Body) shop(r *record) {
	b.batch.Shops = append(b.batch.Shops, ledger.Shop{
		Ref: r.text("ref"), Place: r.text("place"), Owner: r.text("owner"),
		World: r.text("world"), X: r.optionalInteger("x"), Y: r.optionalInteger("y"), Z: r.optionalInteger("z"),
		Active: r.boolean("active"), Seen: r.time("seen"), Line: r.place.text,
	})
}

func (b *Body) offer(r *record) {
	b.batch.Offers = append(b.batch.Offers, ledger.Offer{
		Shop: r.text("shop"), Ref: r.text("ref"), Item: r.text("item"),
		Ask: r.optionalInteger("ask"), Bid: r.optionalInteger("bid"), PricedIn: r.text("priced_in"), Batch: r.integer("batch"),
		Stock: r.optionalInteger("stock"), Capacity: r.optionalInteger("capacity"),
		Active: r.boolean("active"), Seen: r.time("seen"), Line: r.place.text,
	})
}

func (b *Body) event(r *record) {
	b.batch.Events = append(b.batch.Events, ledger.Event{
		Ref: r.text("ref"), At: r.time("at"), Until: r.time("until"), Title: r.text("title"), Text: r.text("text"),
		Link: r.text("link"), Scope: r.text("scope"), Line: r.place.text,
	})
}

func (b *Body) transaction(r *record) {
	t := ledger.Transaction{
		Origin: r.text("origin"), Ref: r.text("ref"), At: r.time("at"), Source: r.text("source"), Message: r.text("message"), Line: r.place.text,
	}
	r.postings(func(r *record) {
		t.Postings = append(t.Postings, ledger.Posting{Account: r.text("account"), Amount: r.integer("amount")})
	})
	b.batch.Transactions = append(b.batch.Transactions, t)
}

func (b *Body) sale(r *record) {
	s := ledger.Sale{
		Origin: r.text("origin"), Ref: r.text("ref"), At: r.time("at"), Item: r.text("item"),
		Shop: r.text("shop"), Seller: r.text("seller"), Buyer: r.text("buyer"),
		Direction: ledger.Direction(cmp.Or(r.text("direction"), string(ledger.DirectionSale))),
		Quantity:  r.integer("quantity"), Total: r.integer("total"), Transaction: r.text("transaction"), Line: r.place.text,
	}
	if tax := r.optionalInteger("tax"); tax != nil {
		s.Tax = *tax
	}
	b.batch.Sales = append(b.batch.Sales, s)
}

func (b *Body) observation(r *record) {
	b.batch.Observations = append(b.batch.Observations, ledger.Observation{
		Origin: r.text("origin"), Account: r.text("account"), At: r.time("at"), Balance: r.integer("balance"), Line: r.place.text,
	})
}
