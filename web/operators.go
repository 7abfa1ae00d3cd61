package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"exchequer/admin"
	"exchequer/cache"
	"exchequer/vitals"
)

const (
	operatorScheme = "operator" // the name of the security scheme in the description
	operatorBody   = 16 << 10
)

// operatorsAPI registers the operations that only operators may use.
func (s *server) operatorsAPI(api huma.API) {
	description := api.OpenAPI()
	description.Components.SecuritySchemes[operatorScheme] = &huma.SecurityScheme{
		Type: "http", Scheme: "bearer", Description: "The operators' token of this deployment.",
	}
	op := func(method, path, id, summary string, errors ...int) huma.Operation {
		return huma.Operation{
			Method: method, Path: "/cache" + path, OperationID: id, Summary: summary, Tags: []string{"operators"},
			Security:     []map[string][]string{{operatorScheme: {}}},
			Middlewares:  huma.Middlewares{s.auth.operation},
			MaxBodyBytes: operatorBody,
			Errors:       append(errors, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests),
		}
	}
	withBody := func(path, id, summary string, errors ...int) huma.Operation { // a body
		return op(http.MethodPost, path, id, summary,
			append(errors, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)...)
	}
	if s.Vitals != nil {
		slowest := op(http.MethodGet, "", "slowest-pages", "Which pages are slow, for whom, and since when", http.StatusServiceUnavailable)
		slowest.Path = "/pages/slowest"
		huma.Register(api, slowest, s.slowestPages)
	}
	const missing, wrong, down = http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusServiceUnavailable
	huma.Register(api, op(http.MethodGet, "/stats", "cache-stats", "What the cache has counted, and how Redis does"), s.cacheStats)
	huma.Register(api, op(http.MethodPost, "/stats/reset", "cache-stats-reset", "Start the counts of stats anew"), s.cacheStatsReset)
	huma.Register(api, op(http.MethodGet, "/policies", "cache-policies", "The policies in force"), s.cachePolicies)
	huma.Register(api, op(http.MethodGet, "/status", "cache-status", "What is known of one key", missing, wrong, down), s.cacheStatus)
	huma.Register(api, op(http.MethodGet, "/keys", "cache-keys", "The keys that this process holds", missing, wrong), s.cacheKeys)
	huma.Register(api, withBody("/invalidate", "cache-invalidate", "Mark values as stale, or forbid them", missing, wrong, down), s.cacheInvalidate)
	huma.Register(api, op(http.MethodPost, "/test", "cache-test", "Set, get and delete a value at the shared level"), s.cacheTest)
	huma.Register(api, op(http.MethodGet, "/health", "cache-health", "How the cache does, in one look"), s.cacheHealth)
	huma.Register(api, warmOperation(withBody("/warm", "cache-warm", "Bring values up to date", missing, http.StatusConflict, wrong)), s.cacheWarm)
}

// operation is middleware for an operation of the API.
func (a *operatorAuth) operation(ctx huma.Context, next func(huma.Context)) {
	r, w := humachi.Unwrap(ctx)
	a.middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next(humachi.NewContext(ctx.Operation(), r, w))
	})).ServeHTTP(w, r)
}

// operatorError returns the answer to an error of the cache, and adds the error
// to the audit line. Operators may read it as it is.
func operatorError(ctx context.Context, err error) error {
	annotate(ctx, slog.String("reason", err.Error()))
	var (
		memo      *cache.UnknownMemoError
		tag       *cache.UnknownTagError
		malformed *cache.MalformedError
	)
	switch {
	case errors.As(err, &memo):
		return huma.Error404NotFound(memo.Error())
	case errors.As(err, &tag):
		return huma.Error404NotFound(tag.Error())
	case errors.As(err, &malformed):
		return huma.Error422UnprocessableEntity(malformed.Error())
	default:
		return huma.Error503ServiceUnavailable(err.Error())
	}
}

