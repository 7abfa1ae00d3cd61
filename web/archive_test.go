package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"exchequer/internal/sample"
	"exchequer/ledger"
)

// A list that ends where the record begins says so, and its files do; a transaction that
// was here says that it is archived, and one that never was does not.
func TestPagesSayWhereTheRecordBegins(t *testing.T) {
	tn := newTown()
	tn.settings.Begins = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	tn.change = func(d *Deps) {
		d.Record = posted{
			record: record{tn.statement, tn.find},
			transaction: func(_, ref string, _ int32, _ int) (*ledger.Posted, error) {
				if ref == "never" {
					return nil, nil
				}
				return nil, ledger.ErrArchived
			},
			transactions: func(_ ledger.EntryFilter, before ledger.Cursor, limit int) (*ledger.Entries, error) {
				return sample.Entries(before, limit), nil
			},
		}
	}
	server := tn.start(t)
	const said = "before 1 January 2025 are archived."
	last := server.URL + "/transactions?after=" + ledger.Before(sample.Noon.Add(-110*time.Minute)).String()
	for address, want := range map[string]string{
		last: "Transactions " + said, server.URL + "/accounts/a": "Transactions " + said, server.URL + "/market/items/ada": "Sales " + said,
		server.URL + "/search?q=nothing": "Transactions " + said,
	} {
		r, body := ask(t, "GET", address, "Accept", "text/html")
		if r.StatusCode != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s = %d without %q", address, r.StatusCode, want)
		}
	}
	if _, body := ask(t, "GET", server.URL+"/transactions", "Accept", "text/html"); strings.Contains(body, said) {
		t.Error("rows that others follow are said to be the last ones")
	}
	if _, body := ask(t, "GET", server.URL+"/transactions/list.json"); !strings.Contains(body, `"recordBegins":"2025-01-01T00:00:00Z"`) {
		t.Errorf("the rows for programs do not say where the record begins: %.300s", body)
	}
	if r, _ := ask(t, "GET", server.URL+"/transactions/list.csv"); r.Header.Get("X-Record-Begins") != "2025-01-01T00:00:00Z" {
		t.Errorf("the file of rows does not say where the record begins: %v", r.Header)
	}
	for ref, want := range map[string]int{"gone": http.StatusGone, "never": http.StatusNotFound} {
		r, body := ask(t, "GET", server.URL+"/transactions/town/"+ref, "Accept", "text/html")
		if r.StatusCode != want || strings.Contains(body, "is archived") != (want == http.StatusGone) {
			t.Errorf("the address of a transaction = %d, want %d:\n%.500s", r.StatusCode, want, body)
		}
	}
}
