package importer

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"exchequer/ledger"
	"exchequer/ledger/importer/csvfile"
)

// A row is one line of data and its position.
type row struct {
	m      *Mapping
	source *source
	line   int
	fields []string
	oldest time.Time // an earlier time is an error
	latest time.Time // a later time is an error
}

// mapped is what one row means, before rows are grouped into transactions.
type mapped struct {
	at       time.Time // zero unless the row is part of a transaction
	moves    bool      // whether amount moves
	amount   int64     // positive, after the sign rule
	from, to string    // account refs
	accounts []ledger.Account
	sale     *ledger.Sale
	item     ledger.Item // of the sale, or of the offer
	shop     *ledger.Shop
	offer    *ledger.Offer
	observed *ledger.Observation

	negativeSkipped bool
	rounding        *big.Rat // what rounding added, nil: nothing was rounded
}

// value returns the row's value for a name of the mapping, without leading and
// trailing space.
func (r *row) value(name string) string {
	switch name {
	case nameFile:
		return r.source.base
	case nameLine:
		return strconv.Itoa(r.line)
	}
	i, found := r.source.index[name]
	if !found {
		return r.m.constants[name]
	}
	value, c := strings.TrimSpace(r.fields[i]), r.m.column(name)
	if c.dropSuffix != "" {
		value = strings.TrimSuffix(value, c.dropSuffix)
	}
	if c.match != nil {
		groups := c.match.FindStringSubmatch(value)
		if len(groups) == 0 {
			return ""
		}
		return groups[len(groups)-1]
	}
	return value
}

func (m *Mapping) column(name string) column {
	i, found := slices.BinarySearchFunc(m.columns, name, func(c column, name string) int { return strings.Compare(c.name, name) })
	if !found {
		return column{}
	}
	return m.columns[i]
}

// bad returns the error for a column's value.
func (r *row) bad(name, problem string, args ...any) *RowError {
	e := &RowError{File: r.source.Path, Line: r.line, Column: name, Header: "constant", Problem: fmt.Sprintf(problem, args...)}
	if i, found := r.source.index[name]; found {
		e.Header, e.Value = r.source.Header[i], r.fields[i]
	} else if _, constant := r.m.constants[name]; constant {
		e.Value = r.m.constants[name]
	} else {
		e.Header = "not in this file"
	}
	return e
}

// group returns the key of the row's transaction, empty if the row is a transaction
// of its own.
func (r *row) group() string {
	if r.m.payment == nil || r.m.payment.group == "" || len(r.fields) != len(r.source.Header) {
		return ""
	}
	return r.value(r.m.payment.group)
}

// counts reports whether the row meets the mapping's conditions. One that cannot be read
// does, so that it is reported.
func (r *row) counts() bool {
	if len(r.fields) != len(r.source.Header) {
		return true
	}
	return !slices.ContainsFunc(r.m.where, func(c condition) bool { return !slices.Contains(c.values, r.value(c.name)) })
}

// parse maps the row.
func (r *row) parse() (mapped, *RowError) {
	var out mapped
	if len(r.fields) != len(r.source.Header) {
		return out, &RowError{File: r.source.Path, Line: r.line,
			Problem: fmt.Sprintf("the row has %d fields, expected %d as in the header", len(r.fields), len(r.source.Header))}
	}
	for _, c := range r.m.columns {
		i, found := r.source.index[c.name]
		if !found {
			continue
		}
		switch field := r.fields[i]; {
		case len(field) > csvfile.MaxField:
			return out, r.bad(c.name, "expected at most %d bytes: is a quote not closed?", csvfile.MaxField)
		case !utf8.ValidString(field):
			return out, r.bad(c.name, `expected UTF-8: is the file's encoding "windows-1252"?`)
		case strings.IndexByte(field, 0) >= 0:
			return out, r.bad(c.name, "expected text without zero bytes: is this a CSV file?")
		}
	}
	if s := r.m.sale; s != nil && (s.onlyWith == "" || r.value(s.onlyWith) != "") {
		if err := r.sale(&out); err != nil {
			return out, err
		}
	}
	if r.m.payment != nil {
		if err := r.payment(&out); err != nil {
			return out, err
		}
	}
	return out, r.others(&out)
}

