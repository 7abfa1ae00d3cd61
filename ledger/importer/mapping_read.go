package importer

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"exchequer/ledger"
	"exchequer/ledger/importer/csvfile"
)

// A mappingReader builds a Mapping and collects all errors.
type mappingReader struct {
	m    *Mapping
	errs []error
}

func (r *mappingReader) failf(format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf(format, args...))
}

// Mapping checks the file. It returns all errors together.
func (f *File) Mapping() (*Mapping, error) {
	r := &mappingReader{m: &Mapping{
		Origin:    f.Origin,
		Settings:  ledger.Settings{Name: f.Ledger.Name, Symbol: f.Ledger.Symbol, Timezone: f.Ledger.Timezone},
		constants: f.Constants,
		accounts:  map[string]*account{},
	}}
	if f.Origin == "" {
		r.failf("origin is missing: the name under which this data's refs are kept")
	}
	if f.Ledger.Name == "" {
		r.failf("ledger.name is missing")
	}
	if f.Ledger.Decimals == nil {
		r.failf("ledger.decimals is missing: the digits of the smallest unit, 0 to 9")
	} else if d := *f.Ledger.Decimals; d < 0 || d > 9 {
		r.failf("ledger.decimals is %d, want 0 to 9", d)
	} else {
		r.m.Settings.Decimals = d
	}
	for _, issuer := range f.Ledger.Issuers {
		if issuer == "" {
			r.failf("ledger.issuers has an empty ref")
		}
	}
	r.m.issuers = f.Ledger.Issuers
	if f.Ledger.Round == "error" { // as it was called once
		f.Ledger.Round = string(roundExact)
	}
	r.m.rounding = oneOf(r, "ledger.round", f.Ledger.Round, roundExact, roundHalfEven, roundHalfUp, roundDown)
	if r.m.shift = f.Ledger.Shift; r.m.shift < -maxDigits || r.m.shift > maxDigits {
		r.failf("ledger.shift is %d, want -%d to %d", r.m.shift, maxDigits, maxDigits)
	}
	r.csv(f)
	r.columns(f)
	r.where(f)
	r.accounts(f)
	if f.Transaction == nil && f.Sale == nil && f.Account == nil && f.Shop == nil && f.Balance == nil {
		r.failf("there is neither [transaction] nor [sale], nor [account], [shop] or [balance]: rows would make nothing")
	}
	if f.Sale != nil {
		r.sale(f.Sale, f.Transaction)
	}
	if f.Transaction != nil {
		r.payment(f.Transaction)
	}
	if f.Account != nil {
		r.m.known = &known{account: r.roles("account.role", f.Account.Role, true), archived: f.Account.Archived}
		r.column("account.archived", f.Account.Archived, false)
	}
	if f.Shop != nil {
		r.shop(f.Shop)
	}
	if f.Balance != nil {
		r.m.balance = &balance{account: r.roles("balance.account", f.Balance.Account, true), amount: f.Balance.Amount, at: f.Balance.At}
		r.column("balance.amount", f.Balance.Amount, true)
		r.column("balance.at", f.Balance.At, false)
	}
	return r.m, errors.Join(r.errs...)
}

func (r *mappingReader) csv(f *File) {
	c := &r.m.csv
	c.Delimiter = r.character("csv.delimiter", f.CSV.Delimiter, ',')
	decimal := r.character("csv.decimal", f.CSV.Decimal, '.')
	c.number = numberFormat{decimal: byte(decimal), symbol: f.Ledger.Symbol}
	if decimal != '.' && decimal != ',' {
		r.failf(`csv.decimal is %q, want "." or ","`, f.CSV.Decimal)
	}
	if t := f.CSV.Thousands; t != "" {
		if len(t) != 1 || t[0] == byte(decimal) || !strings.Contains(",. '_", t) {
			r.failf(`csv.thousands is %q, want one of "," "." " " "'" "_", and not the decimal separator`, t)
		} else {
			c.number.thousands = t[0]
		}
	}
	c.Encoding = oneOf(r, "csv.encoding", f.CSV.Encoding, "utf-8", csvfile.Windows1252)
	zone := r.zone("ledger.timezone", f.Ledger.Timezone, time.UTC)
	zone = r.zone("csv.time_zone", f.CSV.TimeZone, zone)
	formats := f.CSV.Dates
	if len(formats) == 0 {
		formats = []string{"YYYY-MM-DD"}
	}
	dates, err := newDateFormats(formats, zone)
	if err != nil {
		r.failf("csv.dates: %w", err)
	}
	c.dates = dates
	if date := f.CSV.Oldest; date != "" {
		if r.m.Oldest, err = ledger.ParseOldest(date); err != nil {
			r.failf("csv.oldest: %w", err)
		}
	}
}

