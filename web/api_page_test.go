package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/getkin/kin-openapi/openapi3"
)

func TestPeopleReadWhatProgramsMayAskFor(t *testing.T) {
	server := newTown().start(t)
	response, body := ask(t, "GET", server.URL+"/api")
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("status %d, %v", response.StatusCode, response.Header)
	}
	page := parse(t, body)
	description := describedAPI(t, server.URL)
	for path, item := range description.Paths.Map() {
		if item.Get == nil || item.Get.Servers != nil || item.Get.Security != nil {
			continue
		}
		section := page.Find("section").FilterFunction(func(_ int, s *goquery.Selection) bool {
			return s.Find("p code").First().Text() == "GET /api/v1"+path
		})
		if section.Length() != 1 {
			t.Errorf("%s is there %d times", path, section.Length())
			continue
		}
		for _, p := range item.Get.Parameters {
			if row := section.Find("tbody tr").FilterFunction(func(_ int, s *goquery.Selection) bool { return s.Find("th").Text() == p.Value.Name }); row.Length() != 1 {
				t.Errorf("%s: the parameter %s is there %d times", path, p.Value.Name, row.Length())
			}
		}
		example := decoded(t, section.Find("pre").Text())
		schema := item.Get.Responses.Status(http.StatusOK).Value.Content["application/json"].Schema.Value
		if err := schema.VisitJSON(example, openapi3.EnableJSONSchema2020()); err != nil {
			t.Errorf("%s: the example is not as described: %v", path, err)
		}
	}
	if strings.Contains(body, "/api/v1/cache/") {
		t.Error("the page has addresses of operators")
	}
}
