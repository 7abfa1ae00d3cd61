package alerts

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views"
)

// A Kind is what a rule watches.
type Kind string

// The kinds of rules.
const (
	PriceAbove      Kind = "price_above"
	PriceBelow      Kind = "price_below"
	SpreadAbove     Kind = "spread_above"
	SpreadBelow     Kind = "spread_below"
	StockAppears    Kind = "stock_appears"
	StockEnds       Kind = "stock_ends"
	AccountReceived Kind = "account_received"
	AccountPaid     Kind = "account_paid"
	ShopSold        Kind = "shop_sold"
	ShopEmpty       Kind = "shop_empty"
	IndicatorMoves  Kind = "indicator"
	BooksWrong      Kind = "books"
	SyncDrift       Kind = "sync_drift"
	SyncLate        Kind = "sync_late"
)

// A Thing is what a rule is about.
type Thing string

// The things.
const (
	Item      Thing = "item"
	Account   Thing = "account"
	Shop      Thing = "shop"
	Indicator Thing = "indicator"
	Source    Thing = "source"
)

// A unit is how the value of a rule is written.
type unit int

const (
	noUnit unit = iota
	unitPrice
	unitMoney
	unitPercent
	unitDuration
)

// A meaning is what all rules of a kind have in common.
type meaning struct {
	of    Thing // empty: the whole ledger
	all   bool  // without one, it is about all of them
	unit  unit
	shows views.Level   // how much of the ledger an alert tells
	edge  bool          // what is so when the rule is new is no alert
	lasts time.Duration // how long a state has to last by default
}

var meanings = map[Kind]meaning{
	PriceAbove:      {of: Item, unit: unitPrice, shows: views.ShowsSums},
	PriceBelow:      {of: Item, unit: unitPrice, shows: views.ShowsSums},
	SpreadAbove:     {of: Item, unit: unitPercent, shows: views.ShowsSums},
	SpreadBelow:     {of: Item, unit: unitPercent, shows: views.ShowsSums},
	StockAppears:    {of: Item, shows: views.ShowsSums, edge: true},
	StockEnds:       {of: Item, shows: views.ShowsSums, edge: true},
	AccountReceived: {of: Account, unit: unitMoney, shows: views.ShowsDealings},
	AccountPaid:     {of: Account, unit: unitMoney, shows: views.ShowsDealings},
	ShopSold:        {of: Shop, shows: views.ShowsDealings},
	ShopEmpty:       {of: Shop, shows: views.ShowsBalances},
	IndicatorMoves:  {of: Indicator, all: true, shows: views.ShowsSums, edge: true, lasts: 15 * time.Minute},
	BooksWrong:      {shows: views.ShowsDealings},
	SyncDrift:       {of: Source, all: true, shows: views.ShowsBalances},
	SyncLate:        {of: Source, all: true, unit: unitDuration, shows: views.ShowsBalances},
}

