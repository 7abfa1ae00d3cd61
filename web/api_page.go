package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"exchequer/views"
)

// apiPage is where people read what programs may ask for. It is made of the description
// of the API.
func (s *server) apiPage() handler {
	described := sync.OnceValues(func() ([]views.Operation, error) { return operationsOf(s.describedAPI()) })
	return func(w http.ResponseWriter, r *http.Request) error {
		e := s.edition(r.Context())
		p, drawn, err := s.rendered.get(s.pageKey(r, e.key+" "+apiPagePath, views.Params{}), 1, func() (*rendering, error) {
			view := views.Page{Site: s.site(), Info: views.PageInfo{
				Path: apiPagePath, Name: "For programs", Heading: "For programs",
				Above:       []views.MenuEntry{{Name: "Economy", Path: "/economy"}},
				Description: "The numbers of {economy} as JSON: addresses, parameters and answers.",
			}}
			view.Menu = e.menu
			operations, err := described()
			if err != nil {
				return nil, err
			}
			var b bytes.Buffer
			if err := views.APIPage(view, operations).Render(context.WithoutCancel(r.Context()), &b); err != nil {
				return nil, fmt.Errorf("page of the API: %w", err)
			}
			return newRendering(pageHeader(view), b.Bytes(), time.Time{}), nil
		})
		if err != nil {
			return err
		}
		s.serve(w, r, p, drawn)
		return nil
	}
}

const apiPagePath = "/api"

// operationsOf returns what everybody may ask for below apiRoot, by path.
func operationsOf(doc *huma.OpenAPI) ([]views.Operation, error) {
	var all []views.Operation
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		op := doc.Paths[path].Get
		if op == nil || op.Metadata[levelShown] == nil || len(op.Servers) > 0 { // of operators, of panels
			continue
		}
		shown := views.Operation{Path: apiRoot + path, Summary: op.Summary, Description: op.Description}
		for _, p := range op.Parameters {
			param := views.OperationParam{Name: p.Name, Where: p.In, Text: p.Description}
			for _, value := range p.Schema.Enum {
				param.Values = append(param.Values, fmt.Sprint(value))
			}
			if p.Schema.Default != nil {
				param.Default = fmt.Sprint(p.Schema.Default)
			}
			shown.Params = append(shown.Params, param)
		}
		if answer := op.Responses[strconv.Itoa(http.StatusOK)]; answer != nil && answer.Content["application/json"] != nil {
			text, err := json.MarshalIndent(exampleOf(doc.Components.Schemas, answer.Content["application/json"].Schema, 0), "", "  ")
			if err != nil {
				return nil, fmt.Errorf("example of %s: %w", path, err)
			}
			shown.Example = string(text)
		}
		all = append(all, shown)
	}
	return all, nil
}

// deepest bounds the depth of an example, whatever its schema.
const deepest = 12

// exampleOf returns a value of the form that a schema describes.
func exampleOf(schemas huma.Registry, s *huma.Schema, depth int) any {
	if s != nil && s.Ref != "" {
		s = schemas.SchemaFromRef(s.Ref)
	}
	if s == nil || depth > deepest {
		return nil
	}
	if len(s.Enum) > 0 {
		return s.Enum[0]
	}
	switch s.Type {
	case huma.TypeObject:
		object := map[string]any{}
		for name, of := range s.Properties {
			object[name] = exampleOf(schemas, of, depth+1)
		}
		if of, ok := s.AdditionalProperties.(*huma.Schema); ok {
			object["item:diamond"] = exampleOf(schemas, of, depth+1)
		}
		return object
	case huma.TypeArray:
		return []any{exampleOf(schemas, s.Items, depth+1)}
	case huma.TypeString:
		if s.Format == "date-time" {
			return "2026-11-21T07:54:00Z"
		}
		return "text"
	case huma.TypeInteger:
		return 1
	case huma.TypeNumber:
		return 1.5
	case huma.TypeBoolean:
		return false
	}
	return nil
}
