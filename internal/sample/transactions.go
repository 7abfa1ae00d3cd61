package sample

import (
	"strconv"
	"time"

	"exchequer/ledger"
)

// Entries returns the newest transactions before a place, of 120 that there are, a
// minute apart.
func Entries(before ledger.Cursor, limit int) *ledger.Entries {
	nell, oak := ledger.Party{Ref: "nell", Name: "Nell Bramford", Kind: ledger.Personal}, ledger.Party{Ref: "oak", Name: "Ferry & Oak", Kind: ledger.Business}
	seam, mint := ledger.Party{Ref: "seam", Name: "The Deep Seam", Kind: ledger.Business}, ledger.Party{Ref: "mint", Name: "Mint", Kind: ledger.System}
	hidden := ledger.Party{Name: ledger.HiddenName, Kind: ledger.Personal}
	found := &ledger.Entries{}
	const all = 120
	for i := range all {
		e := ledger.Entry{
			Header:   ledger.Header{Cursor: ledger.Cursor{At: Noon.Add(-time.Duration(i) * time.Minute), Transaction: int64(all - i)}, Origin: "town", Ref: "t" + strconv.Itoa(all-i)},
			Postings: 2, Payers: 1, Receivers: 1,
		}
		switch i % 5 {
		case 0:
			e.Source, e.Message, e.Volume, e.From, e.To = "shop", "4 × Diamond at Harbour Row", 146_00, nell, oak
		case 1:
			e.Source, e.Message, e.Volume, e.From, e.To, e.Receivers, e.Postings = "wages", "shift of 20 Nov", 812_00, seam, nell, 14, 15
		case 2:
			e.Source, e.Message, e.Volume, e.From, e.To = "transfer", "for the bridge\n<b>thanks</b>", 40_00, hidden, nell
		case 3:
			e.Source, e.Large, e.Postings = "interest", true, 5001
		case 4:
			e.Source, e.Volume, e.From, e.To = "jobs", 18_00, mint, nell
		}
		if e.At.Before(before.At) && len(found.Entries) < limit {
			found.Entries = append(found.Entries, e)
		}
	}
	if found.Looked = len(found.Entries); found.Looked == limit && found.Entries[limit-1].Transaction > 1 {
		found.Next = &found.Entries[limit-1].Cursor
	}
	return found
}

// Posted is a purchase.
func Posted() *ledger.Posted {
	nell, oak := ledger.Party{Ref: "nell", Name: "Nell Bramford", Kind: ledger.Personal}, ledger.Party{Ref: "oak", Name: "Ferry & Oak", Kind: ledger.Business}
	town := ledger.Party{Ref: "town", Name: "Town Treasury", Kind: ledger.Government}
	personal, business, government := ledger.Side{Kind: ledger.Personal}, ledger.Side{Kind: ledger.Business}, ledger.Side{Kind: ledger.Government}
	h := ledger.Header{Cursor: ledger.Cursor{At: Noon.Add(-time.Minute), Transaction: 4711}, Origin: "town", Ref: "ada", Source: "shop", Message: "4 × Diamond at Harbour Row"}
	before, after := h, h
	before.Ref, after.Ref = "a/b", ".."
	return &ledger.Posted{
		Header: h, Postings: 3, Volume: 146_00, Balanced: true, Previous: &before, Next: &after,
		Between: []ledger.Between{{From: personal, To: business, Volume: 135_78}, {From: personal, To: government, Volume: 10_22}},
		Legs: []ledger.Leg{
			{Seq: 0, Account: nell, Amount: -146_00, Before: ptr(int64(500_00)), After: ptr(int64(354_00))},
			{Seq: 1, Account: oak, Amount: 135_78, Before: ptr(int64(1_000_00)), After: ptr(int64(1_135_78))},
			{Seq: 2, Account: town, Amount: 10_22},
		},
		Sales: []ledger.TransactionSale{{
			SaleLine: ledger.SaleLine{SaleCursor: ledger.SaleCursor{At: h.At, Sale: 9}, Direction: ledger.DirectionSale, Quantity: 4, Total: 146_00, Tax: 10_22, Ref: "s", Place: "Harbour Row", Seller: oak, Buyer: nell},
			Item:     "ada", ItemName: "Diamond", Shop: "ada",
		}},
	}
}
