package web

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"exchequer/internal/sample"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// A cutDocument is what the files of panels say of what they leave out.
type cutDocument struct {
	List    string
	Rows    [][]any
	Columns []column
	Cut     *struct{ Listed, Of int64 }
	Full    bool
}

func TestFilesOfPanelsSayWhatTheyLeaveOut(t *testing.T) {
	tn := sampled(sample.Town(30))
	site := tn.start(t)
	read := func(address string) (*http.Response, cutDocument) {
		r, body := ask(t, http.MethodGet, site.URL+address)
		var d cutDocument
		if r.StatusCode == http.StatusOK {
			if err := json.Unmarshal([]byte(body), &d); err != nil {
				t.Fatalf("%s: %v", address, err)
			}
		}
		return r, d
	}
	cut, whole := 0, 0
	for _, p := range tn.declared(t) {
		for _, panel := range p.panels {
			address := p.address() + "/" + panel.Name
			_, d := read(address + ".json")
			_, meta := read(address + ".meta.json")
			file, text := ask(t, http.MethodGet, site.URL+address+".csv")
			full, _ := ask(t, http.MethodGet, site.URL+address+".json?full=1")
			if d.Cut == nil {
				whole++
				if meta.Cut != nil || file.Header.Get("X-Cut") != "" || full.StatusCode != http.StatusOK {
					t.Errorf("%s has everything: meta %v, X-Cut %q, in full %d", address, meta.Cut, file.Header.Get("X-Cut"), full.StatusCode)
				}
				continue
			}
			cut++
			if meta.Cut == nil || *meta.Cut != *d.Cut {
				t.Errorf("%s: meta says %v of what is left out, the document %v", address, meta.Cut, d.Cut)
			}
			says := fmt.Sprint(d.Cut.Listed)
			if d.Cut.Of > 0 {
				says += fmt.Sprint(" of ", d.Cut.Of)
			}
			if panel.file == nil && file.Header.Get("X-Cut") != says {
				t.Errorf("%s.csv: X-Cut %q, want %q:\n%.200s", address, file.Header.Get("X-Cut"), says, text)
			}
			if panel.full == nil && full.StatusCode != http.StatusBadRequest {
				t.Errorf("%s: there is no file of all, and full=1 is answered %d", address, full.StatusCode)
			}
			if meta.Full != (panel.full != nil) {
				t.Errorf("%s: meta says that there is a file of all: %v", address, meta.Full)
			}
		}
	}
	if cut < 3 || whole < 20 {
		t.Errorf("%d panels leave something out, %d nothing", cut, whole)
	}
}

// buyersOfAll is how many accounts buy an item of a firm, each another one too.
const buyersOfAll = 60

func crowded() ledger.Batch {
	now := time.Now().UTC().Truncate(time.Hour).Add(-time.Hour)
	b := ledger.Batch{
		Accounts: []ledger.Account{{Ref: "mint", Kind: ledger.System}, {Ref: "bakery", Name: "=Bakery", Kind: ledger.Business, Holder: "bob"}, {Ref: "hall", Kind: ledger.Government},
			{Ref: hiddenName, Name: "Hidden " + hiddenName, Holder: "h:" + hiddenName, Kind: ledger.Personal}},
		Holders: []ledger.Holder{{Ref: "h:" + hiddenName, Name: "Holder " + hiddenName, Hidden: true}},
	}
	pay := func(ref, from, to string, amount int64) {
		b.Transactions = append(b.Transactions, ledger.Transaction{Origin: "town", Ref: ref, At: now, Source: "shop",
			Postings: []ledger.Posting{{Account: from, Amount: -amount}, {Account: to, Amount: amount}}})
	}
	buy := func(buyer string, i int) {
		item, ref := fmt.Sprint("item", i), fmt.Sprint("s", i, buyer)
		pay(ref, buyer, "bakery", int64(100+i))
		b.Sales = append(b.Sales, ledger.Sale{Origin: "town", Ref: ref, At: now, Item: item, Seller: "bakery", Buyer: buyer, Direction: ledger.DirectionSale, Quantity: 1, Total: int64(100 + i)})
	}
	pay("grant", "mint", hiddenName, 100_000)
	for i := range buyersOfAll {
		ref := fmt.Sprintf("a%02d", i)
		b.Accounts = append(b.Accounts, ledger.Account{Ref: ref, Name: fmt.Sprint("=Account ", i), Kind: ledger.Personal})
		b.Items = append(b.Items, ledger.Item{Ref: fmt.Sprint("item", i), Name: fmt.Sprint("Item ", i)})
		pay("grant"+ref, "mint", ref, 100_000)
		pay("aid"+ref, "hall", ref, 10)
		buy(ref, i)
		if i > 0 {
			buy(ref, 0)
		}
	}
	buy(hiddenName, 0)
	return b
}

