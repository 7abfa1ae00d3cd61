package web

import (
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"exchequer/keys"
	"exchequer/signin"
	"exchequer/views"
)

// describePanels adds the JSON documents of all panels to the description of the
// API. They are served beside the pages, not below apiRoot.
func (s *server) describePanels(api huma.API) {
	doc := api.OpenAPI()
	meta := doc.Components.Schemas.Schema(reflect.TypeFor[metaDocument](), true, "PanelMeta")
	for _, p := range s.pages {
		s.describePage(doc, p)
		if p.list != nil {
			item := s.describe(p, panel{PanelInfo: p.list.PanelInfo}, p.list.Title, doc.Components.Schemas.Schema(reflect.TypeFor[listDocument](), true, "List"))
			for _, d := range p.list.declared() {
				item.Get.Parameters = append(item.Get.Parameters, parameter(d))
			}
			item.Get.Parameters = append(item.Get.Parameters, fullParameter("1: all rows that follow, in one stream."))
			doc.Paths[p.pattern("/"+p.list.Name+".json")] = item
		}
		for _, panel := range p.panels {
			item := s.describe(p, panel, panel.Title, panel.schema(doc.Components.Schemas))
			full := "1: refused where the panel lists only the first ones, since there is no file of all."
			if panel.full != nil {
				full = "1: where the panel lists only the first ones, all of them, in one stream as a List."
			}
			item.Get.Parameters = append(item.Get.Parameters, fullParameter(full))
			item.Get.Responses[strconv.Itoa(http.StatusBadRequest)] = &huma.Response{Description: "There is no file of all that is asked for with full=1."}
			doc.Paths[p.pattern("/"+panel.Name+".json")] = item
			doc.Paths[p.pattern("/"+panel.Name+".meta.json")] = s.describe(p, panel, "What this means: "+panel.Title, meta)
		}
	}
}

func fullParameter(text string) *huma.Param {
	return &huma.Param{Name: "full", In: "query", Description: text, Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{"1"}}}
}

func (s *server) describe(p *page, panel panel, summary string, schema *huma.Schema) *huma.PathItem {
	return &huma.PathItem{
		Get: &huma.Operation{
			Servers: []*huma.Server{{URL: s.Root.Of("/")}}, Metadata: showing(panel.shows()),
			Summary: p.Name + ": " + summary, Description: panel.How.Meaning, Tags: []string{p.Name},
			Parameters: parameters(p, panel),
			Responses: map[string]*huma.Response{
				strconv.Itoa(http.StatusOK): {
					Description: "The numbers, whole.",
					Content:     map[string]*huma.MediaType{"application/json": {Schema: schema}},
				},
				strconv.Itoa(http.StatusServiceUnavailable): {Description: "They could not be computed yet."},
			},
		},
	}
}

func parameters(p *page, panel panel) []*huma.Param {
	var all []*huma.Param
	if strings.Contains(p.Path, "{origin}") {
		all = append(all, &huma.Param{Name: "origin", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}})
	}
	if p.exists != nil {
		all = append(all, &huma.Param{Name: "ref", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}})
	}
	for _, d := range panel.Params {
		all = append(all, parameter(d))
	}
	return all
}

func parameter(d *views.Param) *huma.Param {
	schema := &huma.Schema{Type: huma.TypeString, Default: d.Default}
	for _, o := range d.Options {
		schema.Enum = append(schema.Enum, o.Value)
	}
	return &huma.Param{Name: d.Name, In: "query", Description: d.Label + ". A value that cannot be is taken as the nearest, or as none.", Schema: schema}
}

// describePrivacy adds to the description who is answered.
func (s *server) describePrivacy(api huma.API) {
	if s.Privacy.sees(signin.Visitor) == views.ShowsDealings {
		return
	}
	doc := api.OpenAPI()
	for _, item := range doc.Paths {
		if item.Get == nil {
			continue
		}
		shows, is := item.Get.Metadata[levelShown].(views.Level)
		if !is {
			continue
		}
		item.Get.Security = []map[string][]string{{keyScheme: {string(keys.Read)}}}
		why := "It is shown to viewers only: send a key of the scope read."
		if shows <= s.Privacy.sees(signin.Visitor) {
			item.Get.Security = append(item.Get.Security, map[string][]string{}) // or none
			why = fmt.Sprintf("They are numbers of fewer than %d holders, or the key is not known.", fewHolders)
		}
		content := map[string]*huma.MediaType{"application/problem+json": {Schema: doc.Components.Schemas.Schema(reflect.TypeFor[huma.ErrorModel](), true, "ErrorModel")}}
		if len(item.Get.Servers) > 0 { // beside pages, errors are plain objects
			content = map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Type: huma.TypeObject}}}
		}
		item.Get.Responses[strconv.Itoa(http.StatusUnauthorized)] = &huma.Response{
			Description: why, Content: content,
			Headers: map[string]*huma.Param{"WWW-Authenticate": {Description: "How to send a key: Bearer, or Basic with any name.", Schema: &huma.Schema{Type: huma.TypeString}}},
		}
	}
}
