package alerts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/ledger"
	"exchequer/views"
)

// Memos are the memos from which rules have their values.
type Memos struct {
	Items     *cache.Memo[aggregates.Days, *aggregates.Items]
	Soundness *cache.Memo[aggregates.NoParams, *aggregates.Soundness]
	Followed  *cache.Memo[aggregates.NoParams, *aggregates.Followed]
}

// month is the period of the list of items that is always in memory.
const month aggregates.Days = 30

// readWithin is how long the values of a window are waited for.
const readWithin = 10 * time.Second

// A value is what a memo has, or why it has none.
type value[T any] struct {
	cache.Result[T]
	why string
}

// get returns the value of a memo for a parameter.
func get[P cache.Params, T any](ctx context.Context, m *cache.Memo[P, T], p P) value[T] {
	res, err := m.Get(ctx, p)
	if err != nil {
		return value[T]{why: "its value is not available: " + err.Error()}
	}
	return value[T]{Result: res}
}

// values are what all rules need of the memos.
type values struct {
	items     value[*aggregates.Items]
	byID      map[string]*aggregates.ListedItem
	shops     map[string]aggregates.ShopStock // at readAt
	readAt    time.Time
	soundness value[*aggregates.Soundness]
	followed  value[*aggregates.Followed]
}

// read returns what the rules need, each value once.
func (m Memos) read(ctx context.Context, rules []Rule) values {
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	var v values
	needs := func(kinds ...Kind) bool {
		return slices.ContainsFunc(rules, func(r Rule) bool { return slices.Contains(kinds, r.Kind) })
	}
	if needs(PriceAbove, PriceBelow, SpreadAbove, SpreadBelow, StockAppears, StockEnds) {
		if v.items = get(ctx, m.Items, month); v.items.why == "" {
			v.byID = make(map[string]*aggregates.ListedItem, len(v.items.Value.Items))
			for n := range v.items.Value.Items {
				v.byID[v.items.Value.Items[n].ID] = &v.items.Value.Items[n]
			}
		}
	}
	if needs(IndicatorMoves, BooksWrong) {
		v.soundness = get(ctx, m.Soundness, aggregates.NoParams{})
	}
	if needs(SyncDrift, SyncLate) {
		v.followed = get(ctx, m.Followed, aggregates.NoParams{})
	}
	return v
}

// errNoMoves is that a rule is about what happened, not about what is.
var errNoMoves = errors.New("a rule about transactions or sales has no state")

// observe returns what a rule sees. Was returns the state of a thing before.
func (v values) observe(r Rule, was func(subject string) string, s ledger.Settings) ([]observation, error) {
	limit, err := r.Limit(s)
	if err != nil {
		return []observation{{subject: r.Of, why: err.Error()}}, nil
	}
	switch r.Kind {
	case PriceAbove, PriceBelow, SpreadAbove, SpreadBelow, StockAppears, StockEnds:
		o := observation{subject: r.Of, why: v.items.why, asOf: v.items.AsOf}
		switch i := v.byID[r.Of]; {
		case o.why != "":
		case i == nil:
			o.why = fmt.Sprintf("the list of items has no %q", r.Of)
		default:
			r.observeItem(&o, *i, limit, was(r.Of) == firing, s)
		}
		return []observation{o}, nil
	case ShopEmpty:
		return []observation{v.observeShop(r.Of)}, nil
	case IndicatorMoves:
		return v.observeSigns(r), nil
	case BooksWrong:
		o := observation{why: v.soundness.why, asOf: v.soundness.AsOf}
		if o.why == "" {
			books := v.soundness.Value.Books
			if o.state = stateOf(books.State == aggregates.StateBad); books.State == aggregates.StateNone {
				o.state, o.why = "", "the books were not checked yet"
			}
			o.tell = func(string) views.Told { return views.TellBooks(books) }
		}
		return []observation{o}, nil
	case SyncDrift, SyncLate:
		return v.observeSources(r, limit, was), nil
	}
	return nil, errNoMoves
}

