package importer

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// An IssuerCheck is what the first rows say about where money comes from.
type IssuerCheck struct {
	Moves   bool    // whether any money moves
	Issued  bool    // whether a system account takes part
	Supply  int64   // what all other accounts hold
	Asked   []Payer // those that may be issuers, the largest first
	Setting string  // the line of the mapping, under [ledger], if all of them are
}

// A Payer is an account that pays and receives nothing.
type Payer struct {
	Account string
	Paid    int64
}

// maxAsked is how many accounts an IssuerCheck asks about.
const maxAsked = 3

// accountSums are the sums of each account over the rows of a check.
type accountSums struct {
	accounts map[string]*accountSum
	issuers  map[string]bool
	overflow bool
}

type accountSum struct{ paid, received int64 }

func newAccountSums() *accountSums {
	return &accountSums{accounts: map[string]*accountSum{}, issuers: map[string]bool{}}
}

func (s *accountSums) add(e *entry) {
	if e.transaction == nil {
		return
	}
	for _, a := range e.accounts {
		s.issuers[a.Ref] = a.Issues()
	}
	for _, p := range e.transaction.Postings {
		a := s.accounts[p.Account]
		if a == nil {
			a = &accountSum{}
			s.accounts[p.Account] = a
		}
		sum, amount := &a.received, p.Amount
		if amount < 0 {
			sum, amount = &a.paid, -amount
		}
		if amount < 0 || *sum > math.MaxInt64-amount {
			s.overflow = true
			return
		}
		*sum += amount
	}
}

// check returns the check. An account may be an issuer if it only pays, and either
// no account issues money or it pays a good part of what the others hold.
func (s *accountSums) check(known []string) IssuerCheck {
	var check IssuerCheck
	if s.overflow {
		return check
	}
	var held float64
	for ref, a := range s.accounts {
		check.Moves = true
		if s.issuers[ref] {
			check.Issued = true
			continue
		}
		check.Supply += a.received - a.paid
		held += max(0, float64(a.received)-float64(a.paid))
		if a.received == 0 {
			check.Asked = append(check.Asked, Payer{ref, a.paid})
		}
	}
	part := 0.1
	if check.Issued { // a debtor, or a refund, is more likely
		part = 0.5
	}
	check.Asked = slices.DeleteFunc(check.Asked, func(p Payer) bool { return float64(p.Paid) < part*held })
	slices.SortFunc(check.Asked, func(a, b Payer) int {
		return cmp.Or(cmp.Compare(b.Paid, a.Paid), strings.Compare(a.Account, b.Account))
	})
	check.Asked = check.Asked[:min(len(check.Asked), maxAsked)]
	refs := slices.Clone(known)
	for _, p := range check.Asked {
		refs = append(refs, p.Account)
	}
	check.Setting = "issuers = " + tomlTexts(refs)
	return check
}
