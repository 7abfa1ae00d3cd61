package importer

import (
	"fmt"
	"slices"
	"strings"
)

// A plan is the mapping that is being drafted: its tables, line by line.
type plan struct {
	s       *sample
	all     []*guessColumn
	roles   map[string]rolePick
	used    []*guessColumn
	numbers []*guessColumn // the columns of numbers that the mapping names

	ledger, csv, columns, constants, transaction, sale []planLine
	accounts                                           [][]planLine

	oneSided bool // one side of every payment is the same system account

	unsure, missing []string
}

// A planLine is a key with its value as TOML and a comment.
type planLine struct {
	key, value, note string
}

const fillIn = `"?"`

func newPlan(s *sample, columns []*guessColumn) *plan {
	return &plan{s: s, all: columns, roles: pickRoles(columns)}
}

// make decides what the rows are. Its order is that of what follows from what.
func (p *plan) make() {
	p.rename()
	sale := p.makeSale()
	amount := "amount"
	if sale {
		amount = "@total"
	}
	p.date()
	if !sale {
		p.amount()
	}
	p.money(sale, amount)
	p.texts(sale)
	p.format()
}

// rename gives the roles of a shop's columns to the two sides of a payment, where no
// goods are sold, and the sum of a row to its amount.
func (p *plan) rename() {
	move := func(from, to string) {
		pick, found := p.roles[from]
		if _, given := p.roles[to]; found && !given {
			p.roles[to] = pick
			delete(p.roles, from)
		}
	}
	if !p.has("item") {
		if p.has("buyer") && p.has("seller") || p.has("buyer") && p.has("to") {
			move("buyer", "from")
		}
		move("seller", "to")
		move("total", "amount")
		move("price", "amount")
		return
	}
	move("from", "buyer")
	move("to", "seller")
	if !p.has("price") {
		move("amount", "total")
	}
}

func (p *plan) has(role string) bool { _, found := p.roles[role]; return found }

// column names a column in the mapping, once.
func (p *plan) column(name string, pick rolePick, notes ...string) {
	p.used = append(p.used, pick.guessColumn)
	value := tomlText(pick.header)
	if pick.numbers.shapes != 0 && allSuffixed(pick.values, ".0") {
		value = fmt.Sprintf("{ header = %s, drop_suffix = %q }", value, ".0")
	}
	note := strings.Join(slices.DeleteFunc(notes, func(n string) bool { return n == "" }), "; ")
	if pick.unsure != "" {
		note = p.doubt(name + " " + pick.unsure)
	}
	p.columns = append(p.columns, planLine{name, value, note})
}

func (p *plan) number(name string, pick rolePick, notes ...string) {
	p.numbers = append(p.numbers, pick.guessColumn)
	p.used = append(p.used, pick.guessColumn)
	note := strings.Join(notes, "; ")
	if pick.unsure != "" {
		note = p.doubt(name + " " + pick.unsure)
	}
	p.columns = append(p.columns, planLine{name, tomlText(pick.header), note})
}

// doubt records something that a person should look at, and returns it as a comment.
func (p *plan) doubt(what string) string {
	p.unsure = append(p.unsure, what)
	return "unsure: " + what
}

// lack adds a column that a person has to fill in.
func (p *plan) lack(name, what string) {
	p.missing = append(p.missing, "columns."+name+": "+what)
	p.columns = append(p.columns, planLine{name, fillIn, "fill in: " + what})
}

func (p *plan) date() {
	pick, found := p.roles["date"]
	switch {
	case !found && len(p.like("date")) > 0:
		c := p.like("date")[0]
		p.lack("date", fmt.Sprintf("the column with the date; the dates of %s, such as %s, are in no format that csv.dates has",
			shortened(c.header), example(c)))
	case !found:
		p.lack("date", "the column with the date")
	case pick.dates.millis:
		p.lack("date", "the column with the date; "+shortened(pick.header)+" counts milliseconds: divide it by 1000 first, for seconds")
	default:
		p.column("date", pick, p.gaps(pick))
	}
}

// like returns the columns whose headers fit a role, whatever their values are.
func (p *plan) like(role string) []*guessColumn {
	return slices.DeleteFunc(slices.Clone(p.all), func(c *guessColumn) bool { return c.score(wordsOf(role)) == 0 })
}

