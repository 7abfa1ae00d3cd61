package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"

	"exchequer/cache"
	sent "exchequer/client"
	"exchequer/ledger"
	"exchequer/views"
)

// apiRoot is where the JSON API begins. What is below it answers failures with
// problem documents (RFC 9457), whatever the reader accepts.
const apiRoot = "/api/v1"

// api registers the operations of the JSON API, and its description.
func (s *server) api(r chi.Router, get, getOperators func(pattern string, shows views.Level, h handler)) {
	api := s.emptyAPI(apiAdapter{s, r})
	s.publicAPI(api)
	if s.OperatorsApart {
		s.operatorsAPI(s.emptyAPI(apiAdapter{s, s.operators.router}))
		getOperators(apiRoot+"/openapi.json", views.ShowsNothing, s.description("application/openapi+json", func() ([]byte, error) {
			own := s.emptyAPI(unanswered{})
			s.operatorsAPI(own)
			return json.Marshal(own.OpenAPI())
		}))
	} else {
		s.operatorsAPI(api)
	}
	s.ingestAPI(api)

	get(apiPagePath, views.ShowsNames, s.apiPage())
	getting := get
	get = func(pattern string, shows views.Level, h handler) { getting(pattern, shows, s.admitting(h)) }
	get(apiRoot+"/openapi.json", views.ShowsNames, s.description("application/openapi+json", func() ([]byte, error) { return json.Marshal(s.describedAPI()) }))
	get(apiRoot+"/openapi.yaml", views.ShowsNames, s.description("application/openapi+yaml", func() ([]byte, error) { return s.describedAPI().YAML() }))
	get(apiRoot+"/markers.json", views.ShowsSums, s.markers)
}

// describedAPI returns the description of what the pages' address answers, with the
// documents of panels. It takes more memory than all else of a site, so it is made of
// operations of its own when somebody asks, and not kept.
func (s *server) describedAPI() *huma.OpenAPI {
	api := s.emptyAPI(unanswered{})
	s.publicAPI(api)
	s.describePanels(api)
	s.describePrivacy(api)
	// Later versions may add fields, which validating clients must not refuse.
	for _, schema := range api.OpenAPI().Components.Schemas.Map() {
		schema.AdditionalProperties = nil
	}
	if !s.OperatorsApart {
		s.operatorsAPI(api)
	}
	s.ingestAPI(api)
	return api.OpenAPI()
}

// unanswered is where operations are registered to be described alone.
type unanswered struct{ http.Handler }

func (unanswered) Handle(*huma.Operation, func(huma.Context)) {}

// emptyAPI returns an API without operations.
func (s *server) emptyAPI(to huma.Adapter) huma.API {
	config := huma.DefaultConfig("Exchequer", s.Version)
	config.Info.Description = "The economy of a double-entry ledger. Money is whole minor units, times are UTC. A day is given by the moment at which it begins in the community's time zone, with the offset from UTC there."
	config.Servers = []*huma.Server{{URL: s.Root.Of(apiRoot)}}
	config.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{}
	config.Components.Schemas.RegisterTypeAlias(reflect.TypeFor[ledger.Sum](), reflect.TypeFor[wholeNumber]())
	// The caller serves the OpenAPI document. No page shows it, since our content
	// security policy allows no script of others. Answers link to no schema.
	config.OpenAPIPath, config.DocsPath, config.SchemasPath, config.CreateHooks = "", "", "", nil
	config.Transformers = []huma.Transformer{s.hideInternal}
	return huma.NewAPI(config, to)
}

// description serves a text that does not change while the program runs. It is
// made for its first reader, since it takes as long as all else at the start.
func (s *server) description(contentType string, text func() ([]byte, error)) handler {
	rendered := sync.OnceValues(func() (*rendering, error) {
		b, err := text()
		if err != nil {
			return nil, fmt.Errorf("describe the API: %w", err)
		}
		header := anyOriginHeaders.Clone()
		header.Set("Content-Type", contentType)
		return newRendering(header, b, time.Time{}), nil
	})
	return func(w http.ResponseWriter, r *http.Request) error {
		p, err := rendered()
		if err != nil {
			return err
		}
		s.serve(w, r, p, false)
		return nil
	}
}

// schemaName gives types of the cache, and records that are written, another name than
// those of the same name elsewhere.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.PkgPath() {
	case reflect.TypeFor[cache.Policy]().PkgPath():
		return "Cache" + name
	case reflect.TypeFor[sent.Account]().PkgPath():
		return "Sent" + name
	}
	return name
}

// An apiAdapter instruments operations as all other handlers are. An operation
// that answers GET answers HEAD too.
type apiAdapter struct {
	server *server
	router chi.Router
}

func (a apiAdapter) Handle(op *huma.Operation, handle func(huma.Context)) {
	pattern := apiRoot + op.Path
	var answer handler = func(w http.ResponseWriter, r *http.Request) error {
		w.Header()["Cache-Control"] = noStore // unless the operation sets it
		handle(humachi.NewContext(op, r, w))
		return nil
	}
	if len(op.Security) == 0 { // operators have a limit of their own
		answer = a.server.admitting(answer)
	}
	shows, _ := op.Metadata[levelShown].(views.Level)
	if len(op.Security) > 0 {
		shows = views.ShowsNothing // to others than who has a key for it
	}
	instrumented := a.server.instrument(pattern, shows, answer)
	if limit, ok := op.Metadata[largeBody].(int64); ok {
		instrumented = a.server.instrumentBody(pattern, shows, limit, answer)
	}
	a.router.Method(op.Method, pattern, instrumented)
	if op.Method == http.MethodGet {
		a.router.Method(http.MethodHead, pattern, instrumented)
	}
}

func (a apiAdapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.router.ServeHTTP(w, r) }

// hideInternal replaces the text of an operation's unforeseen error in the answer,
// and leaves the error to the log.
func (s *server) hideInternal(ctx huma.Context, _ string, v any) (any, error) {
	problem, ok := v.(*huma.ErrorModel)
	if !ok || problem.Status != http.StatusInternalServerError {
		return v, nil
	}
	failure := errors.New(problem.Detail)
	for _, cause := range problem.Errors {
		failure = fmt.Errorf("%w: %w", failure, cause)
	}
	_, w := humachi.Unwrap(ctx)
	unwrap(w).err = failure
	return &huma.ErrorModel{
		Title: problem.Title, Status: problem.Status, Detail: messages[http.StatusInternalServerError],
	}, nil
}

func isAPI(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, apiRoot+"/") }

// A wholeNumber describes a [ledger.Sum].
type wholeNumber struct{}

// Schema returns an integer without a format: it may pass 64 bits.
func (wholeNumber) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeInteger}
}
