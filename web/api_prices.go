package web

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/views"
)

// pricesAPI registers the prices for programs. Those of all items are of one memo. What
// was sold in the past is read exactly, at most once a minute for all who ask for the
// same.
func (s *server) pricesAPI(api huma.API) {
	registerPrices(s, api, huma.Operation{
		Metadata: showing(views.ShowsSums), OperationID: "items", Path: "/items", Summary: "All items: id, name and group",
	}, itemsOf)
	registerPrices(s, api, huma.Operation{
		Metadata: showing(views.ShowsSums), OperationID: "prices-latest", Path: "/prices/latest", Summary: "What all items cost",
		Description: "The latest price of each item, what it is made of, and the best offers that stand.",
	}, latestOf)
	registerExact(s, api, huma.Operation{
		Metadata: showing(views.ShowsSums), OperationID: "prices-1h", Path: "/prices/1h", Summary: "What all items were sold for in an hour",
		Description: "Of any hour that the ledger has. Sales that offset each other are left out, as of all prices.",
		Errors:      []int{http.StatusUnprocessableEntity},
	}, s.pricesOfHour)
	registerExact(s, api, huma.Operation{
		Metadata: showing(views.ShowsSums), OperationID: "prices-series", Path: "/prices/{item}/series", Summary: "The course of an item's price",
		Description: "All of its history, page after page. Sales that offset each other are left out, as of all prices.",
		Errors:      []int{http.StatusNotFound, http.StatusUnprocessableEntity},
	}, s.priceSeries)
}

// allItems is what items are called, for programs.
type allItems struct {
	Count int64       `json:"count" doc:"All items that there are."`
	Items []namedItem `json:"items" nullable:"false" doc:"By their ids; at most 20,000. With more, those that were never sold and that nobody offers are left out first."`
}

type namedItem struct {
	ID    string `json:"id" doc:"As /items/{id} takes it."`
	Name  string `json:"name"`
	Group string `json:"group" doc:"The ledger's sort of goods; empty if it has none."`
}

func itemsOf(res cache.Result[*aggregates.AllPrices]) *allItems {
	all := &allItems{Count: res.Value.Count, Items: make([]namedItem, len(res.Value.Items))}
	for i, of := range res.Value.Items {
		all.Items[i] = namedItem{of.ID, of.Name, of.Group}
	}
	return all
}

// latestPrices is what all items cost, for programs.
type latestPrices struct {
	Items map[string]latestPrice `json:"items" nullable:"false" doc:"By the ids of the items. One that was never sold and that nobody offers is left out."`
}

type latestPrice struct {
	aggregates.Price
	Age *int64                `json:"age" doc:"Whole seconds from lastAt to asOf."`
	Ask *aggregates.BestOffer `json:"ask,omitempty" doc:"The cheapest offer to sell that stands; missing: none does."`
	Bid *aggregates.BestOffer `json:"bid,omitempty" doc:"The dearest offer to buy that stands; missing: none does."`
}

func latestOf(res cache.Result[*aggregates.AllPrices]) *latestPrices {
	latest := &latestPrices{Items: map[string]latestPrice{}}
	for _, of := range res.Value.Items {
		if of.Price.Value == nil && of.Ask == nil && of.Bid == nil {
			continue
		}
		p := latestPrice{Price: of.Price, Ask: of.Ask, Bid: of.Bid}
		if p.LastAt != nil {
			age := max(0, int64(res.AsOf.Sub(*p.LastAt)/time.Second))
			p.Age = &age
		}
		latest.Items[of.ID] = p
	}
	return latest
}

// registerPrices registers an operation that answers with a part of what is known of
// the prices of all items.
func registerPrices[T any](s *server, api huma.API, op huma.Operation, of func(cache.Result[*aggregates.AllPrices]) *T) {
	describeDocument[T](api, &op)
	name := apiRoot + op.Path
	huma.Register(api, op, func(context.Context, *struct{}) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(c huma.Context) {
			r, w := humachi.Unwrap(c)
			if err := s.answerPrices(w, r, name, func(res cache.Result[*aggregates.AllPrices]) (*rendering, error) {
				return renderDocument(s, name, cache.Result[*T]{
					Value: of(res), AsOf: res.AsOf, Next: res.Next, Lag: res.Lag, State: res.State, Reason: res.Reason,
				})
			}); err != nil {
				s.fail(unwrap(w), r, err)
			}
		}}, nil
	})
}

