package web

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/sample"
	"exchequer/ledger"
)

// posted is a record that answers for transactions.
type posted struct {
	record
	transaction  func(origin, ref string, after int32, limit int) (*ledger.Posted, error)
	transactions func(f ledger.EntryFilter, before ledger.Cursor, limit int) (*ledger.Entries, error)
}

func (p posted) Transaction(_ context.Context, origin, ref string, after int32, limit int) (*ledger.Posted, error) {
	return p.transaction(origin, ref, after, limit)
}

func (p posted) Transactions(_ context.Context, f ledger.EntryFilter, before ledger.Cursor, limit int) (*ledger.Entries, error) {
	return p.transactions(f, before, limit)
}

// Any ref of the ledger has an address, to which the links of a page lead.
func TestATransactionIsAtTheAddressOfItsRef(t *testing.T) {
	tn := newTown()
	var neighbour atomic.Pointer[ledger.Header]
	tn.change = func(d *Deps) {
		d.Record = posted{record: record{tn.statement, tn.find}, transaction: func(origin, ref string, _ int32, _ int) (*ledger.Posted, error) {
			p := sample.Posted()
			if ref == "unknown" {
				return nil, nil
			}
			p.Origin, p.Ref, p.Next = origin, ref, neighbour.Load()
			return p, nil
		}}
	}
	server := tn.start(t)
	pages := 0
	for _, ref := range []string{
		"a/b", "a?b#c&d=e;f", `<script>alert(1)</script>"'`, ".", "..", "~", "~.", "~~..", "%2F", "%", " ", "a b+c", "\u202eevil", "line\nbreak\r\tx", "postings.csv",
		"legs.json", "{ref}", "é日本", strings.Repeat("x", 512), `\`, "..%2f..", "//", "/", "a/../b", ":", ";", "*",
	} {
		for _, origin := range []string{"town", "..", "a/b", "{ref}"} {
			neighbour.Store(&ledger.Header{Origin: origin, Ref: ref})
			pages++ // each is kept for a second
			_, body := ask(t, "GET", fmt.Sprint(server.URL, "/transactions/town/", pages), "Accept", "text/html")
			href, ok := parse(t, body).Find("#about nav a[rel=next]").Attr("href")
			if !ok {
				t.Fatalf("%q: the page has no link to it:\n%.2000s", ref, body)
			}
			base, err := url.Parse(server.URL + "/transactions/town/x")
			if err != nil {
				t.Fatal(err)
			}
			to, err := base.Parse(href) // as a browser resolves it
			if err != nil {
				t.Fatalf("%q: %v", ref, err)
			}
			response, body := ask(t, "GET", to.String(), "Accept", "text/html")
			doc := parse(t, body)
			asRead := strings.ReplaceAll(ref, "\r", "\n")
			if got := doc.Find("#about tr:contains(Reference) bdi").Text(); response.StatusCode != http.StatusOK || got != asRead {
				t.Errorf("%q of %q at %s: status %d, shows %q", ref, origin, href, response.StatusCode, got)
			}
			if n := doc.Find("main script, main i").Length(); n > 0 {
				t.Errorf("%q became markup", ref)
			}
			response, body = ask(t, "GET", to.String()+"/postings.json")
			var d struct{ Value transactionDocument }
			if err := json.Unmarshal([]byte(body), &d); err != nil || response.StatusCode != http.StatusOK || d.Value.Ref != ref || d.Value.Origin != origin {
				t.Errorf("%q of %q: its JSON is %.200s, %v", ref, origin, body, err)
			}
		}
		neighbour.Store(nil)
	}
	for _, path := range []string{"/transactions/town/unknown", "/transactions/town/unknown/postings.json", "/transactions/town/unknown/postings.csv", "/transactions/town/a%00b", "/transactions/town"} {
		if response, _ := ask(t, "GET", server.URL+path); response.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", path, response.StatusCode)
		}
	}
}

func TestALargeTransactionIsPaged(t *testing.T) {
	const n = 130
	tn := newTown()
	tn.change = func(d *Deps) {
		d.Record = posted{record: record{tn.statement, tn.find}, transaction: func(_, _ string, after int32, limit int) (*ledger.Posted, error) {
			p := sample.Posted()
			p.Postings, p.Balanced, p.Legs = n, false, nil
			for seq := after + 1; seq < n && len(p.Legs) < limit; seq++ {
				p.Legs = append(p.Legs, ledger.Leg{Seq: seq, Account: ledger.Party{Ref: "ann", Name: "Ann", Kind: ledger.Personal}, Amount: 1})
			}
			rest := n - int64(after) - 1 - int64(len(p.Legs))
			p.Rest = ledger.Rest{Postings: rest, Received: ledger.SumOf(rest)}
			return p, nil
		}}
	}
	server := tn.start(t)
	_, body := ask(t, "GET", server.URL+"/transactions/town/big", "Accept", "text/html")
	contains(t, body, "80\u00a0further postings", "+₤0.80")
	rows, address := 0, "/transactions/town/big"
	for address != "" {
		_, body := ask(t, "GET", server.URL+address, "Accept", "text/html")
		doc := parse(t, body)
		rows += doc.Find("#postings tbody tr:has(a)").Length()
		address = doc.Find("#postings nav a[rel~=next]").AttrOr("href", "")
	}
	if rows != n {
		t.Errorf("following the links shows %d postings, want %d", rows, n)
	}
	_, body = ask(t, "GET", server.URL+"/transactions/town/big/postings.csv")
	if rows, err := csv.NewReader(strings.NewReader(body)).ReadAll(); err != nil || len(rows) != n+1 {
		t.Errorf("the file has %d rows, %v, want %d", len(rows), err, n+1)
	}
}

// What a reader asks for is what the record is asked for.
func TestTransactionsAreSelectedByTheAddress(t *testing.T) {
	tn := newTown()
	tn.settings.Timezone = "Europe/Berlin"
	var got atomic.Pointer[ledger.EntryFilter]
	tn.change = func(d *Deps) {
		d.Record = posted{record: record{tn.statement, tn.find}, transactions: func(f ledger.EntryFilter, _ ledger.Cursor, _ int) (*ledger.Entries, error) {
			got.Store(&f)
			return &ledger.Entries{Looked: 5000, Cut: true, Next: &ledger.Cursor{At: sample.Noon, Transaction: 7}}, nil
		}}
	}
	server := tn.start(t)
	berlin := tn.settings.Zone()
	for query, want := range map[string]ledger.EntryFilter{
		"": {},
		"account=p:a%2Fb&source=shop&least=12.5&from=personal&to=system*&text=bread++and%00butter": {Account: "p:a/b", Source: "shop", Least: 1250, From: ledger.Side{Kind: ledger.Personal}, Text: "bread and butter"},
		"since=2026-11-01&until=2026-11-02":        {Since: time.Date(2026, 11, 1, 0, 0, 0, 0, berlin), Until: time.Date(2026, 11, 3, 0, 0, 0, 0, berlin)},
		"least=0&text=" + strings.Repeat("x", 100): {Text: strings.Repeat("x", 60)},
	} {
		if want.Source == "shop" {
			query = strings.Replace(query, "system*", "any", 1)
		}
		_, body := ask(t, "GET", server.URL+"/transactions?"+query, "Accept", "text/html")
		f := *got.Load()
		if !f.Since.Equal(want.Since) || !f.Until.Equal(want.Until) {
			t.Errorf("%q asks for %v to %v, want %v to %v", query, f.Since, f.Until, want.Since, want.Until)
		}
		want.ByDay = query != ""
		f.Since, f.Until = want.Since, want.Until
		if f != want {
			t.Errorf("%q asks for %+v, want %+v", query, f, want)
		}
		contains(t, body, "Looked at 5,000\u00a0transactions, back to 20 Nov 2026", `rel="nofollow next"`)
	}
}

func TestAllTransactionsAreReadToTheirEnd(t *testing.T) {
	server := newTown().start(t)
	_, body := ask(t, "GET", server.URL+"/transactions/list.csv")
	rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil || len(rows) != 121 {
		t.Fatalf("the file has %d rows, %v, want 121", len(rows), err)
	}
	seen := map[string]bool{}
	for address := "/transactions"; address != ""; {
		_, body := ask(t, "GET", server.URL+address, "Accept", "text/html")
		doc := parse(t, body)
		for _, row := range doc.Find("#list tbody tr td:first-child a").EachIter() {
			seen[row.AttrOr("href", "")] = true
		}
		address = doc.Find("#list nav a[rel~=next]").AttrOr("href", "")
	}
	if len(seen) != 120 {
		t.Errorf("following the links shows %d transactions, want 120", len(seen))
	}
}

// From a statement and from a source's largest transactions, a reader comes to each
// transaction, and from the source to all of them.
func TestAccountsAndSourcesLeadToTheirTransactions(t *testing.T) {
	tn := newTown()
	tn.source = func(_ context.Context, _ cache.Window, q aggregates.SourceQuery) (*aggregates.SourceDays, error) {
		return &aggregates.SourceDays{
			Source: q.Source, From: q.From.Key(), To: q.To.Key(), Bucket: "day",
			Largest: []aggregates.LargeMove{{Origin: "town", Ref: "w/46", Volume: ledger.SumOf(1)}},
		}, nil
	}
	server := tn.start(t)
	for address, wants := range map[string][]string{
		"/accounts/ada":        {"#statement a[href='/transactions/town/t3']"},
		"/economy/sources/ada": {"#largest td a[href='/transactions/town/w%2F46']", "#largest .under a[href='/transactions?source=ada']"},
		"/economy/sources/ada?from=personal&to=business": {"#largest .under a[href='/transactions?source=ada&from=personal&to=business']"},
	} {
		_, body := ask(t, "GET", server.URL+address)
		for _, want := range wants {
			if parse(t, body).Find(want).Length() == 0 {
				t.Errorf("%s has no %s", address, want)
			}
		}
	}
}

func TestTransactionsAreShownWithSumsAndPostings(t *testing.T) {
	_, open := privateLedger(t)
	doc := parse(t, open("/transactions?source=shop&legs=yes").Body.String())
	if doc.Find("#sums svg").Length() != 1 || doc.Find("#sums tbody tr").Length() < 30 || !strings.Contains(doc.Find("#sums").Text(), "moved, since") {
		t.Errorf("no sums by day:\n%.300s", doc.Find("#sums").Text())
	}
	if rows, legs := doc.Find("#list table.sales tbody tr").Length(), doc.Find("#list ul.legs li").Length(); rows == 0 || legs != 2*rows {
		t.Errorf("%d rows have %d postings", rows, legs)
	}
	if all := parse(t, open("/transactions").Body.String()); all.Find("#sums, ul.legs").Length() != 0 {
		t.Error("sums or postings that nobody asked for")
	}
	var d struct {
		Rows  [][]any
		Value struct {
			Of   string
			Days []struct{ Day string }
		}
	}
	if err := json.Unmarshal(open("/transactions/list.json?account=a0&legs=yes").Body.Bytes(), &d); err != nil || d.Value.Of != "days of the account" || len(d.Value.Days) < 30 {
		t.Fatalf("%v: %+v", err, d.Value)
	}
	if cell, _ := d.Rows[0][len(d.Rows[0])-1].(string); !strings.Contains(cell, "a0 1.50") || !strings.Contains(cell, "; ") {
		t.Errorf("the postings of the first row are %q", cell)
	}
	for _, address := range []string{"/transactions?legs=yes", "/transactions/list.csv?legs=yes", "/transactions?source=wages&legs=yes"} {
		if body := open(address).Body.String(); strings.Contains(body, hiddenName) {
			t.Errorf("%s names who is hidden", address)
		}
	}
}

// privateLedger opens the pages of the ledger of [dealt], open to everybody.
func privateLedger(t *testing.T) (*server, func(string) *httptest.ResponseRecorder) {
	t.Helper()
	db, _, _ := dealt(t)
	s, _ := privateSite(t, db, Open, t.TempDir())
	return s, func(address string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, address, http.NoBody))
		return w
	}
}