// An output is an operation's JSON body.
type output[T any] struct{ Body T }

func newOutput[T any](body T) *output[T] { return &output[T]{body} }

func (s *server) slowestPages(ctx context.Context, _ *struct{}) (*output[vitals.Report], error) {
	report, err := s.Vitals.Slowest(ctx)
	if err != nil {
		return nil, operatorError(ctx, err)
	}
	return newOutput(*report), nil
}

func (s *server) cacheStats(ctx context.Context, _ *struct{}) (*output[cache.Stats], error) {
	return newOutput(s.Cache.Stats(ctx)), nil
}

// A CacheReset is the answer of POST stats/reset.
type CacheReset struct {
	Since time.Time `json:"since" doc:"The counts are from here on."`
}

func (s *server) cacheStatsReset(context.Context, *struct{}) (*output[CacheReset], error) {
	return newOutput(CacheReset{s.Cache.ResetStats()}), nil
}

// CachePolicies is the answer of GET policies.
type CachePolicies struct {
	Policies []cache.NamedPolicy `json:"policies" nullable:"false"`
}

func (s *server) cachePolicies(context.Context, *struct{}) (*output[CachePolicies], error) {
	return newOutput(CachePolicies{s.Cache.Policies()}), nil
}

type statusInput struct {
	Key string `query:"key" required:"true" minLength:"1" maxLength:"512" doc:"MEMO:PARAMS, as in stats:personal:active; the memo alone where it has no parameters."`
}

func (s *server) cacheStatus(ctx context.Context, in *statusInput) (*output[cache.Status], error) {
	memo, params, _ := strings.Cut(in.Key, ":")
	status, err := s.Cache.Status(ctx, memo, params)
	if err != nil {
		return nil, operatorError(ctx, err)
	}
	return newOutput(status), nil
}

type keysInput struct {
	Memo  string `query:"memo" maxLength:"128" doc:"Of this memo only."`
	State string `query:"state" enum:"fresh,stale,degraded,forbidden,none" doc:"In this state only."`
	Limit int    `query:"limit" default:"100" minimum:"1" maximum:"1000" doc:"How many at most."`
}

func (s *server) cacheKeys(ctx context.Context, in *keysInput) (*output[cache.Keys], error) {
	keys, err := s.Cache.Keys(cache.KeyQuery(*in))
	if err != nil {
		return nil, operatorError(ctx, err)
	}
	return newOutput(keys), nil
}

func (s *server) cacheInvalidate(ctx context.Context, in *struct{ Body admin.InvalidateRequest }) (*output[admin.InvalidateAnswer], error) {
	annotate(ctx, slog.String("how", in.Body.Mode().String()))
	scope, one := in.Body.Scope()
	if !one {
		return nil, huma.Error422UnprocessableEntity("name one of key, memo, tag, pattern, tenant (true) and all (true), and no more")
	}
	annotate(ctx, slog.String("scope", scope.String()))
	a, err := admin.Invalidate(ctx, s.Cache, in.Body)
	if err != nil {
		return nil, operatorError(ctx, err)
	}
	return newOutput(a), nil
}

// A CacheTest is the answer of POST test.
type CacheTest struct {
	Kind  string `json:"kind" enum:"memory,redis"`
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
	cache.RoundTrip
}

func (s *server) cacheTest(ctx context.Context, _ *struct{}) (*output[CacheTest], error) {
	trip, err := s.Cache.TestRoundTrip(ctx)
	a := CacheTest{Kind: s.Cache.Health().Shared.Kind, OK: err == nil, RoundTrip: trip}
	if err != nil {
		a.Error = err.Error()
		annotate(ctx, slog.String("reason", a.Error))
	}
	return newOutput(a), nil
}

func (s *server) cacheHealth(ctx context.Context, _ *struct{}) (*output[cache.HealthReport], error) {
	return newOutput(s.Cache.HealthReport(ctx)), nil
}
