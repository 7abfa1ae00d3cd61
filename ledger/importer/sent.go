package importer

import (
	"strings"

	"exchequer/ledger"
)

// sent remembers which accounts and items this import has already sent to the
// ledger, so that they are not part of every batch. It forgets all of them at
// maxSent: sending one again is harmless.
type sent struct {
	accounts map[string]bool
	items    map[string]bool // true: with its name
}

const maxSent = 200_000

func newSent() *sent { return &sent{map[string]bool{}, map[string]bool{}} }

// batch returns the batch of the entries. An account is opened at the earliest time
// in the batch that names it; an item has the first name that is not empty.
func (s *sent) batch(entries []*entry) ledger.Batch {
	var b ledger.Batch
	accounts, items := map[string]int{}, map[string]int{}
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
			if named, known := s.items[item.Ref]; named || known && item.Name == "" {
				continue
			}
			i, found := items[item.Ref]
			if !found {
				items[item.Ref] = len(b.Items)
				b.Items = append(b.Items, item)
			} else if b.Items[i].Name == "" {
				b.Items[i].Name = item.Name
			}
		}
		if e.transaction != nil {
			b.Transactions = append(b.Transactions, *e.transaction)
		}
		b.Sales = append(b.Sales, e.sales...)
	}
	return b
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
			named := item.Name != ""
			if before, known := s.items[item.Ref]; !known || named && !before {
				s.items[strings.Clone(item.Ref)] = named
			}
		}
	}
}