func (s *server) answerPrices(w http.ResponseWriter, r *http.Request, name string, render func(cache.Result[*aggregates.AllPrices]) (*rendering, error)) error {
	res, err := lookUp(r.Context(), s.Budget, s.API.Prices, aggregates.NoParams{}, nil)
	if err != nil {
		return err
	}
	page, drawn, err := s.prices.get(pageKey{name: name, settings: s.Settings()}, res.Version, func() (*rendering, error) {
		page, err := render(res)
		if err == nil {
			page.keep = true
		}
		return page, err
	})
	if err != nil {
		return err
	}
	s.serve(w, r, page, drawn)
	return nil
}

const (
	exactKept = time.Minute    // how long readers of a document share one reading
	settled   = 48 * time.Hour // after which sales of an hour are rarely added or marked
	pastKept  = 24 * time.Hour // how long readers may keep what is settled
)

// An exactReading is a document to be read from the database.
type exactReading[T any] struct {
	key  string        // of what is read
	path string        // its address, without a query
	keep time.Duration // how long readers may keep it; zero: until it is read again
	read func(context.Context) (*T, error)
	next func(*T) string // the query of the next page, empty at the end; may be nil
}

// registerExact registers an operation that answers with what is read from the
// database. The function find returns what to read for a request, or the error to
// answer with.
func registerExact[I, T any](s *server, api huma.API, op huma.Operation, find func(context.Context, *I) (exactReading[T], error)) {
	describeDocument[T](api, &op)
	name := apiRoot + op.Path
	huma.Register(api, op, func(ctx context.Context, in *I) (*huma.StreamResponse, error) {
		x, err := find(ctx, in)
		return &huma.StreamResponse{Body: func(c huma.Context) {
			r, w := humachi.Unwrap(c)
			if err == nil {
				err = respondExact(s, w, r, name, x)
			}
			if err != nil {
				s.fail(unwrap(w), r, err)
			}
		}}, nil
	})
}

// respondExact answers with what x reads. All who ask for it within a minute share one
// reading.
func respondExact[T any](s *server, w http.ResponseWriter, r *http.Request, name string, x exactReading[T]) error {
	now := s.Now().UTC()
	window := now.Truncate(exactKept)
	key := pageKey{name: name + "?" + x.key, settings: s.Settings()}
	ctx, cancel := context.WithTimeout(r.Context(), s.Budget)
	defer cancel()
	got, first, err := s.readings.get(ctx, fmt.Sprint(key), func(ctx context.Context, begin func()) (any, error) {
		page, _, err := s.prices.get(key, uint64(window.UnixNano()), func() (page *rendering, err error) {
			waiting, cancel := context.WithTimeout(ctx, listWait)
			defer cancel()
			free, err := s.lists.take(waiting, client(r))
			if err != nil {
				return nil, err
			}
			defer free()
			begin()
			reading, cancel := context.WithTimeout(context.WithoutCancel(ctx), listRead)
			defer cancel()
			value, err := x.read(reading)
			if err != nil {
				return nil, err
			}
			if value == nil {
				return nil, unknownItem
			}
			page, err = renderDocument(s, name, cache.Result[*T]{Value: value, AsOf: now, Next: window.Add(max(exactKept, x.keep))})
			if err != nil {
				return nil, err
			}
			page.keep = true
			if query := nextQuery(x, value); query != "" {
				page.header["Link"] = []string{"<" + s.Root.Of(x.path) + "?" + query + `>; rel="next"`}
			}
			return page, nil
		})
		return page, err
	})
	if err != nil {
		return err
	}
	s.serve(w, r, got.(*rendering), first)
	return nil
}

func nextQuery[T any](x exactReading[T], value *T) string {
	if x.next == nil {
		return ""
	}
	return x.next(value)
}

var (
	errMoment = &refusal{http.StatusUnprocessableEntity, "A time is seconds since 1970 or RFC 3339: 1790000000, 2026-09-21T14:00:00Z."}
	errFuture = &refusal{http.StatusUnprocessableEntity, "This hour has not begun."}
	errNoHour = &refusal{http.StatusUnprocessableEntity, "The ledger has no such hour: it begins later, or has ended before."}
	errCursor = &refusal{http.StatusUnprocessableEntity, "This is no cursor: send next of the page before as after, or begin without it."}
)

type hourInput struct {
	At string `query:"at" maxLength:"64" doc:"A time in the hour: seconds since 1970, or RFC 3339. The last whole hour by default."`
}

