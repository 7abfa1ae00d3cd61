package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"exchequer/cache"
)

const (
	operatorScheme = "operator" // the name of the security scheme in the description
	operatorBody   = 16 << 10
)

// operatorsAPI registers what only operators may ask, and have done.
func (s *server) operatorsAPI(api huma.API) {
	description := api.OpenAPI()
	if description.Components.SecuritySchemes == nil {
		description.Components.SecuritySchemes = map[string]*huma.SecurityScheme{}
	}
	description.Components.SecuritySchemes[operatorScheme] = &huma.SecurityScheme{
		Type: "http", Scheme: "bearer", Description: "The operators' token of this deployment.",
	}
	op := func(method, path, id, summary string, errors ...int) huma.Operation {
		return huma.Operation{
			Method: method, Path: "/cache" + path, OperationID: id, Summary: summary, Tags: []string{"operators"},
			Security:     []map[string][]string{{operatorScheme: {}}},
			Middlewares:  huma.Middlewares{s.gate.before},
			MaxBodyBytes: operatorBody,
			Errors:       append(errors, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests),
		}
	}
	taking := func(path, id, summary string, errors ...int) huma.Operation { // a body
		return op(http.MethodPost, path, id, summary,
			append(errors, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)...)
	}
	const missing, wrong, away = http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusServiceUnavailable
	huma.Register(api, op(http.MethodGet, "/stats", "cache-stats", "What the cache has counted, and how Redis does"), s.cacheStats)
	huma.Register(api, op(http.MethodPost, "/stats/reset", "cache-stats-reset", "Start the counts of stats anew"), s.cacheStatsReset)
	huma.Register(api, op(http.MethodGet, "/policies", "cache-policies", "The policies in force"), s.cachePolicies)
	huma.Register(api, op(http.MethodGet, "/status", "cache-status", "What is known of one key", missing, wrong, away), s.cacheStatus)
	huma.Register(api, taking("/invalidate", "cache-invalidate", "Mark values as stale, or forbid them", missing, wrong, away), s.cacheInvalidate)
	huma.Register(api, op(http.MethodPost, "/test", "cache-test", "Set, get and delete a value at the shared level"), s.cacheTest)
	huma.Register(api, op(http.MethodGet, "/health", "cache-health", "How the cache does, in one look"), s.cacheHealth)
	huma.Register(api, warmOperation(taking("/warm", "cache-warm", "Bring values up to date", missing, http.StatusConflict, wrong)), s.cacheWarm)
}

// before puts the gate before an operation.
func (g *gate) before(ctx huma.Context, next func(huma.Context)) {
	r, w := humachi.Unwrap(ctx)
	g.guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next(humachi.NewContext(ctx.Operation(), r, w))
	})).ServeHTTP(w, r)
}

// refusal is what an operator is told of an error of the cache. Operators may
// read it as it is.
func refusal(ctx context.Context, err error) error {
	note(ctx, slog.String("reason", err.Error()))
	var unknown *cache.UnknownMemoError
	if errors.As(err, &unknown) {
		return huma.Error404NotFound(unknown.Error())
	}
	return huma.Error503ServiceUnavailable(err.Error())
}

type resetAnswer struct {
	Since time.Time `json:"since" doc:"The counts are from here on."`
}

func (s *server) cacheStatsReset(ctx context.Context, _ *struct{}) (*answered[resetAnswer], error) {
	s.Cache.ResetStats()
	return answerWith(resetAnswer{s.Cache.Health().Since}), nil
}

type policiesAnswer struct {
	Policies []policyAnswer `json:"policies"`
}

type policyAnswer struct {
	Memo    string   `json:"memo"`
	Window  float64  `json:"windowSeconds" doc:"One computation serves this long."`
	Soft    float64  `json:"softSeconds" doc:"A value is fresh this long, from the start of its window."`
	Hard    float64  `json:"hardSeconds" doc:"A value is shown at all this long."`
	Timeout float64  `json:"timeoutSeconds" doc:"Of one run of the producer."`
	Tags    []string `json:"tags"`
}

func (s *server) cachePolicies(context.Context, *struct{}) (*answered[policiesAnswer], error) {
	a := policiesAnswer{Policies: []policyAnswer{}}
	for _, p := range s.Cache.Policies() {
		a.Policies = append(a.Policies, policyAnswer{
			p.Memo, p.Window.Seconds(), p.Soft.Seconds(), p.Hard.Seconds(), p.Timeout.Seconds(), append([]string{}, p.Tags...),
		})
	}
	return answerWith(a), nil
}

