package dump

import (
	"slices"
	"time"
)

// SchemaVersion is that of the tables. It counts up when a column changes its meaning,
// and then every file is written again.
const SchemaVersion = 1

// A table is one of those that are published.
type table struct {
	name    string
	month   string // the column by which it is divided into months; empty: it is one file
	query   string // its rows, with the columns of its rows' type in their order
	order   string // its key, so that the same rows are the same bytes
	columns []Column
	write   writeFunc
}

// of returns the table whose rows are of type T.
func of[T any](name, month, order, query string) table {
	return table{name: name, month: month, order: order, query: query, columns: columnsOf[T](), write: writeRows[T]}
}

// The kept tables, in the order in which they are written. The whole ones are first, so
// that every number of a month that is published has a name already.
var tables = []table{
	of[account]("accounts", "", "id", `
		SELECT a.id, CASE WHEN named THEN a.ref END, a.kind, a.issuer, CASE WHEN named THEN a.name END,
			CASE WHEN named THEN a.holder END, CASE WHEN named THEN a.label END, CASE WHEN named THEN a.opened END,
			CASE WHEN named THEN a.archived END, CASE WHEN NOT hidden THEN m.target END AS into
		FROM accounts a LEFT JOIN merges m ON m.account = a.id LEFT JOIN accounts t ON t.id = m.target
		CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM holders WHERE hidden AND ref IN (a.holder, t.holder)) AS hidden) h
		CROSS JOIN LATERAL (SELECT NOT hidden AND m.account IS NULL AS named) n`),
	of[holder]("holders", "", `ref COLLATE "C"`, `SELECT ref, name, kind, link, label FROM holders WHERE NOT hidden`),
	of[item]("items", "", "id", `SELECT id, ref, name, grouping FROM items`),
	of[shop]("shops", "", "id", `SELECT id, ref, place, owner, world, x, y, z, active, seen FROM shops`),
	of[place]("places", "", `world COLLATE "C", name COLLATE "C"`, `SELECT world, name, x, z, kind FROM places`),
	of[event]("events", "", `ref COLLATE "C"`, `SELECT ref, at, until, title, text, link, scope FROM events`),
	of[transaction]("transactions", "at", "id", `SELECT id, at, origin, ref, source, message FROM transactions`),
	of[posting]("postings", "at", "account, at, transaction, seq", `SELECT account, at, transaction, seq, amount FROM postings`),
	of[sale]("sales", "at", "item, at, id", `
		SELECT item, at, id, shop, seller, buyer, direction, quantity, total, tax, transaction, origin, ref FROM sales`),
	of[offerChange]("offer_changes", "at", "item, offer, at", `
		SELECT c.item, offer, c.at, o.shop, c.ask, c.bid, c.priced_in, c.batch, c.stock, c.capacity, c.active
		FROM offer_changes c JOIN offers o ON o.id = offer`),
	of[itemHour]("item_hours", "hour", "item, hour", `
		SELECT item, hour, sales, quantity, volume, other_lines, other_quantity, other_volume, open, high, low, close FROM item_hours`),
	of[accountDay]("account_days", "day", "account, day", `SELECT account, day, received, sent, postings FROM account_days`),
	of[flowHour]("flow_hours", "hour", `hour, from_kind COLLATE "C", from_issuer, to_kind COLLATE "C", to_issuer, source COLLATE "C"`, `
		SELECT hour, from_kind, from_issuer, to_kind, to_issuer, source, transactions, volume FROM flow_hours`),
}

// dealings are the tables by which it can be seen who dealt with whom, or what one account
// did.
var dealings = []string{"transactions", "postings", "sales", "account_days"}

// leaving are the tables whose rows may be archived. The files of such months stay.
var leaving = []string{"transactions", "postings", "sales"}

// HasDealings reports whether a table has single dealings.
func HasDealings(table string) bool { return slices.Contains(dealings, table) }

type account struct {
	ID       int64      `parquet:"id,delta"`
	Ref      *string    `parquet:"ref"` // this and what follows but kind and issuer: none of hidden holders and merged accounts
	Kind     string     `parquet:"kind,dict"`
	Issuer   bool       `parquet:"issuer"`
	Name     *string    `parquet:"name"`
	Holder   *string    `parquet:"holder"`
	Label    *string    `parquet:"label"`
	Opened   *time.Time `parquet:"opened,timestamp(microsecond)"`
	Archived *time.Time `parquet:"archived,timestamp(microsecond)"`
	Into     *int64     `parquet:"into"` // as which account it is shown
}

type holder struct {
	Ref   string `parquet:"ref"`
	Name  string `parquet:"name"`
	Kind  string `parquet:"kind,dict"`
	Link  string `parquet:"link"`
	Label string `parquet:"label"`
}

