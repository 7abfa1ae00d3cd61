package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/ledger"
	"exchequer/views"
)

// An unknownError means that the ledger has no thing of this kind, such as "item",
// with the id of the request.
type unknownError string

func (e unknownError) Error() string {
	if e == unknownReport {
		return "there is no " + string(e) + " here: reports are of months that are over and in which something happened, such as /reports/2026-10"
	}
	return "the ledger knows no " + string(e) + " by this id"
}

func (unknownError) Is(target error) bool { return target == errNotFound }

const (
	unknownAccount     unknownError = "account"
	unknownHolder      unknownError = "holder"
	unknownItem        unknownError = "item"
	unknownShop        unknownError = "shop"
	unknownSource      unknownError = "source"
	unknownTransaction unknownError = "transaction"
	unknownReport      unknownError = "report"
	unknownWorld       unknownError = "world"
)

// publicAPI registers the operations that everybody may use.
func (s *server) publicAPI(api huma.API) {
	registerMemo(s, api, huma.Operation{
		Metadata: showing(views.ShowsSums), OperationID: "stats", Path: "/stats", Summary: "Accounts by kind and status",
		Description: "How many accounts there are, what they hold, and how often they were used. New as soon as an account or a transaction is written.",
		Errors:      []int{http.StatusUnprocessableEntity},
	}, s.API.Stats, func(_ context.Context, in *statsInput) (aggregates.StatsQuery, error) {
		return aggregates.StatsQuery{Kind: ledger.Kind(in.Kind), Status: in.Status}, nil
	})
	registerDays(s, api, huma.Operation{
		Metadata: showing(views.ShowsSums), OperationID: "flow", Path: "/flow", Summary: "Where money came from and where it went",
	}, s.API.Flow)
	registerMemo(s, api, huma.Operation{
		Metadata: showing(views.ShowsSums), OperationID: "market", Path: "/market", Summary: "What was traded",
	}, s.API.Market, func(_ context.Context, in *marketInput) (aggregates.MarketQuery, error) {
		return aggregates.MarketQuery{Days: in.Days.days(), With: in.Circular == "with"}, nil
	})
	registerDays(s, api, huma.Operation{
		Metadata: showing(views.ShowsSums), OperationID: "health", Path: "/health", Summary: "The health of the economy",
		Description: "Of the economy, not of this program: for that see /healthz and /readyz.",
	}, s.API.Health)
	registerMemo(s, api, huma.Operation{
		Metadata: showing(views.ShowsSums), OperationID: "item", Path: "/items/{id}", Summary: "The price of an item",
		Errors: []int{http.StatusNotFound},
	}, s.API.Item, func(ctx context.Context, in *itemInput) (aggregates.ItemQuery, error) {
		ref := views.RefIn(in.ID)
		return aggregates.ItemQuery{Item: ref, Days: in.Days.days(), With: in.Circular == "with"}, checkExists(ctx, s.API.Items, ref, "item")
	})
	registerMemo(s, api, huma.Operation{
		Metadata: showing(views.ShowsDealings), OperationID: "account", Path: "/accounts/{id}", Summary: "An account and its moves",
		Errors: []int{http.StatusNotFound},
		Responses: map[string]*huma.Response{
			"301": {Description: "The account is merged into another one, whose address is the Location."},
		},
	}, s.API.Account, func(ctx context.Context, in *oneInput) (aggregates.AccountQuery, error) {
		ref := views.RefIn(in.ID)
		return aggregates.AccountQuery{Account: ref, Days: in.Days.days()}, checkExists(ctx, s.API.Accounts, ref, unknownAccount)
	}, func(q aggregates.AccountQuery, a *aggregates.Account) error {
		if a == nil {
			s.API.Accounts.Forget(q.Account)
			return unknownAccount // hidden since
		}
		return mergedInto(q.Account, a.ID)
	})
	s.pricesAPI(api)
}

type statsInput struct {
	Kind   string `query:"kind" enum:"personal,business,government,system" doc:"Accounts of this kind only."`
	Status string `query:"status" enum:"active,archived" doc:"Accounts of this status only."`
}

// period is the parameter days of a request.
type period string

func (p period) days() aggregates.Days { return aggregates.ParseDays(views.DaysParam.Value(string(p))) }

// Resolve refuses what is no number of days.
func (p period) Resolve(_ huma.Context, at *huma.PathBuffer) []error {
	if views.Unreadable([]*views.Param{views.DaysParam}, url.Values{views.DaysParam.Name: {string(p)}}.Encode()) == nil {
		return nil
	}
	return []error{&huma.ErrorDetail{Location: at.String(), Value: string(p), Message: "expected 7, 30, 90, 365, all, or another number of days"}}
}

type daysInput struct {
	Days period `query:"days" default:"30" doc:"The period: 7, 30, 90, 365 or all days. Any other number is taken as the nearest of these."`
}

type marketInput struct {
	Days     period `query:"days" default:"30" doc:"The period, as elsewhere."`
	Circular string `query:"circular" default:"without" enum:"with,without" doc:"with: the sums have the sales that offset each other."`
}

type itemInput struct {
	Days     period `query:"days" default:"30" doc:"The period, as elsewhere."`
	Circular string `query:"circular" default:"without" enum:"with,without" doc:"with: the sums have the sales that offset each other."`
	ID       string `path:"id" maxLength:"512" doc:"The name by which the ledger's source knows it, percent-encoded."`
}

type oneInput struct {
	Days period `query:"days" default:"30" doc:"The period, as elsewhere."`
	ID   string `path:"id" maxLength:"512" doc:"The name by which the ledger's source knows it, percent-encoded; ~. and ~.. for the names . and .., which clients would resolve."`
}

// registerDays registers an operation whose only parameter is the period.
func registerDays[T any](s *server, api huma.API, op huma.Operation, memo *cache.Memo[aggregates.Days, *T]) {
	registerMemo(s, api, op, memo, func(_ context.Context, in *daysInput) (aggregates.Days, error) { return in.Days.days(), nil })
}

// errUncertain means that the database did not answer whether a ref exists.
var errUncertain = errors.New("not known whether it exists")

// checkExists returns unknown if ref does not exist, and an error that wraps
// errUncertain if the database does not answer. Then the memo may still hold it.
func checkExists(ctx context.Context, refs *aggregates.Exists, ref string, unknown unknownError) error {
	return check(ctx, unknown, func(ctx context.Context) (bool, error) { return refs.Has(ctx, ref) })
}

// check is checkExists for whatever a look-up finds.
func check(ctx context.Context, unknown error, lookUp func(context.Context) (bool, error)) error {
	looking, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	switch exists, err := lookUp(looking); {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("%w: %w", errUncertain, err)
	case !exists:
		return unknown
	}
	return nil
}
