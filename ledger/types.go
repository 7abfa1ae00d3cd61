package ledger

import (
	"fmt"
	"slices"
	"time"
)

// A Kind is the part that an account plays in the economy.
type Kind string

// The kinds of account. System accounts are those of the economy's own machinery,
// such as a mint.
const (
	Personal   Kind = "personal"
	Business   Kind = "business"
	Government Kind = "government"
	System     Kind = "system"
)

// Kinds returns all kinds in the order in which they are shown.
func Kinds() []Kind { return []Kind{Personal, Business, Government, System} }

// UnmarshalText returns an error for an unknown kind.
func (k *Kind) UnmarshalText(text []byte) error {
	if !slices.Contains(Kinds(), Kind(text)) {
		return fmt.Errorf("unknown kind of account %.20q", text)
	}
	*k = Kind(text)
	return nil
}

// Settings is the name of the economy, how its money is written, whose days it counts,
// and how much of it is here.
type Settings struct {
	Name     string // of the economy: "Port Exchequer"
	Symbol   string // of the currency: "₤"
	Decimals int    // digits of the minor unit, 0 to 9
	Timezone string // of the community: "Europe/Berlin"; UTC if empty

	Begins time.Time // the record, if what was before is archived; it is not set
}

// An Account is identified by its Ref, its name in the outside world. Kind, Holder
// and Issuer never change by an append, since rollups depend on them; Name and
// Archived may. A Name that is empty or equal to Ref, a nil Issuer, and a zero
// Archived leave an existing account as it is.
//
// An issuer creates money by paying and destroys it by receiving. What all other
// accounts hold is the supply.
type Account struct {
	Ref      string
	Kind     Kind
	Name     string    // Ref if empty
	Holder   string    // who owns it; Ref if empty
	Issuer   *bool     // nil: whether Kind is System
	Opened   time.Time // the batch's earliest time if zero
	Archived time.Time // zero: not archived, unless it already is
	InUse    bool      // not archived, also if it already was
	Line     string    // where it was read, for messages: "data.csv:17"
}

// Issues reports whether the account issues money, if it is new.
func (a Account) Issues() bool {
	if a.Issuer != nil {
		return *a.Issuer
	}
	return a.Kind == System
}

// An Item is something that is traded. A Name that is empty or equal to Ref, and an
// empty Group, leave an existing item as it is.
type Item struct {
	Ref   string
	Name  string // Ref if empty
	Group string // of what sort it is, such as Food; empty: not known
	Line  string
}

// A Shop is a place where items are offered. An existing shop is replaced unless
// it was seen later than Seen. A shop that is seen to be inactive ends its offers
// that were not seen since.
type Shop struct {
	Ref     string
	Place   string
	Owner   string // account ref
	World   string
	X, Y, Z *int64 // in blocks or any other unit; nil: unknown
	Active  bool
	Seen    time.Time
	Line    string
}

// An Offer is one item that a shop sells, buys, or both, as it was seen once.
// (Shop, Ref, Item) identifies it. If it differs from what was seen before, that is
// kept as a change at Seen. A sighting that is not later than the latest one of the
// same offer changes nothing. An active offer ends the others of the same Shop and
// Ref, such as those of a sign that was written anew.
type Offer struct {
	Shop     string // shop ref
	Ref      string // which of the shop's offers; Item if empty
	Item     string // item ref
	Ask      *int64 // minor units that a customer pays for a batch; nil: it does not sell
	Bid      *int64 // minor units that a customer gets for a batch; nil: it does not buy
	PricedIn string // item ref: Ask and Bid are pieces of this item, and not money
	Batch    int64
	Stock    *int64 // pieces; nil: unknown, or without a limit
	Capacity *int64
	Active   bool
	Seen     time.Time
	Line     string
}

// A Transaction moves money between two accounts or more. Its postings sum to
// zero. (Origin, Ref) identifies it: writing it a second time changes nothing.
type Transaction struct {
	Origin   string
	Ref      string
	At       time.Time
	Source   string // which subsystem: shop, salary, tax; not empty
	Message  string
	Postings []Posting
	Line     string
}

// A Posting changes the balance of one account, in minor units.
type Posting struct {
	Account string // account ref
	Amount  int64  // signed, never 0
}

// A Direction is which side of a sale keeps the shop.
type Direction string

// The directions of a sale.
const (
	DirectionSale     Direction = "sale"     // the seller keeps the shop
	DirectionPurchase Direction = "purchase" // the buyer keeps the shop
)

// A Sale is one line of trade. It moves no money by itself: the money moves in
// the transaction that it may name. A return has a negative Quantity and Total.
type Sale struct {
	Origin      string
	Ref         string
	At          time.Time
	Item        string // item ref
	Shop        string // shop ref or empty
	Seller      string // account ref or empty
	Buyer       string // account ref or empty
	Direction   Direction
	Quantity    int64
	Total       int64 // minor units, tax included
	Tax         int64
	Transaction string // ref of a transaction of the same origin, in the batch or the ledger, or empty
	Line        string
}

// A Batch is written whole or not at all. Accounts, items and all that is not a
// transaction or a sale is written first and may exist already; transactions and sales may name those of the batch
// and of the ledger. A time before Oldest is an error.
type Batch struct {
	Oldest time.Time // zero: DefaultOldest
	// KeepAccounts leaves the kind, holder, issuer and time of archiving of accounts that
	// the ledger has as they are; otherwise another kind, holder or issuer is an error.
	KeepAccounts bool
	Accounts     []Account
	Items        []Item
	Shops        []Shop
	Offers       []Offer
	Holders      []Holder
	Labels       []Label
	Merges       []Merge
	FormerNames  []FormerName
	Events       []Event
	Places       []Place
	Transactions []Transaction
	Sales        []Sale
	Observations []Observation
}

// Written counts what an Append wrote, and what it skipped because it was already
// there.
type Written struct {
	Transactions, Postings, Sales int
	SkippedTransactions           int
	SkippedSales                  int
	// Observed counts the observations, SkippedObserved those that were known.
	Observed, SkippedObserved int
}