func (r *row) sale(out *mapped) *RowError {
	s := r.m.sale
	sale := ledger.Sale{Origin: r.m.Origin, Line: r.place()}
	var err *RowError
	direction, _ := s.direction.fill(r)
	if sale.Direction = ledger.Direction(direction); sale.Direction != ledger.DirectionSale && sale.Direction != ledger.DirectionPurchase {
		return r.bad(s.direction.names()[0], "expected sale or purchase")
	}
	if sale.At, err = r.time(s.at); err != nil {
		return err
	}
	quantity, err := r.number(s.quantity)
	if err != nil {
		return err
	}
	if quantity.scale != 0 || quantity.large != nil {
		return r.bad(s.quantity, "expected a whole number of pieces that fits in 64 bits")
	}
	sale.Quantity = quantity.coef
	if s.total != "" {
		sale.Total, err = r.money(out, s.total, integer(1))
	} else {
		sale.Total, err = r.money(out, s.unitPrice, quantity)
	}
	if err != nil {
		return err
	}
	if s.tax != "" && r.value(s.tax) != "" {
		if sale.Tax, err = r.money(out, s.tax, integer(1)); err != nil {
			return err
		}
	}
	var complete bool
	if sale.Item, complete = s.item.fill(r); !complete {
		return r.empty(s.item, "a sale needs an item")
	}
	out.item = ledger.Item{Ref: sale.Item}
	out.item.Name, _ = s.itemName.fill(r)
	out.item.Group, _ = s.itemGroup.fill(r)
	if sale.Seller, err = r.account(out, s.seller, sale.At); err != nil {
		return err
	}
	if sale.Buyer, err = r.account(out, s.buyer, sale.At); err != nil {
		return err
	}
	if sale.Ref, complete = s.ref.fill(r); !complete {
		return r.empty(s.ref, "a sale needs a ref")
	}
	// A template without a value names nothing, rather than what is around the value.
	if shop, complete := s.shop.fill(r); complete {
		sale.Shop = shop
	}
	if transaction, complete := s.transaction.fill(r); complete {
		sale.Transaction = transaction
	}
	out.sale = &sale
	return nil
}

func (r *row) payment(out *mapped) *RowError {
	p := r.m.payment
	var err *RowError
	if p.group != "" && r.value(p.group) == "" {
		return r.bad(p.group, "expected what the rows of a transaction have in common")
	}
	if out.at, err = r.time(p.at); err != nil {
		return err
	}
	if p.amount == saleTotal {
		out.amount = out.sale.Total
	} else if out.amount, err = r.money(out, p.amount, integer(1)); err != nil {
		return err
	}
	name := p.amount
	if name == saleTotal {
		name = or(r.m.sale.total, r.m.sale.unitPrice)
	}
	switch {
	case out.amount == 0 && p.zero == ruleError:
		return r.bad(name, "expected an amount that is not zero")
	case out.amount == 0:
		return nil
	case out.amount < 0 && p.negative == ruleError:
		return r.bad(name, "expected an amount that is not negative")
	case out.amount < 0 && p.negative == ruleSkip:
		out.amount, out.negativeSkipped = 0, true
		return nil
	}
	if p.account != nil {
		out.to, err = r.account(out, p.account, out.at)
		out.moves = err == nil
		return err
	}
	if out.from, err = r.account(out, p.from, out.at); err != nil {
		return err
	}
	if out.to, err = r.account(out, p.to, out.at); err != nil {
		return err
	}
	if out.from == out.to {
		return &RowError{File: r.source.Path, Line: r.line,
			Problem: fmt.Sprintf("from and to are the same account %s, expected two", shortened(out.from))}
	}
	if out.amount < 0 {
		out.amount = -out.amount
		if p.negative == ruleReverse {
			out.from, out.to = out.to, out.from
		}
	}
	out.moves = true
	return nil
}

// place returns the row's file and line, for messages.
func (r *row) place() string { return r.source.Path + ":" + strconv.Itoa(r.line) }

