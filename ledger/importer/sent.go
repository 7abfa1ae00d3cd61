package importer

import (
	"cmp"
	"strings"

	"exchequer/ledger"
)

// sent remembers which accounts and items this import has already sent to the
// ledger, so that they are not part of every batch. It forgets all of them at
// maxSent: sending one again is harmless.
type sent struct {
	accounts map[string]bool
	items    map[string]details
}

// details is what was sent of an item beside its ref.
type details struct{ name, group bool }

func detailsOf(i ledger.Item) details { return details{i.Name != "", i.Group != ""} }

func (d details) with(e details) details { return details{d.name || e.name, d.group || e.group} }

const maxSent = 200_000

func newSent() *sent { return &sent{map[string]bool{}, map[string]details{}} }

// batch returns the batch of the entries. An account is opened at the earliest time
// in the batch that names it; an item has the first name and the
// first group that are not empty.
func (s *sent) batch(entries []*entry) ledger.Batch {
	var b ledger.Batch
	accounts, items, shops, offers := map[string]int{}, map[string]int{}, map[string]int{}, map[offerSeen]int{}
	for _, e := range entries {
		for _, a := range e.accounts {
			if s.accounts[a.Ref] {
				continue
			}
			i, found := accounts[a.Ref]
			if !found {
				accounts[a.Ref] = len(b.Accounts)
				b.Accounts = append(b.Accounts, a)
			} else if a.Opened.Before(b.Accounts[i].Opened) {
				b.Accounts[i].Opened = a.Opened
			}
		}
		for _, item := range e.items {
			if before, known := s.items[item.Ref]; known && before.with(detailsOf(item)) == before {
				continue
			}
			i, found := items[item.Ref]
			if !found {
				items[item.Ref] = len(b.Items)
				b.Items = append(b.Items, item)
				continue
			}
			b.Items[i].Name = cmp.Or(b.Items[i].Name, item.Name)
			b.Items[i].Group = cmp.Or(b.Items[i].Group, item.Group)
		}
		if e.transaction != nil {
			b.Transactions = append(b.Transactions, *e.transaction)
		}
		b.Sales = append(b.Sales, e.sales...)
		b.Observations = append(b.Observations, e.observed...)
		// Of several rows of a shop, the latest one is how it is. An offer that was seen
		// several times has a history.
		for _, shop := range e.shops {
			if i, found := shops[shop.Ref]; !found || !shop.Seen.Before(b.Shops[i].Seen) {
				b.Shops = replaced(b.Shops, shop, shops, shop.Ref)
			}
		}
		for _, offer := range e.offers {
			b.Offers = replaced(b.Offers, offer, offers, offerSeen{offer.Shop, offer.Ref, offer.Item, offer.Seen.UnixMicro()})
		}
	}
	return b
}

// An offerSeen is an offer at a time.
type offerSeen struct {
	shop, ref, item string
	at              int64
}

// replaced returns the list with the record instead of the earlier one of its key.
func replaced[T any, K comparable](list []T, record T, places map[K]int, key K) []T {
	if i, found := places[key]; found {
		list[i] = record
		return list
	}
	places[key] = len(list)
	return append(list, record)
}

// remember records that the entries were written.
func (s *sent) remember(entries []*entry) {
	if len(s.accounts)+len(s.items) > maxSent {
		*s = *newSent()
	}
	for _, e := range entries {
		for _, a := range e.accounts {
			if !s.accounts[a.Ref] {
				s.accounts[strings.Clone(a.Ref)] = true // a copy, so that the row's text can be freed
			}
		}
		for _, item := range e.items {
			before, known := s.items[item.Ref]
			if after := before.with(detailsOf(item)); !known || after != before {
				s.items[strings.Clone(item.Ref)] = after
			}
		}
	}
}
