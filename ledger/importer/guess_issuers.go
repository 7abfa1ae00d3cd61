package importer

import (
	"slices"
	"strings"
)

// wellKnownIssuers are refs of accounts that issue money, in lower case.
var wellKnownIssuers = [...]string{
	"mint", "world", "issuer", "central bank", "[server]", "console",
	"0x0000000000000000000000000000000000000000", "00000000-0000-0000-0000-000000000000",
}

// issuers plans which accounts of two columns issue money. One that only pays may be
// one; the check says how much it pays.
func (p *plan) issuers(from, to rolePick) {
	paid := map[string]bool{}
	for _, v := range to.values {
		paid[v] = true
	}
	var known, only []string
	payers := 0
	seen := map[string]bool{}
	for _, v := range slices.Concat(from.values, to.values) {
		if seen[v] {
			continue
		}
		seen[v] = true
		if slices.Contains(wellKnownIssuers[:], strings.ToLower(v)) {
			known = append(known, v)
		}
	}
	clear(seen)
	for _, v := range from.values {
		if seen[v] {
			continue
		}
		seen[v] = true
		payers++
		if !paid[v] {
			only = append(only, v)
		}
	}
	const few = 3
	switch {
	case len(known) > 0:
		p.ledger = append(p.ledger, planLine{"issuers", tomlTexts(known[:min(len(known), few)]), p.doubt("does " + shortened(known[0]) + " issue money?")})
	case len(only) > 0 && len(only) <= few && len(only) < payers:
		p.ledger = append(p.ledger, planLine{"# issuers", tomlTexts(only), p.doubt(shortened(only[0]) + " pays and is never paid; does it issue money? then remove the #")})
	default:
		p.ledger = append(p.ledger, planLine{"# issuers", `["Mint"]`, "accounts that issue money, if there are any; --check asks for them"})
	}
}

// tree plans the issuers of a tree of accounts as plain text accounting has it: what
// comes from outside and goes there.
func (p *plan) tree(account rolePick) {
	var found []string
	for _, top := range []string{"income", "revenues", "revenue", "expenses", "equity", "Income", "Revenues", "Expenses", "Equity"} {
		if slices.ContainsFunc(account.values, func(v string) bool { return strings.HasPrefix(v, top+":") }) {
			found = append(found, top+":*")
		}
	}
	if len(found) > 0 {
		p.ledger = append(p.ledger, planLine{"issuers", tomlTexts(found), "money comes from them and goes to them; all others hold it"})
	}
}
