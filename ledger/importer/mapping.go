package importer

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"exchequer/ledger"
)

// A Mapping describes how the rows of a CSV file become accounts, transactions
// and sales. Its language is documented in docs/import.md.
type Mapping struct {
	Origin   string
	Settings ledger.Settings
	Oldest   time.Time // an older time is an error; zero: ledger.DefaultOldest

	rounding  rounding
	issuers   []string // refs, or how they begin and "*"
	shift     int      // of the decimal point of amounts
	csv       csvFormat
	columns   []column          // in the order of their names
	constants map[string]string // values of names that are not columns
	where     []condition       // that a row must meet to mean anything
	accounts  map[string]*account
	payment   *payment // nil: rows make no transactions
	sale      *sale    // nil: rows make no sales
	shop      *shop    // nil: rows make no shops
	balance   *balance // nil: rows observe no balances
	known     *known   // nil: rows make no accounts but those that the others name
}

// A File is a mapping as its TOML is written.
type File struct {
	Origin string     `toml:"origin"`
	Ledger LedgerFile `toml:"ledger"`
	CSV    CSVFile    `toml:"csv"`
	RowFile
}

// A LedgerFile is the part of a File about money.
type LedgerFile struct {
	Name     string `toml:"name"`
	Symbol   string `toml:"symbol"`
	Decimals *int   `toml:"decimals"`
	Round    string `toml:"round"`
	Timezone string `toml:"timezone"`

	Issuers []string `toml:"issuers"`
	Shift   int      `toml:"shift"`
}

// A CSVFile is the part of a File about how values are written.
type CSVFile struct {
	Delimiter string   `toml:"delimiter"`
	Encoding  string   `toml:"encoding"`
	Decimal   string   `toml:"decimal"`
	Thousands string   `toml:"thousands"`
	Dates     []string `toml:"dates"`
	TimeZone  string   `toml:"time_zone"`
	Oldest    string   `toml:"oldest"`
}

// A RowFile is the part of a File about what one row means.
type RowFile struct {
	Columns     map[string]any    `toml:"columns"`
	Constants   map[string]string `toml:"constants"`
	Where       map[string]any    `toml:"where"`
	Accounts    []accountFile     `toml:"accounts"`
	Account     *knownFile        `toml:"account"`
	Transaction *transactionFile  `toml:"transaction"`
	Sale        *saleFile         `toml:"sale"`
	Shop        *shopFile         `toml:"shop"`
	Balance     *balanceFile      `toml:"balance"`
}

type accountFile struct {
	Role   string `toml:"role"`
	Ref    string `toml:"ref"`
	Kind   string `toml:"kind"`
	Issuer any    `toml:"issuer"`
	Name   string `toml:"name"`
	Holder string `toml:"holder"`
}

type transactionFile struct {
	Ref      string `toml:"ref"`
	Group    string `toml:"group"`
	GroupGap int    `toml:"group_gap"`
	At       string `toml:"at"`
	From     any    `toml:"from"`
	To       any    `toml:"to"`
	Account  any    `toml:"account"`
	Amount   string `toml:"amount"`
	Negative string `toml:"negative"`
	Zero     string `toml:"zero"`
	Source   string `toml:"source"`
	Message  string `toml:"message"`
}

type saleFile struct {
	Ref       string `toml:"ref"`
	At        string `toml:"at"`
	Item      string `toml:"item"`
	ItemName  string `toml:"item_name"`
	ItemGroup string `toml:"item_group"`
	Quantity  string `toml:"quantity"`
	UnitPrice string `toml:"unit_price"`
	Total     string `toml:"total"`
	Tax       string `toml:"tax"`
	Seller    any    `toml:"seller"`
	Buyer     any    `toml:"buyer"`
	Direction string `toml:"direction"`

	Shop        string `toml:"shop"`
	Transaction string `toml:"transaction"`
	OnlyWith    string `toml:"only_with"`
}

type knownFile struct {
	Role     any    `toml:"role"`
	Archived string `toml:"archived"`
}

type shopFile struct {
	Ref    string `toml:"ref"`
	Place  string `toml:"place"`
	Owner  any    `toml:"owner"`
	World  string `toml:"world"`
	X      string `toml:"x"`
	Y      string `toml:"y"`
	Z      string `toml:"z"`
	Active string `toml:"active"`
	Seen   string `toml:"seen"`

	Offer     string `toml:"offer"`
	Item      string `toml:"item"`
	ItemName  string `toml:"item_name"`
	ItemGroup string `toml:"item_group"`
	Ask       string `toml:"ask"`
	Bid       string `toml:"bid"`
	Batch     string `toml:"batch"`
	Stock     string `toml:"stock"`
	Capacity  string `toml:"capacity"`
}

