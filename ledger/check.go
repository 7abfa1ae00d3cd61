package ledger

import (
	"fmt"
	"math"
	"math/bits"
	"strings"
	"time"
	"unicode/utf8"
)

// The longest texts, in bytes. A text that is part of an index must fit in a
// third of a Postgres page. The others are bounded so that a wrong column in a
// mapping is noticed.
const (
	maxRef     = 512
	maxSource  = 128
	maxName    = 1024
	maxMessage = 8192
)

// clockSkew is how far a time in a batch may be ahead of the local clock.
const clockSkew = 5 * time.Second

// check returns what is wrong with a batch by itself. Whether the ledger has what
// it names is checked later.
func check(b Batch, now time.Time) *problems {
	c := checker{problems: &problems{}, oldest: b.Oldest, latest: now.Add(clockSkew)}
	if c.oldest.IsZero() {
		c.oldest = DefaultOldest()
	}
	c.accounts(b.Accounts)
	c.items(b.Items)
	c.shops(b.Shops)
	c.offers(b.Offers)
	c.holders(b)
	c.events(b.Events)
	c.places(b.Places)
	c.transactions(b.Transactions)
	c.observations(b.Observations)
	c.sales(b.Sales)
	return c.problems
}

type checker struct {
	*problems
	oldest, latest time.Time
}

func (c checker) accounts(accounts []Account) {
	seen := make(map[string]bool, len(accounts))
	for _, a := range accounts {
		report := reporter(c.problems, "account", a.Line, a.Ref)
		report("ref", required(a.Ref, maxRef))
		report("name", optional(a.Name, maxName))
		report("holder", optional(a.Holder, maxRef))
		if kindIndex(a.Kind) < 0 {
			report("kind", quote(string(a.Kind))+" is none of personal, business, government, system")
		}
		if !a.Opened.IsZero() {
			report("opened", c.time(a.Opened))
		}
		if !a.Archived.IsZero() {
			report("archived", c.time(a.Archived))
		}
		report("ref", repeated(seen, a.Ref))
	}
}

func (c checker) items(items []Item) {
	seen := make(map[string]bool, len(items))
	for _, i := range items {
		report := reporter(c.problems, "item", i.Line, i.Ref)
		report("ref", required(i.Ref, maxRef))
		report("name", optional(i.Name, maxName))
		report("group", optional(i.Group, maxName))
		report("ref", repeated(seen, i.Ref))
	}
}

func (c checker) shops(shops []Shop) {
	seen := make(map[string]bool, len(shops))
	for _, s := range shops {
		report := reporter(c.problems, "shop", s.Line, s.Ref)
		report("ref", required(s.Ref, maxRef))
		report("place", optional(s.Place, maxName))
		report("owner", required(s.Owner, maxRef))
		report("world", optional(s.World, maxRef))
		report("x, y and z", coordinates(s.X, s.Y, s.Z))
		report("seen", c.time(s.Seen))
		report("ref", repeated(seen, s.Ref))
	}
}

// name identifies a transaction or a sale.
type name struct{ ref, origin string }

func (c checker) transactions(transactions []Transaction) {
	seen := make(map[name]bool, len(transactions))
	for i := range transactions {
		t := &transactions[i]
		report := reporter(c.problems, "transaction", t.Line, t.Ref)
		report("origin", required(t.Origin, maxRef))
		report("ref", required(t.Ref, maxRef))
		report("source", required(t.Source, maxSource))
		report("message", optional(t.Message, maxMessage))
		report("time", c.time(t.At))
		report("postings", postings(t.Postings))
		report("ref", repeated(seen, name{t.Ref, t.Origin}))
	}
}

// postings returns what is wrong with the legs of a transaction, empty if
// nothing. What is paid and what is received must each fit in an int64, so that
// no later sum over the transaction overflows.
func postings(legs []Posting) string {
	if len(legs) < 2 {
		return fmt.Sprintf("%d, want two or more", len(legs))
	}
	if len(legs) > math.MaxInt32 {
		return fmt.Sprintf("%d are too many", len(legs))
	}
	var paid, received, carry, over uint64
	for _, leg := range legs {
		if text := required(leg.Account, maxRef); text != "" {
			return "account " + text
		}
		switch {
		case leg.Amount == 0:
			return "account " + quote(leg.Account) + " has an amount of zero"
		case leg.Amount > 0:
			received, carry = bits.Add64(received, uint64(leg.Amount), 0)
		default:
			paid, carry = bits.Add64(paid, -uint64(leg.Amount), 0)
		}
		over |= carry
	}
	if over != 0 || paid > math.MaxInt64 || received > math.MaxInt64 {
		return "amounts add up to more than an int64 holds"
	}
	if sum := int64(received) - int64(paid); sum != 0 {
		return fmt.Sprintf("sum to %d, not to zero", sum)
	}
	return ""
}

func (c checker) sales(sales []Sale) {
	seen := make(map[name]bool, len(sales))
	for i := range sales {
		s := &sales[i]
		report := reporter(c.problems, "sale", s.Line, s.Ref)
		report("origin", required(s.Origin, maxRef))
		report("ref", required(s.Ref, maxRef))
		report("time", c.time(s.At))
		report("item", required(s.Item, maxRef))
		report("shop", optional(s.Shop, maxRef))
		report("seller", optional(s.Seller, maxRef))
		report("buyer", optional(s.Buyer, maxRef))
		report("transaction", optional(s.Transaction, maxRef))
		if s.Direction != DirectionSale && s.Direction != DirectionPurchase {
			report("direction", quote(string(s.Direction))+" is neither sale nor purchase")
		}
		report("ref", repeated(seen, name{s.Ref, s.Origin}))
	}
}

// time returns what is wrong with a time, empty if nothing.
func (c checker) time(t time.Time) string {
	switch {
	case t.IsZero():
		return "is missing"
	case t.UTC().Year() < 1:
		return "is before the year 1"
	case t.Before(c.oldest):
		return fmt.Sprintf("%s is before %s; if it is right, allow it: import --oldest %s",
			t.UTC().Format(time.RFC3339), c.oldest.UTC().Format(time.DateOnly), t.UTC().Format(time.DateOnly))
	case t.After(c.latest):
		return t.UTC().Format(time.RFC3339) + " is in the future"
	}
	return ""
}

// reporter returns a function that adds a problem with one field, unless its
// text is empty.
func reporter(p *problems, what, line, ref string) func(field, text string) {
	return func(field, text string) {
		if text != "" {
			p.addField(what, line, ref, field, "%s %s", field, text)
		}
	}
}

func required(s string, limit int) string {
	if s == "" {
		return "is empty"
	}
	return optional(s, limit)
}

func optional(s string, limit int) string {
	switch {
	case len(s) > limit:
		return fmt.Sprintf("is longer than %d bytes: %s", limit, quote(s))
	case !utf8.ValidString(s):
		return "is not valid UTF-8: " + quote(s)
	case strings.IndexByte(s, 0) >= 0:
		return "has a NUL character: " + quote(s)
	}
	return ""
}

func repeated[K comparable](seen map[K]bool, key K) string {
	if seen[key] {
		return "occurs twice in the batch"
	}
	seen[key] = true
	return ""
}