func TestFullFilesOfPanelsHaveAllRows(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	db := testkit.Postgres(t)
	if _, err := ledger.New(db).Append(t.Context(), crowded()); err != nil {
		t.Fatal(err)
	}
	s, _ := privateSite(t, db, Open, t.TempDir())
	open := func(address string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, address, http.NoBody))
		return w
	}
	for _, c := range []struct {
		address, query, column string
		rows                   int
		of                     int64 // there are
	}{
		{"/economy/richest", "", "account", buyersOfAll + 3, buyersOfAll + 3},
		{"/market/top", "?days=7", "id", buyersOfAll, buyersOfAll},
		{"/market/items/item0/buyers", "?days=7", "id", buyersOfAll + 1, buyersOfAll + 1},
		{"/accounts/bakery/parties", "?days=7", "id", buyersOfAll + 1, buyersOfAll + 1}, // those of hidden holders are one row
		{"/holders/bob/parties", "?days=7", "id", buyersOfAll + 1, buyersOfAll + 1},
		{"/government/parties", "?days=7", "id", buyersOfAll, buyersOfAll},
	} {
		var first cutDocument
		w := open(c.address + ".json" + c.query)
		if err := json.Unmarshal(w.Body.Bytes(), &first); err != nil || first.Cut == nil || first.Cut.Of != c.of {
			t.Fatalf("%s: status %d, %v, says %+v of what it leaves out, want that there are %d:\n%.300s", c.address, w.Code, err, first.Cut, c.of, w.Body)
		}
		and := "?full=1"
		if c.query != "" {
			and = c.query + "&full=1"
		}
		var d cutDocument
		w = open(c.address + ".json" + and)
		if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil || w.Code != http.StatusOK || len(d.Rows) != c.rows || d.Cut != nil || d.List == "" {
			t.Errorf("%s%s: status %d, %v, %d rows of the list %q, want %d:\n%.300s", c.address, and, w.Code, err, len(d.Rows), d.List, c.rows, w.Body)
		}
		refs := map[any]bool{}
		for _, row := range d.Rows {
			for i, column := range d.Columns {
				if column.Name == c.column {
					refs[row[i]] = true
				}
			}
		}
		if len(refs) != c.rows {
			t.Errorf("%s: %d different rows, want %d", c.address, len(refs), c.rows)
		}
		if w.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: no site may read it", c.address)
		}
		w = open(c.address + ".csv" + and)
		records, err := csv.NewReader(w.Body).ReadAll()
		if err != nil || w.Code != http.StatusOK || len(records) != c.rows+1 {
			t.Errorf("%s as CSV: status %d, %v, %d records, want %d", c.address, w.Code, err, len(records), c.rows+1)
		}
		for _, record := range records {
			for _, cell := range record {
				if strings.HasPrefix(cell, "=") || strings.Contains(cell, hiddenName) {
					t.Errorf("%s: the cell %q is a formula, or names a hidden holder", c.address, cell)
				}
			}
		}
	}
	for address, want := range map[string]int{
		"/market/items/item0/figures.json?full=1":         http.StatusOK, // it leaves nothing out
		"/market/top.json?full=1&days=7&circular=with":    http.StatusBadRequest,
		"/market/movers.json?full=1&days=7":               http.StatusOK,
		"/accounts/" + hiddenName + "/parties.csv?full=1": http.StatusNotFound,
		"/accounts/nobody/parties.csv?full=1":             http.StatusNotFound,
	} {
		if w := open(address); w.Code != want {
			t.Errorf("%s: status %d, want %d: %.200s", address, w.Code, want, w.Body)
		}
	}
}
