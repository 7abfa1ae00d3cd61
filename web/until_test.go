package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"exchequer/internal/sample"
	"exchequer/ledger"
)

// While the database that is written to cannot be reached, lists come from its replica.
func TestListsSayUpToWhenTheyHaveAll(t *testing.T) {
	const said = "may be missing: the database that is written to cannot be reached"
	var until time.Time
	tn := newTown()
	tn.change = func(d *Deps) {
		d.Until = func() time.Time { return until }
		d.Record = posted{record: record{tn.statement, tn.find}, transactions: func(_ ledger.EntryFilter, before ledger.Cursor, limit int) (*ledger.Entries, error) {
			return sample.Entries(before, limit), nil
		}}
	}
	_, body := ask(t, "GET", tn.start(t).URL+"/transactions", "Accept", "text/html")
	if strings.Contains(body, said) {
		t.Error("a list of the database that is written to says that something may be missing")
	}
	until = time.Date(2026, 5, 1, 12, 30, 0, 0, time.UTC)
	server := tn.start(t)
	if r, body := ask(t, "GET", server.URL+"/transactions", "Accept", "text/html"); r.StatusCode != http.StatusOK || strings.Count(body, said) != 1 || !strings.Contains(body, "12:30") {
		t.Errorf("the page = %d, does not say once what may be missing", r.StatusCode)
	}
	if _, body := ask(t, "GET", server.URL+"/transactions/list.json"); !strings.Contains(body, `"until":"2026-05-01T12:30:00Z"`) {
		t.Errorf("the rows for programs do not say up to when they have all: %.300s", body)
	}
	if r, _ := ask(t, "GET", server.URL+"/transactions/list.csv"); r.Header.Get("X-Record-Until") != "2026-05-01T12:30:00Z" {
		t.Errorf("the file of rows does not say up to when it has all: %v", r.Header)
	}
}