type balanceFile struct {
	Account any    `toml:"account"`
	Amount  string `toml:"amount"`
	At      string `toml:"at"`
}

// A column of the data, with its name in the mapping.
type column struct {
	name       string
	headers    []string // any of these, ignoring case
	optional   bool     // the file need not have it
	dropSuffix string
	match      *regexp.Regexp // nil: the whole value; else its first group, or what matches
}

// A condition is that a row has one of some values.
type condition struct {
	name   string // column or constant
	values []string
}

// An account describes how one role of a row becomes an account of the ledger.
type account struct {
	role                            string
	ref, kind, issuer, name, holder template
}

// A rule is what to do with a negative amount, or with zero.
type rule string

const (
	ruleReverse  rule = "reverse"  // to pays from
	ruleAbsolute rule = "absolute" // from pays to
	ruleError    rule = "error"
	ruleSkip     rule = "skip" // the row moves no money
)

type payment struct {
	ref      template
	group    string // column, empty: each row is a transaction
	gap      int    // rows of other groups between two of one group
	at       string
	from, to []*account // the first one whose ref is complete is used
	account  []*account // instead: a row is one leg of its group
	amount   string     // column, or saleTotal
	negative rule
	zero     rule
	source   template
	message  template
}

type sale struct {
	ref           template
	at            string
	item          template
	itemName      template
	itemGroup     template
	quantity      string
	unitPrice     string // or total
	total         string
	tax           string // may be empty
	seller, buyer []*account
	direction     template
	shop          template
	transaction   template // empty: that of the row
	onlyWith      string   // column: a row without a value in it is no sale; may be empty
}

// A known is how a row makes an account that need not take part in anything.
type known struct {
	account  []*account
	archived string // column, may be empty
}

type shop struct {
	ref, place, world   template
	owner               []*account
	x, y, z             string // columns, may be empty
	active              string // column; empty: it is
	seen                string // date column; empty, or without a value: when the row was read
	offer               template
	item                template // without a value: it offers nothing
	itemName, itemGroup template
	ask, bid            string
	batch               string // empty: 1
	stock, capacity     string
}

type balance struct {
	account []*account
	amount  string
	at      string // date column; empty: when the row was read
}

// issues reports whether issuers has the account.
func (m *Mapping) issues(ref string) bool {
	for _, issuer := range m.issuers {
		if start, prefix := strings.CutSuffix(issuer, "*"); ref == issuer || prefix && strings.HasPrefix(ref, start) {
			return true
		}
	}
	return false
}

// saleTotal as the amount of a transaction means the total of the sale.
const saleTotal = "@total"

// oldest is the oldest time that a row may have.
func (m *Mapping) oldest() time.Time {
	if m.Oldest.IsZero() {
		return ledger.DefaultOldest()
	}
	return m.Oldest
}

// Load reads a mapping file. It reports all errors together, with their lines
// where it knows them.
func Load(path string) (*Mapping, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("mapping %s: no such file", path)
	}
	if err != nil {
		return nil, fmt.Errorf("read mapping: %w", err)
	}
	m, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("mapping %s: %w", path, err)
	}
	return m, nil
}

// Parse reads a mapping's text.
func Parse(text []byte) (*Mapping, error) {
	var file File
	if err := Decode(text, &file); err != nil {
		return nil, err
	}
	return file.Mapping()
}

// Decode reads TOML. A key that into does not have is an error; errors have lines.
func Decode(text []byte, into any) error {
	dec := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return decodeError(err)
	}
	return nil
}

func decodeError(err error) error {
	var unknown *toml.StrictMissingError
	if errors.As(err, &unknown) {
		var all []error
		for _, e := range unknown.Errors {
			line, _ := e.Position()
			all = append(all, fmt.Errorf("line %d: unknown key %q", line, strings.Join(e.Key(), ".")))
		}
		return errors.Join(all...)
	}
	var at *toml.DecodeError
	if errors.As(err, &at) {
		line, _ := at.Position()
		return fmt.Errorf("line %d: %s", line, strings.TrimPrefix(at.Error(), "toml: "))
	}
	return err
}
