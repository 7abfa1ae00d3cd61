package web

import (
	"encoding/json"
	"net/http"
	"testing"
)

func TestAWholeListComesAsOneDocument(t *testing.T) {
	tn := newTown()
	tn.statement = lines(1234)
	site := tn.start(t)
	r, body := ask(t, http.MethodGet, site.URL+"/accounts/ada/statement.json?full=1")
	var d listDocument
	if err := json.Unmarshal([]byte(body), &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Rows) != 1234 || len(d.Columns) == 0 || d.Next != "" || d.List != "statement" || d.Money.Decimals != 2 {
		t.Errorf("status %d: %d rows, %d columns, next %q", r.StatusCode, len(d.Rows), len(d.Columns), d.Next)
	}
	seen := map[string]bool{}
	for _, row := range d.Rows {
		b, _ := json.Marshal(row)
		seen[string(b)] = true
	}
	if len(seen) != 1234 || r.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%d different rows", len(seen))
	}
}