func (r *row) time(name string) (time.Time, *RowError) {
	t, err := r.m.csv.dates.parse(r.value(name))
	if err != nil {
		return t, r.bad(name, "expected %s", r.m.csv.dates.expected())
	}
	if t.Before(r.oldest) {
		return t, r.bad(name, "expected %s, %s or later; if it is right, allow it: import --oldest %s",
			r.m.csv.dates.expected(), r.oldest.Format(time.DateOnly), t.Format(time.DateOnly))
	}
	if t.After(r.latest) {
		return t, r.bad(name, "expected %s that is not in the future", r.m.csv.dates.expected())
	}
	return t, nil
}

func (r *row) number(name string) (decimal, *RowError) {
	d, err := r.m.csv.number.parse(r.value(name))
	if errors.Is(err, errTooLarge) {
		return d, r.bad(name, "expected a number of at most %d digits before its point, and after it", maxDigits)
	}
	if err != nil {
		return d, r.bad(name, "expected %s", r.m.csv.number.expected())
	}
	return d, nil
}

// shifted describes the shift of amounts for messages, empty if there is none.
func (m *Mapping) shifted() string {
	if m.shift == 0 {
		return ""
	}
	return fmt.Sprintf(" after its point is moved by ledger.shift = %d", m.shift)
}

// money returns a column's amount, times a factor, in minor units.
func (r *row) money(out *mapped, name string, factor decimal) (int64, *RowError) {
	price, err := r.number(name)
	if err != nil {
		return 0, err
	}
	price = price.shift(r.m.shift)
	decimals := r.m.Settings.Decimals
	amount, rounded, failure := product(price, factor, decimals, r.m.rounding)
	switch {
	case errors.Is(failure, errRounds):
		return 0, r.bad(name, "expected an amount with at most %d decimals%s; ledger.round says what to do with more", decimals, r.m.shifted())
	case failure != nil:
		return 0, r.bad(name, "expected an amount%s that fits in 64 bits, in units of 10^-%d", r.m.shifted(), decimals)
	}
	if rounded {
		if out.rounding == nil {
			out.rounding = new(big.Rat)
		}
		out.rounding.Add(out.rounding, difference(price, factor, amount, decimals))
	}
	return amount, nil
}

// account adds the first of the accounts that the row can fill, and returns its
// ref. Without roles it returns an empty ref.
func (r *row) account(out *mapped, roles []*account, at time.Time) (string, *RowError) {
	if len(roles) == 0 {
		return "", nil
	}
	for _, role := range roles {
		ref, complete := role.ref.fill(r)
		if !complete {
			continue
		}
		if slices.ContainsFunc(out.accounts, func(a ledger.Account) bool { return a.Ref == ref }) {
			return ref, nil
		}
		kind, _ := role.kind.fill(r)
		if r.m.issues(ref) {
			kind = string(ledger.System)
		}
		if !slices.Contains(ledger.Kinds(), ledger.Kind(kind)) {
			names := append(role.kind.names(), "")
			return "", r.bad(names[0], "expected a kind of account: %v", ledger.Kinds())
		}
		a := ledger.Account{Ref: ref, Kind: ledger.Kind(kind), Opened: at}
		switch issuer, _ := role.issuer.fill(r); issuer {
		case "":
		case "true", "false":
			issues := issuer == "true"
			a.Issuer = &issues
		default:
			return "", r.bad(role.issuer.names()[0], "expected true or false, or nothing")
		}
		if r.m.issues(ref) {
			a.Issuer = nil // a system account issues
		}
		a.Name, _ = role.name.fill(r)
		a.Holder, _ = role.holder.fill(r)
		out.accounts = append(out.accounts, a)
		return ref, nil
	}
	return "", r.empty(roles[len(roles)-1].ref, fmt.Sprintf("an account of role %q needs it", roles[len(roles)-1].role))
}

// empty returns an error for the first column of a template that is empty in the
// row.
func (r *row) empty(t template, why string) *RowError {
	for _, name := range t.names() {
		if r.value(name) == "" {
			return r.bad(name, "expected a value: %s", why)
		}
	}
	return &RowError{File: r.source.Path, Line: r.line, Problem: why}
}