func example(c *guessColumn) string {
	if len(c.values) == 0 {
		return "none"
	}
	return shortened(c.values[0])
}

// gaps returns a comment if a column is sometimes empty.
func (p *plan) gaps(pick rolePick) string {
	if pick.empty == 0 {
		return ""
	}
	return p.doubt(fmt.Sprintf("%s is empty in %d of %d rows, which cannot be imported", shortened(pick.header), pick.empty, len(p.s.rows)))
}

func (p *plan) amount() {
	pick, found := p.roles["amount"]
	switch {
	case found:
		p.number("amount", pick, p.gaps(pick))
	case p.has("debit") && p.has("credit"):
		p.lack("amount", fmt.Sprintf("the column with the amount; it is in two, %s and %s: make one column of them, with a minus for what is paid",
			shortened(p.roles["debit"].header), shortened(p.roles["credit"].header)))
	case len(p.like("amount")) > 0:
		c := p.like("amount")[0]
		p.lack("amount", fmt.Sprintf("the column with the amount; %s has values such as %s, which are not numbers of one currency",
			shortened(c.header), strange(c)))
	default:
		p.lack("amount", "the column with the amount")
	}
}

// strange returns the first value of a column that is no number.
func strange(c *guessColumn) string {
	for _, v := range c.values {
		if readNumbers([]string{v}).shapes == 0 {
			return shortened(v)
		}
	}
	return example(c)
}

// makeSale plans the lines of trade, if the columns have them.
func (p *plan) makeSale() bool {
	item, found := p.roles["item"]
	if !found || !p.has("price") && !p.has("total") {
		return false
	}
	p.column("item", item)
	p.sale = append(p.sale, planLine{"item", `"{item}"`, ""})
	if name, found := p.roles["item name"]; found {
		p.column("item_name", name)
		p.sale = append(p.sale, planLine{"item_name", `"{item_name}"`, ""})
	}
	if quantity, found := p.roles["quantity"]; found {
		p.number("quantity", quantity, p.gaps(quantity))
	} else {
		p.constants = append(p.constants, planLine{"quantity", `"1"`, p.doubt("no column says how many pieces a row is; each counts as one")})
	}
	p.sale = append(p.sale, planLine{"quantity", `"quantity"`, ""})
	if total, found := p.roles["total"]; found {
		p.number("total", total, p.gaps(total))
		p.sale = append(p.sale, planLine{"total", `"total"`, "for all pieces together"})
	} else {
		price := p.roles["price"]
		p.number("price", price, p.gaps(price))
		p.sale = append(p.sale, planLine{"unit_price", `"price"`, "of one piece"})
	}
	if tax, found := p.roles["tax"]; found {
		p.number("tax", tax)
		p.sale = append(p.sale, planLine{"tax", `"tax"`, "part of the total"})
	}
	return true
}

// texts plans the ref, the source and the message of a transaction.
func (p *plan) texts(sale bool) {
	ref, hasRef := p.roles["ref"]
	switch {
	case p.transactionHas("group"):
	case hasRef:
		p.column("ref", ref, "different in each row, so a file can be renamed")
		p.transaction = append(p.transaction, planLine{"ref", `"{ref}"`, ""})
		if sale {
			p.sale = append(p.sale, planLine{"ref", `"{ref}"`, ""})
		}
	default:
		p.transaction = append(p.transaction, planLine{"# ref", `"{@file}:{@line}"`, "rows are known by file and line; a column of numbers that never repeat is better"})
	}
	if source, found := p.roles["source"]; found {
		p.column("source", source)
		p.transaction = append(p.transaction, planLine{"source", `"{source}"`, "which part of the economy it is"})
	} else {
		p.transaction = append(p.transaction, planLine{"source", `"payment"`, "which part of the economy it is: one for all rows"})
	}
	if message, found := p.roles["message"]; found {
		p.column("message", message)
		p.transaction = append(p.transaction, planLine{"message", `"{message}"`, ""})
	}
}

func (p *plan) transactionHas(key string) bool {
	return slices.ContainsFunc(p.transaction, func(l planLine) bool { return l.key == key })
}

func allSuffixed(values []string, suffix string) bool {
	return len(values) > 0 && !slices.ContainsFunc(values, func(v string) bool { return !strings.HasSuffix(v, suffix) })
}