func (r Rule) observeItem(o *observation, i aggregates.ListedItem, limit float64, was bool, s ledger.Settings) {
	above := r.Kind == PriceAbove || r.Kind == SpreadAbove
	switch r.Kind {
	case PriceAbove, PriceBelow:
		p := i.Price
		if p.Value == nil {
			o.why = "it was never sold"
			return
		}
		if p.Confidence != aggregates.Firm && (r.Confidence != aggregates.Thin || p.Confidence != aggregates.Thin) {
			o.why = fmt.Sprintf("its price is a %s one, of %s", p.Confidence, views.Plural(p.Sales, "sale", "sales"))
			return
		}
		over := !holds(*p.Value, limit, r.Rearm, above, was)
		o.state = stateOf(!over)
		o.tell = func(string) views.Told { return views.TellPrice(i, limit, above, over, s) }
	case SpreadAbove, SpreadBelow:
		if i.BestAsk == nil || i.BestBid == nil {
			o.why = "there is not both an offer to sell and one to buy"
			return
		}
		spread := (*i.BestAsk - *i.BestBid) / ((*i.BestAsk + *i.BestBid) / 2)
		over := !holds(spread, limit, r.Rearm, above, was)
		o.state = stateOf(!over)
		o.tell = func(string) views.Told { return views.TellSpread(i, spread, limit, above, over, s) }
	default:
		o.state = stateOf((i.Asks > 0) == (r.Kind == StockAppears))
		o.tell = func(string) views.Told { return views.TellStock(i, s) }
	}
}

// observeShop returns whether a shop is empty: all it offers to sell is out of stock.
func (v values) observeShop(ref string) observation {
	o := observation{subject: ref, asOf: v.readAt}
	switch shop, is := v.shops[ref]; {
	case !is:
		o.why = fmt.Sprintf("there is no shop %q", ref)
	case shop.Asks == 0:
		o.why = "it offers nothing to sell"
	default:
		o.state = stateOf(shop.Stand == 0)
		o.names = nonEmpty(shop.Owner)
		o.tell = func(string) views.Told { return views.TellShopEmpty(shop) }
	}
	return o
}

func (v values) observeSigns(r Rule) (all []observation) {
	if v.soundness.why != "" {
		return []observation{{subject: r.Of, why: v.soundness.why}}
	}
	for _, sign := range v.soundness.Value.Signs {
		if r.Of != "" && r.Of != sign.Name {
			continue
		}
		o := observation{subject: sign.Name, state: string(sign.State), asOf: v.soundness.AsOf}
		if sign.State == aggregates.StateNone {
			o.state = ""
			if r.Of != "" { // of all of them, some are never judged
				o.why = "the indicator is not judged"
			}
		}
		o.tell = func(from string) views.Told { return views.TellSign(sign, aggregates.State(from)) }
		all = append(all, o)
	}
	return all
}

func (v values) observeSources(r Rule, limit float64, was func(string) string) (all []observation) {
	if v.followed.why != "" {
		return []observation{{subject: r.Of, why: v.followed.why}}
	}
	for _, f := range v.followed.Value.Sources {
		if r.Of != "" && r.Of != f.Name {
			continue
		}
		o := observation{subject: f.Name, asOf: v.followed.AsOf}
		switch {
		case r.Kind == SyncDrift && f.Compared == nil:
			o.why = f.Name + " was not compared yet"
		case r.Kind == SyncDrift:
			o.state = stateOf(f.Drifting > 0)
			o.tell = func(string) views.Told { return views.TellDrift(f) }
		case f.Age == nil:
			o.why = f.Name + " was not read to its end yet"
		default:
			late := holds(*f.Age, limit, r.Rearm, true, was(f.Name) == firing)
			o.state = stateOf(late)
			o.tell = func(string) views.Told { return views.TellLate(f, late) }
		}
		all = append(all, o)
	}
	if len(all) == 0 {
		all = append(all, observation{subject: r.Of, why: "no such source is followed"})
	}
	return all
}