func (r *mappingReader) zone(key, name string, preset *time.Location) *time.Location {
	if name == "" {
		return preset
	}
	zone, err := ledger.LoadZone(name)
	if err != nil {
		r.failf("%s: %w", key, err)
		return preset
	}
	return zone
}

func (r *mappingReader) character(key, value string, preset rune) rune {
	runes := []rune(value)
	switch {
	case value == "":
		return preset
	case len(runes) != 1 || runes[0] == '"' || runes[0] == '\n' || runes[0] == '\r':
		r.failf("%s is %q, want one character", key, value)
		return preset
	}
	return runes[0]
}

func (r *mappingReader) columns(f *File) {
	for name, value := range f.Columns {
		c := column{name: name}
		if !validName(name) {
			r.failf("columns.%s: a name has letters, digits and _", name)
		}
		if _, twice := f.Constants[name]; twice {
			r.failf("%s is a column and a constant", name)
		}
		if table, ok := value.(map[string]any); ok {
			value = table["header"]
			for key, v := range table {
				var ok bool
				switch key {
				case "header":
					ok = true
				case "optional":
					c.optional, ok = v.(bool)
				case "drop_suffix":
					c.dropSuffix, ok = v.(string)
				case "match":
					c.match, ok = r.pattern("columns."+name+".match", v), true
				default:
					r.failf("columns.%s: unknown key %q, want header, optional, drop_suffix, match", name, key)
					continue
				}
				if !ok {
					r.failf("columns.%s.%s is %v: optional is true or false, drop_suffix a text", name, key, v)
				}
			}
		}
		headers, ok := texts(value)
		if !ok {
			r.failf("columns.%s: want a header, a list of headers, or { header = …, optional = true }", name)
			continue
		}
		c.headers = headers
		r.m.columns = append(r.m.columns, c)
	}
	slices.SortFunc(r.m.columns, func(a, b column) int { return strings.Compare(a.name, b.name) })
	for name := range f.Constants {
		if !validName(name) {
			r.failf("constants.%s: a name has letters, digits and _", name)
		}
	}
}

// pattern returns a regular expression with at most one group.
func (r *mappingReader) pattern(key string, value any) *regexp.Regexp {
	text, _ := value.(string)
	re, err := regexp.Compile(text)
	switch {
	case err != nil:
		r.failf("%s: %w", key, err)
	case text == "":
		r.failf("%s is %v, want a regular expression", key, value)
	case re.NumSubexp() > 1:
		r.failf("%s has %d groups, want one at most; (?:…) is none", key, re.NumSubexp())
	}
	return re
}

func (r *mappingReader) where(f *File) {
	for _, name := range slices.Sorted(maps.Keys(f.Where)) {
		r.column("where", name, true)
		values, ok := texts(f.Where[name])
		if !ok {
			r.failf("where.%s is %v, want a text, or a list of texts", name, f.Where[name])
		}
		r.m.where = append(r.m.where, condition{name, values})
	}
}

func (r *mappingReader) accounts(f *File) {
	for i, a := range f.Accounts {
		key := fmt.Sprintf("accounts %d", i+1)
		if a.Role == "" || r.m.accounts[a.Role] != nil {
			r.failf("%s: role %q is empty or taken", key, a.Role)
			continue
		}
		key = fmt.Sprintf("account role %q", a.Role)
		if a.Ref == "" || a.Kind == "" {
			r.failf("%s: ref and kind are needed", key)
		}
		out := &account{
			role:   a.Role,
			ref:    r.template(key+": ref", a.Ref),
			kind:   r.template(key+": kind", a.Kind),
			issuer: r.issuer(key+": issuer", a.Issuer),
			name:   r.template(key+": name", a.Name),
			holder: r.template(key+": holder", a.Holder),
		}
		if a.Kind != "" && out.kind.fixed() && !slices.Contains(ledger.Kinds(), ledger.Kind(a.Kind)) {
			r.failf("%s: kind is %q, want one of %v", key, a.Kind, ledger.Kinds())
		}
		r.m.accounts[a.Role] = out
	}
}

