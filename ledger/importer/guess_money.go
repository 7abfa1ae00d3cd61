package importer

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"exchequer/ledger"
)

// money plans who pays whom.
func (p *plan) money(sale bool, amount string) {
	p.transaction = append(p.transaction, planLine{"at", `"date"`, ""})
	var from, to string
	r := p.roles
	switch {
	case p.has("from") && p.has("to"):
		from, to = p.twoSides(r["from"], r["to"])
	case p.has("buyer") && p.has("seller"):
		from, to = p.sides("buyer", r["buyer"], "seller", r["seller"], ledger.Personal, "")
	case p.has("buyer"):
		p.fixed("shop", "the data has one side only; what the shop invoices moves to the customer")
		from, to = `"shop"`, p.side("buyer", r["buyer"], "buyer/", ledger.Personal, "")
	case p.has("seller"):
		p.fixed("buyers", "the data does not say who buys")
		from, to = `"buyers"`, p.side("seller", r["seller"], "seller/", ledger.Personal, "")
	case p.has("account") && p.has("party"):
		from, to = p.sides("party", r["party"], "account", r["account"], ledger.Personal, "an amount is as the account sees it: below zero it pays")
	case p.has("account") && p.has("to"):
		from, to = p.sides("account", r["account"], "payee", r["to"], ledger.Personal, "")
		from, to = p.asSeen(from, to)
	case p.has("account") && p.has("from"):
		from, to = p.sides("payer", r["from"], "account", r["account"], ledger.Personal, "")
	case p.has("account") && p.grouped("the rows of a transaction"):
		p.fixed("between", "each row is one leg; the legs of a transaction sum to zero, so nothing stays here")
		from, to = `"between"`, p.side("account", r["account"], "", ledger.Personal, "")
		p.tree(r["account"])
	case p.has("account"):
		p.fixed("outside", "the data does not say where money comes from and goes to")
		from, to = `"outside"`, p.side("account", r["account"], "account/", ledger.Personal, "")
	case p.has("party"), p.has("to"):
		party, found := r["to"]
		if !found {
			party = r["party"]
		}
		p.fixed("us", "whose file this is; its means are not in the data")
		from, to = p.asSeen(`"us"`, p.side("party", party, "party/", ledger.Personal, ""))
	case p.has("from"):
		p.fixed("us", "whose file this is")
		from, to = p.side("party", r["from"], "party/", ledger.Personal, ""), `"us"`
	default:
		p.lack("payer", "the column with who pays")
		p.lack("payee", "the column with who is paid")
		p.account("payer", `"{payer}"`, ledger.Personal, "")
		p.account("payee", `"{payee}"`, ledger.Personal, "")
		from, to = `"payer"`, `"payee"`
	}
	p.transaction = append(p.transaction, planLine{"from", from, ""}, planLine{"to", to, ""}, planLine{"amount", tomlText(amount), ""})
	if sale {
		p.parties(from, to)
		p.saleGroup()
	}
	p.signs()
}

// twoSides plans a column of payers and one of payees. If they name the same accounts,
// refs are as written. If one or a few pay very many who never pay, those few bring
// the money in.
func (p *plan) twoSides(from, to rolePick) (string, string) {
	payers, payees := from.distinct(math.MaxInt), to.distinct(math.MaxInt)
	if overlap(from.guessColumn, to.guessColumn) == 0 && payers*3 <= payees {
		note := p.doubt("those in " + shortened(from.header) + " pay and are never paid, so money comes from them; if they are accounts like others: personal")
		return p.side("payer", from, "payer/", ledger.System, note), p.side("payee", to, "payee/", ledger.Personal, "or business, government")
	}
	p.issuers(from, to)
	return p.sides("payer", from, "payee", to, ledger.Personal, "")
}

// sides plans two columns that name accounts of one kind.
func (p *plan) sides(a string, from rolePick, b string, to rolePick, kind ledger.Kind, note string) (string, string) {
	same := 0
	for _, row := range p.s.rows {
		x, y := strings.TrimSpace(row[p.index(from)]), strings.TrimSpace(row[p.index(to)])
		if x == y && x != "" {
			same++
		}
	}
	if same > 0 {
		p.doubt(fmt.Sprintf("%d of %d rows pay from an account to itself; such a row is an error (--skip-invalid leaves it out)", same, len(p.s.rows)))
	}
	first, second := "", ""
	if x, y := from.numbers.shapes != 0, to.numbers.shapes != 0; x && !y {
		first = a + "/" // numbers are no names beside names
	} else if y && !x {
		second = b + "/"
	}
	return p.side(a, from, first, kind, note), p.side(b, to, second, kind, "or business, government, system")
}

