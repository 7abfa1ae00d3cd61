package client

import "time"

// An Account is written if it is new. Of one that is known, the name and the time of
// archiving may change; its kind, holder and issuer do not.
type Account struct {
	Ref      string    `json:"ref" maxLength:"512" doc:"Its name for machines."`
	Kind     string    `json:"kind" enum:"personal,business,government,system"`
	Issuer   *bool     `json:"issuer,omitempty" doc:"Whether it issues money; by default, whether it is of the kind system."`
	Name     string    `json:"name,omitempty" maxLength:"1024" doc:"For people; the ref by default."`
	Holder   string    `json:"holder,omitempty" maxLength:"512" doc:"Who owns it; the ref by default."`
	Opened   time.Time `json:"opened,omitzero"`
	Archived time.Time `json:"archived,omitzero"`
}

// A Transaction moves money between two accounts or more. Its postings sum to zero.
type Transaction struct {
	Origin   string    `json:"origin" maxLength:"512" doc:"The namespace of its ref, such as the name of the program."`
	Ref      string    `json:"ref" maxLength:"512" doc:"Its name. Writing it a second time changes nothing."`
	At       time.Time `json:"at"`
	Source   string    `json:"source" maxLength:"128" doc:"Which part of the economy it is, such as shop or salary."`
	Message  string    `json:"message,omitempty" maxLength:"8192"`
	Postings []Posting `json:"postings" nullable:"false" minItems:"2"`
}

// A Posting changes the balance of one account.
type Posting struct {
	Account string `json:"account" maxLength:"512"`
	Amount  int64  `json:"amount" doc:"In minor units: negative for who pays."`
}

// An Item is something that is traded. An empty name or group leaves a known one as it
// is.
type Item struct {
	Ref   string `json:"ref" maxLength:"512"`
	Name  string `json:"name,omitempty" maxLength:"1024"`
	Group string `json:"group,omitempty" maxLength:"1024"`
}

// A Sale is one line of trade. It moves no money by itself.
type Sale struct {
	Origin      string    `json:"origin" maxLength:"512"`
	Ref         string    `json:"ref" maxLength:"512" doc:"Its name. Writing it a second time changes nothing."`
	At          time.Time `json:"at"`
	Item        string    `json:"item" maxLength:"512"`
	Quantity    int64     `json:"quantity" doc:"Pieces; negative for a return."`
	Total       int64     `json:"total" doc:"Minor units, tax included; negative for a return."`
	Tax         int64     `json:"tax,omitempty"`
	Shop        string    `json:"shop,omitempty" maxLength:"512"`
	Seller      string    `json:"seller,omitempty" maxLength:"512" doc:"An account."`
	Buyer       string    `json:"buyer,omitempty" maxLength:"512" doc:"An account."`
	Direction   string    `json:"direction,omitempty" enum:"sale,purchase" doc:"Whose shop it is: sale, the default, that of the seller."`
	Transaction string    `json:"transaction,omitempty" maxLength:"512" doc:"The ref of the transaction of the same origin that paid it, which is written first."`
}

// A Shop is a place where items are offered.
type Shop struct {
	Ref    string    `json:"ref" maxLength:"512"`
	Owner  string    `json:"owner" maxLength:"512" doc:"An account."`
	Place  string    `json:"place,omitempty" maxLength:"1024"`
	World  string    `json:"world,omitempty" maxLength:"512"`
	X      *int64    `json:"x,omitempty"`
	Y      *int64    `json:"y,omitempty"`
	Z      *int64    `json:"z,omitempty"`
	Active bool      `json:"active" doc:"false: it is closed, and so are its offers that were not seen since."`
	Seen   time.Time `json:"seen"`
}

// An Offer is one item that a shop sells, buys, or both, as it was seen once.
type Offer struct {
	Shop     string    `json:"shop" maxLength:"512"`
	Ref      string    `json:"ref,omitempty" maxLength:"512" doc:"Which of the shop's offers, such as a sign; the item by default."`
	Item     string    `json:"item" maxLength:"512"`
	Ask      *int64    `json:"ask,omitempty" doc:"Minor units that a customer pays for a batch; left out, the shop does not sell."`
	Bid      *int64    `json:"bid,omitempty" doc:"Minor units that a customer gets for a batch; left out, the shop does not buy."`
	PricedIn string    `json:"priced_in,omitempty" maxLength:"512" doc:"An item: ask and bid are pieces of it, and not money."`
	Batch    int64     `json:"batch" minimum:"1"`
	Stock    *int64    `json:"stock,omitempty"`
	Capacity *int64    `json:"capacity,omitempty"`
	Active   bool      `json:"active"`
	Seen     time.Time `json:"seen"`
}

// An Event is something that people remember when they look at a chart. It replaces the
// one of the same ref; one without a title removes it.
type Event struct {
	Ref   string    `json:"ref" maxLength:"512"`
	At    time.Time `json:"at,omitzero"`
	Until time.Time `json:"until,omitzero"`
	Title string    `json:"title,omitempty" maxLength:"256"`
	Text  string    `json:"text,omitempty" maxLength:"4096"`
	Link  string    `json:"link,omitempty" maxLength:"1024"`
	Scope string    `json:"scope,omitempty" doc:"all, item: and an item, source: and a source, or kind: and a kind of account."`
}

// A Balance is what an account had at a time. What the ledger lacks of it is posted
// against the issuer sys:unobserved, by the source observed-change.
type Balance struct {
	Origin  string    `json:"origin,omitempty" maxLength:"512" doc:"That of the transactions that follow from it; in an object, that of the object by default."`
	Account string    `json:"account" maxLength:"500"`
	At      time.Time `json:"at,omitzero" doc:"In an object, that of the object by default."`
	Balance int64     `json:"balance" doc:"Minor units."`
}

// Written is what became of the records that were sent.
type Written struct {
	Records int `json:"records" doc:"How many records there were."`
	Written int `json:"written" doc:"How many were new; of accounts, items, shops, offers and events, how many were taken."`
	Known   int `json:"known" doc:"How many were known, and changed nothing."`
}

// A Problem is one thing that is wrong with what was sent.
type Problem struct {
	Location string `json:"location,omitempty" example:"transactions[3].postings" doc:"The record, by its list and number from 0, or by its line from 1; and the field."`
	Ref      string `json:"ref,omitempty" doc:"What the record calls itself."`
	Message  string `json:"message" doc:"What is wrong, and what is expected."`
}