// issuer returns the template of true, false or a text with names of columns.
func (r *mappingReader) issuer(key string, value any) template {
	switch v := value.(type) {
	case nil:
		return template{}
	case bool:
		return r.template(key, strconv.FormatBool(v))
	case string:
		if t := r.template(key, v); !t.fixed() {
			return t
		}
	}
	r.failf(`%s is %v, want true, false, or a column such as "{issuer}"`, key, value)
	return template{}
}

func (r *mappingReader) payment(f *transactionFile) {
	p := &payment{
		ref:      r.template("transaction.ref", or(f.Ref, "{@file}:{@line}")),
		group:    f.Group,
		gap:      f.GroupGap,
		at:       f.At,
		from:     r.roles("transaction.from", f.From, f.Account == nil),
		to:       r.roles("transaction.to", f.To, f.Account == nil),
		account:  r.roles("transaction.account", f.Account, false),
		amount:   f.Amount,
		negative: oneOf(r, "transaction.negative", f.Negative, ruleReverse, ruleAbsolute, ruleError, ruleSkip),
		zero:     oneOf(r, "transaction.zero", f.Zero, ruleSkip, ruleError),
		source:   r.template("transaction.source", f.Source),
		message:  r.template("transaction.message", f.Message),
	}
	r.column("transaction.at", f.At, true)
	r.column("transaction.group", f.Group, false)
	if f.Source == "" {
		r.failf(`transaction.source is missing: which part of the economy this is, such as "payment"`)
	}
	if f.Amount != saleTotal {
		r.column("transaction.amount", f.Amount, true)
	} else if r.m.sale == nil {
		r.failf("transaction.amount is @total, but there is no [sale]")
	}
	if f.Account != nil && (f.From != nil || f.To != nil || f.Negative != "") {
		r.failf("transaction.account is one leg of a transaction, and goes without from, to and negative")
	}
	if f.Account != nil && f.Group == "" {
		r.failf("transaction.account needs transaction.group: a transaction has two legs or more")
	}
	if f.GroupGap < 0 || f.GroupGap > maxGroupGap {
		r.failf("transaction.group_gap is %d, want 0 to %d", f.GroupGap, maxGroupGap)
	}
	if f.GroupGap > 0 && f.Group == "" {
		r.failf("transaction.group_gap needs transaction.group")
	}
	r.m.payment = p
}

func (r *mappingReader) sale(f *saleFile, t *transactionFile) {
	s := &sale{
		ref:       r.template("sale.ref", or(f.Ref, "{@file}:{@line}")),
		at:        f.At,
		item:      r.template("sale.item", f.Item),
		itemName:  r.template("sale.item_name", f.ItemName),
		itemGroup: r.template("sale.item_group", f.ItemGroup),
		quantity:  f.Quantity,
		unitPrice: f.UnitPrice,
		total:     f.Total,
		tax:       f.Tax,
		seller:    r.roles("sale.seller", f.Seller, false),
		buyer:     r.roles("sale.buyer", f.Buyer, false),
		direction: r.template("sale.direction", or(f.Direction, string(ledger.DirectionSale))),
		shop:      r.template("sale.shop", f.Shop),

		transaction: r.template("sale.transaction", f.Transaction),
		onlyWith:    f.OnlyWith,
	}
	r.column("sale.only_with", f.OnlyWith, false)
	if f.OnlyWith != "" && t != nil && t.Amount == saleTotal {
		r.failf("sale.only_with goes without transaction.amount = @total: a row may have no sale")
	}
	if s.direction.fixed() {
		oneOf(r, "sale.direction", f.Direction, ledger.DirectionSale, ledger.DirectionPurchase)
	}
	if f.Transaction != "" && t != nil {
		r.failf("sale.transaction goes without [transaction]: a sale belongs to that of its row")
	}
	if s.at == "" && t != nil {
		s.at = t.At
	}
	r.column("sale.at", s.at, true)
	r.column("sale.quantity", f.Quantity, true)
	r.column("sale.unit_price", f.UnitPrice, false)
	r.column("sale.total", f.Total, false)
	r.column("sale.tax", f.Tax, false)
	if f.Item == "" {
		r.failf("sale.item is missing")
	}
	if (f.UnitPrice == "") == (f.Total == "") {
		r.failf("sale needs either unit_price or total")
	}
	r.m.sale = s
}