func (s *server) pricesOfHour(ctx context.Context, in *hourInput) (exactReading[aggregates.SoldHour], error) {
	now := s.Now().UTC()
	at, err := moment(in.At, now.Add(-time.Hour))
	if err != nil {
		return exactReading[aggregates.SoldHour]{}, err
	}
	at = at.Truncate(time.Hour)
	if at.After(now) {
		return exactReading[aggregates.SoldHour]{}, errFuture
	}
	if in.At != "" {
		if err := s.checkHour(ctx, at); err != nil {
			return exactReading[aggregates.SoldHour]{}, err
		}
	}
	x := exactReading[aggregates.SoldHour]{key: strconv.FormatInt(at.Unix(), 10), read: func(ctx context.Context) (*aggregates.SoldHour, error) {
		return s.API.Sold.Hour(ctx, at, now)
	}}
	if in.At != "" && now.Sub(at) > settled {
		x.keep = pastKept
	}
	return x, nil
}

// checkHour refuses an hour that the ledger does not reach, without a query: there are
// millions of them, each with an address of its own.
func (s *server) checkHour(ctx context.Context, at time.Time) error {
	res, err := lookUp(ctx, s.Budget, s.API.Past.Days, aggregates.NoParams{}, nil)
	if err != nil {
		return err
	}
	if of := res.Value; of.Why == "" && (at.Before(of.Start.Truncate(time.Hour)) || of.Historical && !at.Before(of.End)) {
		return errNoHour
	}
	return nil
}

type seriesInput struct {
	Item  string `path:"item" maxLength:"512" doc:"The name by which the ledger's source knows it, percent-encoded."`
	Step  string `query:"step" default:"1d" enum:"1h,4h,1d,1w" doc:"What a point stands for: an hour, four by the community's clock from midnight, a day, or a week from Monday."`
	From  string `query:"from" maxLength:"64" doc:"Begin with the step of this time: seconds since 1970, or RFC 3339. With the first sale by default."`
	After string `query:"after" maxLength:"64" doc:"next of the page before: the page that follows."`
}

// A pricePage is a page of a series.
type pricePage struct {
	aggregates.SoldSeries
	Next string `json:"next,omitempty" doc:"The value of after for the page that follows, which the header Link names too; missing at the end."`
}

func (s *server) priceSeries(ctx context.Context, in *seriesInput) (exactReading[pricePage], error) {
	ref, step := views.RefIn(in.Item), aggregates.Step(in.Step)
	from, err := moment(in.From, time.Time{})
	if err == nil && in.After != "" {
		from, err = parseCursor(in.After)
	}
	if err == nil {
		err = checkExists(ctx, s.API.Items, ref, unknownItem)
	}
	now := s.Now().UTC()
	if !from.IsZero() {
		from = step.Start(from, s.Settings().Zone())
	}
	return exactReading[pricePage]{
		key:  fmt.Sprint(url.QueryEscape(ref), ":", step, ":", from.Unix()),
		path: at(apiRoot+"/prices/{ref}/series", ref),
		read: func(ctx context.Context) (*pricePage, error) {
			series, err := s.API.Sold.Series(ctx, ref, step, from, now)
			if series == nil || err != nil {
				return nil, err
			}
			page := &pricePage{SoldSeries: *series}
			if !series.Next.IsZero() {
				page.Next = cursorOf(series.Next)
			}
			return page, nil
		},
		next: func(page *pricePage) string {
			if page.Next == "" {
				return ""
			}
			return url.Values{"step": {in.Step}, "after": {page.Next}}.Encode()
		},
	}, err
}

// moment returns the time that a text names, which is the other one if it is empty.
func moment(text string, other time.Time) (time.Time, error) {
	if text == "" {
		return other, nil
	}
	at, err := time.Parse(time.RFC3339, strings.Replace(text, " ", "+", 1)) // a plus sign that was not escaped
	if seconds, number := strconv.ParseInt(text, 10, 64); number == nil {
		at, err = time.Unix(seconds, 0), nil
	}
	if at = at.UTC(); err != nil || at.Year() < 1 || at.Year() > 9999 {
		return time.Time{}, errMoment
	}
	return at, nil
}

// cursorOf returns the cursor of a page that begins at a time.
func cursorOf(at time.Time) string {
	return base64.RawURLEncoding.EncodeToString(strconv.AppendInt(nil, at.Unix(), 36))
}

func parseCursor(text string) (time.Time, error) {
	plain, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return time.Time{}, errCursor
	}
	seconds, err := strconv.ParseInt(string(plain), 36, 64)
	at := time.Unix(seconds, 0).UTC()
	if err != nil || at.Year() < 1 || at.Year() > 9999 {
		return time.Time{}, errCursor
	}
	return at, nil
}