// invalidateInput is what POST invalidate takes: one scope.
type invalidateInput struct {
	Body struct {
		Key     string `json:"key,omitempty" maxLength:"512" pattern:"^[^\\x00-\\x1f\\x7f]*$" doc:"One value: MEMO:PARAMS, without control characters."`
		Memo    string `json:"memo,omitempty" maxLength:"128" doc:"All values of a memo."`
		Tag     string `json:"tag,omitempty" maxLength:"128" doc:"The memos of a tag."`
		Pattern string `json:"pattern,omitempty" maxLength:"128" doc:"The memos whose names match: economy.*"`
		Tenant  bool   `json:"tenant,omitempty" doc:"All memos of this deployment."`
		All     bool   `json:"all,omitempty" doc:"Everything in the shared level, other deployments included."`
		How     string `json:"how,omitempty" enum:"soft,hard" default:"soft" doc:"soft: shown until there is a newer one. hard: not shown again."`
	}
}

type invalidateAnswer struct {
	Scope string `json:"scope" example:"memo economy.overview"`
	How   string `json:"how" enum:"soft,hard"`
	Away  bool   `json:"away" doc:"Redis is away: other processes hear of it when it is back."`
	// A key's parameters cannot be checked as a memo's name is.
	Unknown bool `json:"unknown,omitempty" doc:"Neither this process nor the shared level has the key: it may be misspelt."`
}

func (s *server) cacheInvalidate(ctx context.Context, in *invalidateInput) (*answered[invalidateAnswer], error) {
	scope, name, err := s.scope(in)
	how := cache.Soft
	if in.Body.How == cache.Hard.String() {
		how = cache.Hard
	}
	note(ctx, slog.String("scope", name), slog.String("how", how.String()))
	if err != nil {
		return nil, err
	}
	if err := s.Cache.Invalidate(ctx, how, scope); err != nil {
		return nil, refusal(ctx, err)
	}
	a := invalidateAnswer{Scope: name, How: how.String(), Away: s.Cache.Health().Shared.Away}
	if memo, params, _ := strings.Cut(in.Body.Key, ":"); memo != "" {
		st, err := s.Cache.Status(ctx, memo, params)
		a.Unknown = err == nil && st.Process == nil && !st.Cached
	}
	return answerWith(a), nil
}

// scope finds what a request names, which must be there: an invalidation of
// nothing is a mistake that should not look like a success.
func (s *server) scope(in *invalidateInput) (scope cache.Scope, name string, err error) {
	b, given := in.Body, 0
	for _, set := range []bool{b.Key != "", b.Memo != "", b.Tag != "", b.Pattern != "", b.Tenant, b.All} {
		if set {
			given++
		}
	}
	switch {
	case given != 1:
		return scope, "", huma.Error422UnprocessableEntity("name one of key, memo, tag, pattern, tenant (true) and all (true), and no more")
	case b.Key != "":
		memo, params, _ := strings.Cut(b.Key, ":")
		return cache.OfKey(memo, params), "key " + b.Key, s.known(memo)
	case b.Memo != "":
		return cache.OfMemo(b.Memo), "memo " + b.Memo, s.known(b.Memo)
	case b.Tag != "":
		var tags []string
		for _, p := range s.Cache.Policies() {
			tags = append(tags, p.Tags...)
		}
		slices.Sort(tags)
		if tags = slices.Compact(tags); !slices.Contains(tags, b.Tag) {
			err = huma.Error404NotFound("no memo has the tag " + quoted(b.Tag) + " (there are " + strings.Join(tags, ", ") + ")")
		}
		return cache.OfTag(b.Tag), "tag " + b.Tag, err
	case b.Pattern != "":
		matched := false
		for _, p := range s.Cache.Policies() {
			ok, bad := path.Match(b.Pattern, p.Memo)
			if bad != nil {
				return scope, "pattern " + b.Pattern, huma.Error422UnprocessableEntity("the pattern " + quoted(b.Pattern) + " is malformed")
			}
			matched = matched || ok
		}
		if !matched {
			err = s.known(b.Pattern)
		}
		return cache.OfMemos(b.Pattern), "pattern " + b.Pattern, err
	case b.Tenant:
		return cache.OfTenant(), "tenant", nil
	default:
		return cache.OfEverything(), "all", nil
	}
}

// known says which of the names is not a memo's.
func (s *server) known(names ...string) error {
	var known []string
	for _, p := range s.Cache.Policies() {
		known = append(known, p.Memo)
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return huma.Error404NotFound((&cache.UnknownMemoError{Name: name, Known: known}).Error())
		}
	}
	return nil
}

type testAnswer struct {
	Kind   string  `json:"kind" enum:"memory,redis"`
	OK     bool    `json:"ok"`
	Error  string  `json:"error,omitempty"`
	Set    float64 `json:"setSeconds"`
	Get    float64 `json:"getSeconds"`
	Delete float64 `json:"deleteSeconds"`
}

func (s *server) cacheTest(ctx context.Context, _ *struct{}) (*answered[testAnswer], error) {
	trip, err := s.Cache.TestRoundTrip(ctx)
	a := testAnswer{
		Kind: s.Cache.Health().Shared.Kind, OK: err == nil,
		Set: trip.Set.Seconds(), Get: trip.Get.Seconds(), Delete: trip.Delete.Seconds(),
	}
	if err != nil {
		a.Error = err.Error()
		note(ctx, slog.String("reason", a.Error))
	}
	return answerWith(a), nil
}
