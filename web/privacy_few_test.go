package web

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"exchequer/internal/testkit"
	"exchequer/keys"
	"exchequer/ledger"
)

func TestSumsOfFewHoldersAreWithheld(t *testing.T) {
	db := testkit.Postgres(t)
	b := ledger.Batch{Accounts: []ledger.Account{{Ref: "mint", Kind: ledger.System}}}
	tx := ledger.Transaction{Origin: "o", Ref: "1", At: time.Now().Add(-time.Hour), Source: "grant"}
	for i := range fewHolders - 1 {
		ref := fmt.Sprint("a", i)
		b.Accounts = append(b.Accounts, ledger.Account{Ref: ref, Kind: ledger.Personal})
		tx.Postings = append(tx.Postings, ledger.Posting{Account: ref, Amount: 10})
	}
	tx.Postings = append(tx.Postings, ledger.Posting{Account: "mint", Amount: -10 * (fewHolders - 1)})
	b.Transactions = []ledger.Transaction{tx}
	if _, err := ledger.New(db).Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	key, err := keys.Create(t.Context(), db, "reader", []keys.Scope{keys.Read}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := privateSite(t, db, Balances, t.TempDir())
	for _, address := range []string{"/economy", "/economy/overview.csv", "/economy/overview.json", "/economy/inequality.meta.json", "/api/v1/stats", "/feeds/events.atom", "/badges/books.svg", "/compare?s=supply", "/economy/health", "/economy/health.json", "/economy/health/card.png"} {
		w := visit(t, s, http.MethodGet, address, "")
		if w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "fewer than 5 holders") {
			t.Errorf("%s = %d, %.200s", address, w.Code, w.Body)
		}
		if w := visit(t, s, http.MethodGet, address, key); w.Code != http.StatusOK {
			t.Errorf("%s = %d for a viewer", address, w.Code)
		}
	}
	if w := visit(t, s, http.MethodGet, "/accounts", ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "a1") {
		t.Errorf("balances are not shown: %d", w.Code)
	}
}

func TestAPopulationOfFewIsWithheld(t *testing.T) {
	db, _, _ := dealt(t) // of one office
	s, _ := privateSite(t, db, Balances, t.TempDir())
	w := visit(t, s, http.MethodGet, "/government", "")
	contains(t, w.Body.String(), "fewer than 5 holders", "For viewers")
	if w.Code != http.StatusOK {
		t.Errorf("/government = %d", w.Code)
	}
	if w := visit(t, s, http.MethodGet, "/government/figures.json", ""); w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "fewer than 5 holders") {
		t.Errorf("its file = %d, %.200s", w.Code, w.Body)
	}
}