type item struct {
	ID    int64  `parquet:"id,delta"`
	Ref   string `parquet:"ref"`
	Name  string `parquet:"name"`
	Group string `parquet:"group,dict"`
}

type shop struct {
	ID     int64     `parquet:"id,delta"`
	Ref    string    `parquet:"ref"`
	Place  string    `parquet:"place"`
	Owner  int64     `parquet:"owner"`
	World  string    `parquet:"world,dict"`
	X      *int64    `parquet:"x"`
	Y      *int64    `parquet:"y"`
	Z      *int64    `parquet:"z"`
	Active bool      `parquet:"active"`
	Seen   time.Time `parquet:"seen,timestamp(microsecond)"`
}

type place struct {
	World string `parquet:"world,dict"`
	Name  string `parquet:"name"`
	X     int64  `parquet:"x"`
	Z     int64  `parquet:"z"`
	Kind  string `parquet:"kind,dict"`
}

type event struct {
	Ref   string     `parquet:"ref"`
	At    time.Time  `parquet:"at,timestamp(microsecond)"`
	Until *time.Time `parquet:"until,timestamp(microsecond)"`
	Title string     `parquet:"title"`
	Text  string     `parquet:"text"`
	Link  string     `parquet:"link"`
	Scope string     `parquet:"scope"`
}

type transaction struct {
	ID      int64     `parquet:"id,delta"`
	At      time.Time `parquet:"at,timestamp(microsecond)"`
	Origin  string    `parquet:"origin,dict"`
	Ref     string    `parquet:"ref"`
	Source  string    `parquet:"source,dict"`
	Message string    `parquet:"message"`
}

type posting struct {
	Account     int64     `parquet:"account,delta"`
	At          time.Time `parquet:"at,timestamp(microsecond)"`
	Transaction int64     `parquet:"transaction"`
	Seq         int32     `parquet:"seq"`
	Amount      int64     `parquet:"amount"`
}

type sale struct {
	Item        int64     `parquet:"item,delta"`
	At          time.Time `parquet:"at,timestamp(microsecond)"`
	ID          int64     `parquet:"id"`
	Shop        *int64    `parquet:"shop"`
	Seller      *int64    `parquet:"seller"`
	Buyer       *int64    `parquet:"buyer"`
	Direction   string    `parquet:"direction,dict"`
	Quantity    int64     `parquet:"quantity"`
	Total       int64     `parquet:"total"`
	Tax         int64     `parquet:"tax"`
	Transaction *int64    `parquet:"transaction"`
	Origin      string    `parquet:"origin,dict"`
	Ref         string    `parquet:"ref"`
}

type offerChange struct {
	Item     int64     `parquet:"item,delta"`
	Offer    int64     `parquet:"offer"`
	At       time.Time `parquet:"at,timestamp(microsecond)"`
	Shop     int64     `parquet:"shop"`
	Ask      *int64    `parquet:"ask"`
	Bid      *int64    `parquet:"bid"`
	PricedIn *int64    `parquet:"priced_in"`
	Batch    int64     `parquet:"batch"`
	Stock    *int64    `parquet:"stock"`
	Capacity *int64    `parquet:"capacity"`
	Active   bool      `parquet:"active"`
}

type itemHour struct {
	Item          int64     `parquet:"item,delta"`
	Hour          time.Time `parquet:"hour,timestamp(microsecond)"`
	Sales         int64     `parquet:"sales"`
	Quantity      decimal   `parquet:"quantity,decimal(0:38)"`
	Volume        decimal   `parquet:"volume,decimal(0:38)"`
	OtherLines    int64     `parquet:"other_lines"`
	OtherQuantity decimal   `parquet:"other_quantity,decimal(0:38)"`
	OtherVolume   decimal   `parquet:"other_volume,decimal(0:38)"`
	Open          *float64  `parquet:"open"`
	High          *float64  `parquet:"high"`
	Low           *float64  `parquet:"low"`
	Close         *float64  `parquet:"close"`
}

type accountDay struct {
	Account  int64   `parquet:"account,delta"`
	Day      day     `parquet:"day,date"`
	Received decimal `parquet:"received,decimal(0:38)"`
	Sent     decimal `parquet:"sent,decimal(0:38)"`
	Postings int64   `parquet:"postings"`
}

type flowHour struct {
	Hour         time.Time `parquet:"hour,timestamp(microsecond)"`
	FromKind     string    `parquet:"from_kind,dict"`
	FromIssuer   bool      `parquet:"from_issuer"`
	ToKind       string    `parquet:"to_kind,dict"`
	ToIssuer     bool      `parquet:"to_issuer"`
	Source       string    `parquet:"source,dict"`
	Transactions int64     `parquet:"transactions"`
	Volume       decimal   `parquet:"volume,decimal(0:38)"`
}
