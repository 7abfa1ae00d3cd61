package web

import (
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"exchequer/views"
)

// describePanels adds the JSON documents of all panels to the description of the
// API. They are served beside the pages, not below apiRoot.
func (s *server) describePanels(api huma.API) {
	doc := api.OpenAPI()
	meta := doc.Components.Schemas.Schema(reflect.TypeFor[metaDocument](), true, "PanelMeta")
	for _, p := range s.pages {
		describePage(doc, p)
		if p.list != nil {
			item := describe(p, panel{PanelInfo: p.list.PanelInfo}, p.list.Title, doc.Components.Schemas.Schema(reflect.TypeFor[listDocument](), true, "List"))
			for _, d := range p.list.declared() {
				item.Get.Parameters = append(item.Get.Parameters, parameter(d))
			}
			doc.Paths[p.pattern("/"+p.list.Name+".json")] = item
		}
		for _, panel := range p.panels {
			doc.Paths[p.pattern("/"+panel.Name+".json")] = describe(p, panel, panel.Title, panel.schema(doc.Components.Schemas))
			doc.Paths[p.pattern("/"+panel.Name+".meta.json")] = describe(p, panel, "What this means: "+panel.Title, meta)
		}
	}
}

func describe(p *page, panel panel, summary string, schema *huma.Schema) *huma.PathItem {
	return &huma.PathItem{
		Get: &huma.Operation{
			Servers: []*huma.Server{{URL: "/"}},
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
