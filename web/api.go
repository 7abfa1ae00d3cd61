package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"

	"exchequer/cache"
)

// apiRoot is where the JSON API begins. What is below it answers failures with
// problem documents (RFC 9457), whatever the reader accepts.
const apiRoot = "/api/v1"

// api registers the operations of the JSON API and the document that describes
// them all.
func (s *server) api(r chi.Router, get func(pattern string, h handler)) error {
	api := s.emptyAPI(r)
	s.publicAPI(api)
	s.operatorsAPI(api)

	text, err := json.Marshal(api.OpenAPI())
	if err != nil {
		return fmt.Errorf("describe the API as JSON: %w", err)
	}
	yaml, err := api.OpenAPI().YAML()
	if err != nil {
		return fmt.Errorf("describe the API as YAML: %w", err)
	}
	get(apiRoot+"/openapi.json", s.description("application/openapi+json", text))
	get(apiRoot+"/openapi.yaml", s.description("application/openapi+yaml", yaml))
	return nil
}

// emptyAPI has no operations yet.
func (s *server) emptyAPI(r chi.Router) huma.API {
	config := huma.DefaultConfig("Exchequer", s.Version)
	config.Info.Description = "The economy of a double-entry ledger. Money is whole minor units, times are UTC."
	config.Servers = []*huma.Server{{URL: apiRoot}}
	config.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	// The document is made below, once; no page shows it, since our policy
	// allows no script from elsewhere; and answers name no schema of their own.
	config.OpenAPIPath, config.DocsPath, config.SchemasPath, config.CreateHooks = "", "", "", nil
	config.Transformers = []huma.Transformer{s.conceal}
	return huma.NewAPI(config, apiAdapter{s, r})
}

// description serves what is the same as long as the program runs.
func (s *server) description(contentType string, text []byte) handler {
	header := openHeaders.Clone()
	header.Set("Content-Type", contentType)
	p := newPage(header, text, time.Time{})
	return func(w http.ResponseWriter, r *http.Request) error {
		s.serve(w, r, p, false)
		return nil
	}
}

// schemaName keeps types of the same name in different rooms apart.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.PkgPath() == reflect.TypeFor[cache.Policy]().PkgPath() {
		return "Cache" + name
	}
	return name
}

// An apiAdapter gives the operations what surrounds every other handler:
// headers, limits, access log, metrics. What answers to GET answers to HEAD.
type apiAdapter struct {
	server *server
	router chi.Router
}

func (a apiAdapter) Handle(op *huma.Operation, handle func(huma.Context)) {
	pattern := apiRoot + op.Path
	answer := a.server.answer(pattern, func(w http.ResponseWriter, r *http.Request) error {
		w.Header()["Cache-Control"] = noStore // unless the operation knows better
		handle(humachi.NewContext(op, r, w))
		return nil
	})
	a.router.Method(op.Method, pattern, answer)
	if op.Method == http.MethodGet {
		a.router.Method(http.MethodHead, pattern, answer)
	}
}

func (a apiAdapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.router.ServeHTTP(w, r) }

// conceal keeps what an operation's unforeseen error says out of the answer,
// and puts it into the log.
func (s *server) conceal(ctx huma.Context, _ string, v any) (any, error) {
	problem, ok := v.(*huma.ErrorModel)
	if !ok || problem.Status != http.StatusInternalServerError {
		return v, nil
	}
	var cause error
	for _, detail := range problem.Errors {
		cause = errors.Join(cause, detail)
	}
	_, w := humachi.Unwrap(ctx)
	s.Log.ErrorContext(ctx.Context(), "request failed", "id", w.Header().Get("X-Request-Id"),
		"route", apiRoot+ctx.Operation().Path, "detail", problem.Detail, "error", cause)
	return &huma.ErrorModel{
		Title: problem.Title, Status: problem.Status, Detail: messages[http.StatusInternalServerError],
	}, nil
}

func isAPI(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, apiRoot+"/") }
