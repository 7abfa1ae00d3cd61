package importer

import (
	"cmp"
	"slices"
	"strings"
)

// A rolePick is a column that got a role.
type rolePick struct {
	*guessColumn
	unsure string // why it may be another one
}

// pickRoles gives roles to columns: each role to the column whose header fits it best
// and whose values may be that, and each column one role.
func pickRoles(columns []*guessColumn) map[string]rolePick {
	type candidate struct {
		role  string
		c     *guessColumn
		score int
		order int
	}
	var all []candidate
	items := slices.ContainsFunc(columns, func(c *guessColumn) bool { return c.score(wordsOf("item")) > 0 })
	for order, r := range roleTable {
		if r.role == "item name" && !items {
			continue // it is the text of a payment
		}
		fitting := strings.Split(r.words, ",")
		for i, c := range columns {
			score := c.score(fitting)
			if score == 0 || c.twice || c.header == "" || !fits(r.role, c, score) {
				continue
			}
			if score += preference(r.role, c, columns); score > 0 {
				all = append(all, candidate{r.role, c, score, order*len(columns) + i})
			}
		}
	}
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.order, b.order))
	})
	picks := map[string]rolePick{}
	taken := map[*guessColumn]bool{}
	for _, a := range all {
		if _, given := picks[a.role]; given || taken[a.c] {
			continue
		}
		taken[a.c] = true
		pick := rolePick{guessColumn: a.c}
		for _, b := range all {
			if b.role == a.role && b.c != a.c && b.score == a.score {
				pick.unsure = "or " + shortened(b.c.header) + "?"
				break
			}
		}
		picks[a.role] = pick
	}
	fallBack(columns, picks, taken)
	return picks
}

// fits reports whether the values of a column may have a role.
func fits(role string, c *guessColumn, score int) bool {
	const exact = 900 // at least this if the header is the word
	number, date := c.numbers.shapes != 0, c.dates.found() || c.dates.millis
	filled := len(c.values) > 0
	switch role {
	case "date":
		return date
	case "amount", "price", "total":
		return number && filled && (score >= exact || !c.has(notAmounts[:]...))
	case "tax":
		return number
	case "debit", "credit":
		return number || !filled
	case "quantity":
		return number && c.whole()
	case "ref":
		return score >= exact && filled && c.empty == 0 && c.distinct(len(c.values)) == len(c.values)
	case "group":
		return score >= exact && filled && c.empty == 0 && c.distinct(len(c.values)) < len(c.values)
	case "source":
		return filled && c.empty == 0 && !number && !date && c.distinct(maxSources+1) <= maxSources
	case "currency", "failed", "message", "item name":
		return filled && !date
	case "item":
		return filled && c.empty == 0 && !date
	default: // accounts
		return filled && !date && (!number || c.whole())
	}
}

// maxSources is how many sources a column may have to be one: the flow of each is
// kept by hour.
const maxSources = 50

// preference settles what words alone do not.
func preference(role string, c *guessColumn, columns []*guessColumn) int {
	other := func(any ...string) bool {
		return slices.ContainsFunc(columns, func(o *guessColumn) bool { return o != c && o.is(any...) })
	}
	switch {
	case role == "from" && c.is("source") && other("destination", "target", "dest"):
		return 2000
	case role == "to" && c.is("a") && !other("da", "de"):
		return -2000 // a letter, rather than the Italian word
	case role == "quantity" && c.is("amount") && (other("money") || other("price", "unit price")):
		return 2000 // a shop's log: how many, and the money for it
	case role == "amount" && c.is("money") && other("amount"):
		return 2000
	case role == "party" && c.is("name"), role == "account" && c.is("name"):
		return -900
	}
	return 0
}

// fallBack gives the date, the amount and the two accounts to columns whose headers
// say nothing, if only one column can be it.
func fallBack(columns []*guessColumn, picks map[string]rolePick, taken map[*guessColumn]bool) {
	only := func(role string, may func(*guessColumn) bool) {
		if _, given := picks[role]; given {
			return
		}
		var found []*guessColumn
		for _, c := range columns {
			if !taken[c] && !c.twice && c.header != "" && len(c.values) > 0 && may(c) {
				found = append(found, c)
			}
		}
		if len(found) == 1 {
			picks[role] = rolePick{found[0], "by its values alone"}
			taken[found[0]] = true
		}
	}
	only("date", func(c *guessColumn) bool { return c.dates.found() })
	_, total := picks["total"]
	_, price := picks["price"]
	_, debit := picks["debit"]
	if !total && !price && !debit {
		only("amount", func(c *guessColumn) bool {
			return c.numbers.shapes != 0 && !c.has(notAmounts[:]...) && (!c.whole() || c.numbers.negative > 0 || c.numbers.symbol != "")
		})
		only("amount", func(c *guessColumn) bool { return c.numbers.shapes != 0 && !c.has(notAmounts[:]...) })
	}
	for _, role := range []string{"from", "to", "party", "account", "seller", "buyer"} {
		if _, given := picks[role]; given {
			return
		}
	}
	// Two columns that name the same accounts are who pays and who is paid.
	for i, a := range columns {
		for _, b := range columns[i+1:] {
			if !taken[a] && !taken[b] && !a.twice && !b.twice && a.text() && b.text() && overlap(a, b) > 0 {
				picks["from"], picks["to"] = rolePick{a, "who pays?"}, rolePick{b, "who is paid?"}
				taken[a], taken[b] = true, true
				return
			}
		}
	}
}

// text reports whether a column may name accounts.
func (c *guessColumn) text() bool {
	return c.header != "" && len(c.values) > 0 && c.numbers.shapes == 0 && !c.dates.found()
}

// whole reports whether all values are whole numbers, perhaps written 17850.0.
func (c *guessColumn) whole() bool {
	if c.numbers.shapes == 0 {
		return false
	}
	for _, v := range c.values {
		v = strings.TrimSuffix(strings.TrimLeft(v, "+-"), ".0")
		if digitsOrBad(v) != v || v == "" {
			return false
		}
	}
	return true
}

// distinct returns how many different values a column has, counting to limit.
func (c *guessColumn) distinct(limit int) int {
	seen := map[string]bool{}
	for _, v := range c.values {
		if seen[v] = true; len(seen) >= limit {
			break
		}
	}
	return len(seen)
}

// overlap returns how many values of b are also in a.
func overlap(a, b *guessColumn) int {
	seen := map[string]bool{}
	for _, v := range a.values {
		seen[v] = true
	}
	n := 0
	for _, v := range b.values {
		if seen[v] {
			n++
			delete(seen, v)
		}
	}
	return n
}