func (r *mappingReader) shop(f *shopFile) {
	s := &shop{
		ref:   r.template("shop.ref", f.Ref),
		place: r.template("shop.place", f.Place),
		world: r.template("shop.world", f.World),
		owner: r.roles("shop.owner", f.Owner, true),
		x:     f.X, y: f.Y, z: f.Z, active: f.Active, seen: f.Seen,
		offer:     r.template("shop.offer", f.Offer),
		item:      r.template("shop.item", f.Item),
		itemName:  r.template("shop.item_name", f.ItemName),
		itemGroup: r.template("shop.item_group", f.ItemGroup),
		ask:       f.Ask, bid: f.Bid, batch: f.Batch, stock: f.Stock, capacity: f.Capacity,
	}
	if f.Ref == "" {
		r.failf("shop.ref is missing")
	}
	for key, name := range map[string]string{"x": f.X, "y": f.Y, "z": f.Z, "active": f.Active, "seen": f.Seen,
		"ask": f.Ask, "bid": f.Bid, "batch": f.Batch, "stock": f.Stock, "capacity": f.Capacity} {
		r.column("shop."+key, name, false)
	}
	r.m.shop = s
}

// column checks that a key names a column or a constant.
func (r *mappingReader) column(key, name string, needed bool) {
	if name == "" {
		if needed {
			r.failf("%s is missing", key)
		}
		return
	}
	if !r.known(name) {
		r.failf("%s is %q, which [columns] does not name", key, name)
	}
}

func (r *mappingReader) known(name string) bool {
	_, constant := r.m.constants[name]
	return constant || slices.ContainsFunc(r.m.columns, func(c column) bool { return c.name == name })
}

// roles returns the accounts that a key names: one role, or a list of roles of
// which the first that a row can fill is used.
func (r *mappingReader) roles(key string, value any, needed bool) []*account {
	if value == nil {
		if needed {
			r.failf("%s is missing", key)
		}
		return nil
	}
	names, ok := texts(value)
	if !ok {
		r.failf("%s: want a role or a list of roles", key)
	}
	var roles []*account
	for _, name := range names {
		if a := r.m.accounts[name]; a != nil {
			roles = append(roles, a)
		} else {
			r.failf("%s: no [[accounts]] has the role %q", key, name)
		}
	}
	return roles
}

func (r *mappingReader) template(key, text string) template {
	t, err := parseTemplate(text)
	if err != nil {
		r.failf("%s: %w", key, err)
	}
	for _, name := range t.names() {
		if !strings.HasPrefix(name, "@") && !r.known(name) {
			r.failf("%s: {%s} is not a name of [columns] or [constants]", key, name)
		}
	}
	return t
}

// oneOf returns the value if it is allowed, and the first allowed one if it is
// empty.
func oneOf[T ~string](r *mappingReader, key, value string, allowed ...T) T {
	if value == "" {
		return allowed[0]
	}
	if !slices.Contains(allowed, T(value)) {
		r.failf("%s is %q, want one of %q", key, value, allowed)
		return allowed[0]
	}
	return T(value)
}

// texts returns a text or a list of texts, none of them empty.
func texts(value any) ([]string, bool) {
	switch v := value.(type) {
	case string:
		return []string{v}, v != ""
	case []any:
		var out []string
		for _, e := range v {
			s, ok := e.(string)
			if !ok || s == "" {
				return nil, false
			}
			out = append(out, s)
		}
		return out, len(out) > 0
	}
	return nil, false
}

func or(value, preset string) string {
	if value == "" {
		return preset
	}
	return value
}