// Kinds returns all kinds, in alphabetical order.
func Kinds() []Kind {
	var all []Kind
	for k := range meanings {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// A Rule says when an alert is sent, and to whom.
type Rule struct {
	Owner      string                `json:"-"` // who has signed in; empty: it is the operators'
	Name       string                `json:"name"`
	Kind       Kind                  `json:"when"`
	Of         string                `json:"of,omitempty"`         // ref of the thing; empty: all
	Value      string                `json:"value,omitempty"`      // as it was written
	Rearm      float64               `json:"rearm"`                // how far, as a part of the value, it has to go back
	Lasts      time.Duration         `json:"lasts,omitempty"`      // how long a state has to last
	Confidence aggregates.Confidence `json:"confidence,omitempty"` // of a price, at least
	Recovery   bool                  `json:"recovery,omitempty"`   // an alert, too, when it is over
	Public     bool                  `json:"public,omitempty"`     // it is in the feed
	To         []string              `json:"to"`                   // names of receivers
}

// defaultRearm is how far a number has to go back before a rule is armed again.
const defaultRearm = 0.02

// watches returns the part of the rule that says what is watched. A rule for which it
// changes begins anew.
func (r Rule) watches() Rule {
	r.Recovery, r.Public, r.To = false, false, nil
	return r
}

// Thing returns what the rule is about, and whether it names one.
func (r Rule) Thing() (Thing, bool) { return meanings[r.Kind].of, r.Of != "" }

// check returns what is wrong with the rule, apart from what only the ledger knows.
func (r Rule) check() error {
	m, known := meanings[r.Kind]
	switch {
	case !known:
		return fmt.Errorf("when = %q: there is no such kind of rule: there are %v", r.Kind, Kinds())
	case m.of == "" && r.Of != "":
		return fmt.Errorf("%s is about the whole ledger: leave out %q", r.Kind, r.Of)
	case m.of != "" && !m.all && r.Of == "":
		return fmt.Errorf("%s needs %s = \"…\"", r.Kind, m.of)
	case m.of == Indicator && r.Of != "" && !slices.Contains(aggregates.SignNames(), r.Of):
		return fmt.Errorf("there is no indicator %q: there are %s", r.Of, strings.Join(aggregates.SignNames(), ", "))
	case m.unit == noUnit && r.Value != "":
		return fmt.Errorf("%s has no value: leave it out", r.Kind)
	case r.Confidence != "" && m.unit != unitPrice:
		return fmt.Errorf("%s has no confidence: leave it out", r.Kind)
	case r.Confidence != "" && r.Confidence != aggregates.Firm && r.Confidence != aggregates.Thin:
		return fmt.Errorf("confidence = %q: want firm or thin", r.Confidence)
	case r.Rearm < 0 || r.Rearm >= 1 || math.IsNaN(r.Rearm):
		return errors.New("rearm: want a percentage from 0 to below 100")
	case r.Lasts < 0 || r.Lasts > 7*24*time.Hour:
		return errors.New("for: want a duration up to 168h")
	case len(r.To) == 0 && !r.Public && r.Owner == operators:
		return errors.New("it is sent to nobody: name receivers (to), or let it be public")
	}
	// How many decimals money has is known only with the ledger; most have these.
	_, err := r.Limit(ledger.Settings{Decimals: 9})
	return err
}

// Limit returns the value of the rule: minor units, a part of one, or seconds.
func (r Rule) Limit(s ledger.Settings) (limit float64, err error) {
	switch meanings[r.Kind].unit {
	case noUnit:
		return 0, nil
	case unitPrice: // a piece may cost a part of a minor unit
		limit, err = strconv.ParseFloat(r.Value, 64)
		limit *= math.Pow10(s.Decimals)
		if err != nil {
			err = fmt.Errorf("value = %q: want a price such as \"12.50\"", r.Value)
		}
	case unitMoney:
		minor, ok := views.ParseMoney(r.Value, s)
		if !ok {
			err = fmt.Errorf("value = %q: want an amount such as \"1000.00\", with %d decimals at most", r.Value, s.Decimals)
		}
		limit = float64(minor)
	case unitPercent:
		limit, err = percent(r.Value)
	case unitDuration:
		var d time.Duration
		if d, err = time.ParseDuration(r.Value); err != nil {
			err = fmt.Errorf("value = %q: want a duration such as \"10m\"", r.Value)
		}
		limit = d.Seconds()
	}
	if err == nil && !(limit > 0 && limit < 1e18) {
		err = fmt.Errorf("value = %q: want more than 0", r.Value)
	}
	return limit, err
}

// percent reads "15%".
func percent(text string) (float64, error) {
	number, ok := strings.CutSuffix(strings.TrimSpace(text), "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !ok {
		return 0, fmt.Errorf("%q: want a percentage such as \"15%%\"", text)
	}
	return v / 100, nil
}

// String says when an alert is sent: "price_above diamond 25.00".
func (r Rule) String() string {
	return strings.Join(slices.DeleteFunc([]string{string(r.Kind), r.Of, r.Value}, func(s string) bool { return s == "" }), " ")
}
