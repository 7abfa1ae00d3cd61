package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"exchequer/cache"
	"exchequer/views"
)

// anyOriginHeaders let scripts of any site read a public answer.
var anyOriginHeaders = http.Header{
	"Access-Control-Allow-Origin":  {"*"},
	"Cross-Origin-Resource-Policy": {"cross-origin"},
}

// levelShown is the metadata of an operation that says what it shows of the ledger.
const levelShown = "shows"

func showing(shows views.Level) map[string]any { return map[string]any{levelShown: shows} }

// allowAnyOrigin is middleware for public operations.
func allowAnyOrigin(ctx huma.Context, next func(huma.Context)) {
	for name, values := range anyOriginHeaders {
		ctx.SetHeader(name, values[0])
	}
	next(ctx)
}

// A document is the result of a memo, for programs.
type document[T any] struct {
	AsOf     time.Time `json:"asOf" doc:"The moment that the numbers describe."`
	Next     time.Time `json:"next" doc:"When newer numbers are due; in the past where they are being computed."`
	State    string    `json:"state" enum:"fresh,stale,degraded" doc:"Of the current window; of an earlier one, being refreshed; of an earlier one, because the refresh failed."`
	Reason   string    `json:"reason,omitempty" doc:"Why it is degraded."`
	Money    money     `json:"money" doc:"How amounts are written: they are whole minor units."`
	Timezone string    `json:"timezone" doc:"Whose days are counted: UTC, or a name such as Europe/Berlin."`
	Value    *T        `json:"value"`
}

// registerMemo registers an operation that answers with the result of a memo. The
// function params returns the memo's parameters for a request, or the error to
// answer with. The checks may return an error to answer with instead of a value, which may
// be nil.
func registerMemo[I any, P cache.Params, T any](
	s *server, api huma.API, op huma.Operation, memo *cache.Memo[P, *T], params func(context.Context, *I) (P, error), checks ...func(P, *T) error,
) {
	describeDocument[T](api, &op)
	pattern := apiRoot + op.Path
	huma.Register(api, op, func(ctx context.Context, in *I) (*huma.StreamResponse, error) {
		p, err := params(ctx, in)
		return &huma.StreamResponse{Body: func(c huma.Context) {
			r, w := humachi.Unwrap(c)
			var res cache.Result[*T]
			res, err = lookUp(r.Context(), s.Budget, memo, p, err)
			for _, check := range checks {
				if err == nil {
					err = check(p, res.Value)
				}
			}
			if err == nil {
				err = respondDocument(s, w, r, pattern+"?"+p.Key(), res)
			}
			if err != nil {
				s.fail(unwrap(w), r, err)
			}
		}}, nil
	})
}

// describeDocument completes the description of an operation that answers with a
// document.
func describeDocument[T any](api huma.API, op *huma.Operation) {
	op.Method = http.MethodGet
	op.Middlewares = huma.Middlewares{allowAnyOrigin}
	op.Errors = append(op.Errors, http.StatusForbidden, http.StatusTooManyRequests, http.StatusServiceUnavailable)
	responses := map[string]*huma.Response{
		"200": {
			Description: "The numbers, whole.",
			Headers: map[string]*huma.Param{
				"ETag": {Description: "Names these numbers: send it as If-None-Match.", Schema: &huma.Schema{Type: huma.TypeString}},
			},
			Content: map[string]*huma.MediaType{"application/json": {
				Schema: api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[document[T]](), true, "Document"),
			}},
		},
		"304": {Description: "Nothing is new since the ETag that If-None-Match named."},
	}
	maps.Copy(responses, op.Responses)
	op.Responses = responses
}

// lookUp returns the result of the memo for p, and waits within the budget for a
// first value. If err, the error of finding p, is errUncertain, lookUp returns
// only what has been computed already, and starts no producer. Any other err is
// returned.
func lookUp[P cache.Params, T any](ctx context.Context, budget time.Duration, memo *cache.Memo[P, *T], p P, err error) (cache.Result[*T], error) {
	uncertain := errors.Is(err, errUncertain)
	if err != nil && !uncertain {
		return cache.Result[*T]{}, err
	}
	res, missing := memo.Peek(p)
	if !errors.Is(missing, cache.ErrAbsent) {
		return res, missing
	}
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	if !uncertain {
		return memo.Get(ctx, p)
	}
	if res, missing = memo.Load(ctx, p); errors.Is(missing, cache.ErrAbsent) {
		return res, err
	}
	return res, missing
}

// respondDocument answers with a result as a document. A nil value is that of an
// account that is hidden, which is answered as one that is unknown.
func respondDocument[T any](s *server, w http.ResponseWriter, r *http.Request, name string, res cache.Result[*T]) error {
	if res.Value == nil {
		return unknownAccount
	}
	page, drawn, err := s.documents.get(pageKey{name: name, settings: s.Settings()}, res.Version, func() (*rendering, error) {
		return renderDocument(s, name, res)
	})
	if err != nil {
		return err
	}
	s.serve(w, r, page, drawn)
	return nil
}

// renderDocument returns a result as a document.
func renderDocument[T any](s *server, name string, res cache.Result[*T]) (*rendering, error) {
	settings := s.Settings()
	text, err := json.Marshal(document[T]{
		AsOf: res.AsOf, Next: res.Next, State: res.State.String(), Reason: res.Reason,
		Money: money{settings.Symbol, settings.Decimals}, Timezone: settings.Zone().String(), Value: res.Value,
	})
	if err != nil {
		return nil, fmt.Errorf("%s as JSON: %w", name, err)
	}
	return newRendering(http.Header{"Content-Type": {"application/json"}}, append(text, '\n'), res.Next.Add(res.Lag)), nil
}