func (p *plan) index(pick rolePick) int { return slices.Index(p.all, pick.guessColumn) }

// side plans one column that names accounts, and returns its role, as TOML. Rows in
// which it is empty get an account of their own.
func (p *plan) side(role string, pick rolePick, prefix string, kind ledger.Kind, note string) string {
	p.column(role, pick)
	p.account(role, tomlText(prefix+"{"+role+"}"), kind, note)
	if prefix != "" {
		last := len(p.accounts) - 1
		p.accounts[last] = append(p.accounts[last], planLine{"name", tomlText("{" + role + "}"), ""})
	}
	if pick.empty == 0 {
		return tomlText(role)
	}
	unknown, pool := "no_"+role, ledger.System
	if p.oneSided { // else no money would come in at all
		pool = ledger.Business
	}
	p.account(unknown, tomlText(strings.ReplaceAll(unknown, "_", " ")), pool,
		p.doubt(fmt.Sprintf("%s is empty in %d of %d rows; who is that?", shortened(pick.header), pick.empty, len(p.s.rows))))
	return tomlTexts([]string{role, unknown})
}

// fixed plans a system account that no column names.
func (p *plan) fixed(role, note string) {
	p.oneSided = true
	p.account(role, tomlText(role), ledger.System, note)
}

func (p *plan) account(role, ref string, kind ledger.Kind, note string) {
	p.accounts = append(p.accounts, []planLine{{"role", tomlText(role), ""}, {"ref", ref, ""}, {"kind", tomlText(string(kind)), note}})
}

// asSeen returns the two sides for amounts as the one who pays sees them: if most are
// below zero, a minus means that it pays.
func (p *plan) asSeen(from, to string) (string, string) {
	if n := p.roles["amount"].guessColumn; n != nil && n.numbers.negative > n.numbers.positive {
		return to, from
	}
	return from, to
}

// grouped plans that rows with the same value of the group column are one transaction,
// if they stand together.
func (p *plan) grouped(what string) bool {
	group, found := p.roles["group"]
	if !found {
		return false
	}
	gap, last := 0, map[string]int{}
	for i, row := range p.s.rows {
		key := strings.TrimSpace(row[p.index(group)])
		if before, seen := last[key]; seen {
			gap = max(gap, i-before-1)
		}
		last[key] = i
	}
	if gap > maxGroupGap {
		p.doubt(shortened(group.header) + " comes back after many other rows, so it does not group them")
		return false
	}
	p.column("group", group)
	p.transaction = append(p.transaction, planLine{"ref", `"{group}"`, ""}, planLine{"group", `"group"`, what + " have the same"})
	if !p.s.whole {
		gap = max(gap, 10)
	}
	if gap > 0 {
		p.transaction = append(p.transaction, planLine{"group_gap", fmt.Sprint(min(2*gap, maxGroupGap)), "rows of others that may stand between"})
	}
	return true
}

// saleGroup plans invoices.
func (p *plan) saleGroup() {
	if p.grouped("the lines of an invoice") {
		p.sale = append(p.sale, planLine{"ref", `"{group}:{@line}"`, ""})
	}
}

// parties plans the seller and the buyer of a sale.
func (p *plan) parties(from, to string) {
	seller, buyer := to, from
	if from == `"shop"` { // an invoice moves its sum to the customer
		seller, buyer = from, to
	}
	p.sale = append(p.sale, planLine{"seller", seller, ""}, planLine{"buyer", buyer, ""})
}

// signs plans what a minus means.
func (p *plan) signs() {
	amount, found := p.roles["amount"]
	if !found || amount.numbers.negative == 0 {
		return
	}
	n := amount.numbers
	if p.has("from") && p.has("to") && (n.positive == 0 || p.signByType(amount)) {
		p.transaction = append(p.transaction, planLine{"negative", `"absolute"`,
			p.doubt("the sign seems to say nothing beside who pays whom; if a minus turns it round: reverse")})
		return
	}
	p.transaction = append(p.transaction, planLine{"negative", `"reverse"`, "below zero, to pays from"})
}

// signByType reports whether the sign follows from the source: each has amounts below
// zero or above it, not both.
func (p *plan) signByType(amount rolePick) bool {
	source, found := p.roles["source"]
	if !found {
		return false
	}
	signs := map[string]bool{}
	for _, row := range p.s.rows {
		below := strings.ContainsAny(row[p.index(amount)], "-(")
		kind := row[p.index(source)]
		if before, seen := signs[kind]; seen && before != below {
			return false
		}
		signs[kind] = below
	}
	return true
}
