package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/views"
)

// mostAddress is how many bytes a list may have in an address.
const mostAddress = 8 << 10

// What is wrong with a list that is not appraised.
var (
	errListLines   = &refusal{http.StatusUnprocessableEntity, "This list has more than 500 lines. Appraise it in parts."}
	errListForm    = &refusal{http.StatusRequestEntityTooLarge, "This list is longer than 64 KB. Appraise it in parts."}
	errListAddress = &refusal{http.StatusRequestURITooLong, "This address has a list of more than 8 KB. Paste the list into the form instead."}
)

// appraise declares the page that says what a list of items is worth. The list is in
// the address. All is computed from one value of prices that all lists share.
func (s *server) appraise() *page {
	from := &appraisals{prices: readMemo(s.API.Prices, once, views.ListParam)}
	p := declare(views.PageInfo{
		Path: views.AppraisePath, Name: "Appraisal", Group: "Trade", Heading: "Appraisal",
		Description: "What a list of items is worth in {economy}: to buy, to sell, and at the usual price.",
	},
		showOf(from, views.PanelInfo{
			Name: "value", Title: "What is it worth?", Width: views.Whole, Shows: views.ShowsSums, Params: from.prices.declared,
			How: views.How{
				Meaning: "What the items of a list cost where they are cheapest, what they bring where most is paid, and what is usually paid for them.",
				Formula: "Buy: amount × the price of a piece of the cheapest offer to sell that has a batch in stock. Sell: amount × that of the best offer to buy that has room for a batch. Median: amount × price. " + howPrice,
				Counted: "Lines that mean one item; lines of the same item are added up. Active offers for money.",
				LeftOut: "Of each sum, items without such an offer, or that were never sold. It is not asked whether one offer has the whole amount, or its owner the money, nor what is a batch. Taxes; barter.",
			},
		}, views.Appraisal, (*aggregates.Appraisal).Table).where(func(p aggregates.Profile) bool { return p.Sales || p.Shops }))
	p.check = checkList
	return p
}

// checkList returns why the list of a query is not appraised.
func checkList(_ context.Context, _ views.Params, query url.Values) error {
	text := query.Get(views.ListParam.Name)
	if len(text) > mostAddress {
		return errListAddress
	}
	list, err := aggregates.ReadAddress(text)
	if err != nil {
		return errListLines
	}
	if len(views.AppraiseAddress(list)) > mostAddress {
		return errListAddress
	}
	return nil
}

// appraisals is the reading of lists: that of all prices, and what finds items in it.
type appraisals struct {
	prices *reading[aggregates.NoParams, *aggregates.AllPrices]

	mu      sync.Mutex
	of      *aggregates.AllPrices
	matcher *aggregates.Matcher // of these
}

func (a *appraisals) open(p views.Params) source {
	return &appraisalSource{source: a.prices.open(p), from: a, list: p.Get(views.ListParam)}
}

// match returns the matcher of prices, which is made once for each value of them.
func (a *appraisals) match(all *aggregates.AllPrices) *aggregates.Matcher {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of != all {
		a.of, a.matcher = all, aggregates.NewMatcher(all.Items)
	}
	return a.matcher
}

// An appraisalSource is the prices, whose value is what a list is worth at them.
type appraisalSource struct {
	source
	from *appraisals
	list string // as in an address

	mu        sync.Mutex
	of        any
	appraised *aggregates.Appraisal // at these prices
}

func (a *appraisalSource) result() result {
	r := a.source.result()
	all, ok := r.value.(*aggregates.AllPrices)
	if !ok {
		return r
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of != r.value {
		list, _ := aggregates.ReadAddress(a.list) // what is too long was refused
		a.of, a.appraised = r.value, aggregates.Appraise(all, a.from.match(all), list)
	}
	r.value = a.appraised
	return r
}

// appraisePosted answers a list that was pasted into the form: with the way to its
// address, or, if the address would be too long, with what it is worth.
func (s *server) appraisePosted(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			return fmt.Errorf("appraise: %w: %w", errListForm, err)
		}
		return fmt.Errorf("appraise: %w", err)
	}
	if !r.PostForm.Has("list") {
		drain(r.Body)
		return fmt.Errorf("appraise: %w: no list", errForm)
	}
	p := s.pages[slices.IndexFunc(s.pages, func(p *page) bool { return p.Path == views.AppraisePath })]
	from := p.readings[0].(*appraisals)
	prices := from.prices.open(views.Params{})
	if err := s.gather(r, []source{prices}); err != nil {
		return err
	}
	if err := prices.failure(); err != nil {
		return err
	}
	res := prices.result()
	all := res.value.(*aggregates.AllPrices)
	matcher := from.match(all)
	list, err := aggregates.ReadList(r.PostForm.Get("list"), matcher)
	if err != nil {
		return fmt.Errorf("appraise: %w: %w", errListLines, err)
	}
	if address := views.AppraiseAddress(list); len(address) <= mostAddress {
		w.Header()["Cache-Control"] = noStore
		w.Header().Set("Location", s.Root.Of(address))
		w.WriteHeader(http.StatusSeeOther)
		return nil
	}
	info := p.panels[0].PanelInfo
	info.How.Formula = "" // no address, no files
	view := s.viewOf(p, views.Params{}, nil)
	view.Menu = s.edition(r.Context()).menu
	var b bytes.Buffer
	err = safely(func() error {
		appraisal := aggregates.Appraise(all, matcher, list)
		appraisal.Unaddressed = true
		d := views.Draw(view, info, res.Status, appraisal.About(), func() views.Content { return views.Appraisal(view, appraisal) })
		return views.Frame(view, false, views.Panel(d), templ.NopComponent).Render(context.WithoutCancel(r.Context()), &b)
	})
	if err != nil {
		return fmt.Errorf("appraise: %w: %w", errUndrawn, err)
	}
	return s.respondUncached(w, r, newRendering(http.Header{"Content-Type": textHTML}, b.Bytes(), view.Clock.Next), true)
}
