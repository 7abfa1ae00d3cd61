package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func TestAnOperatorClearsWhatIsNotToBeMarked(t *testing.T) {
	url := testkit.PostgresURL(t)
	t.Setenv("DATABASE_URL", url)
	db := pool(t, url)
	opened := time.Now().AddDate(0, 0, -9)
	b := ledger.Batch{Items: []ledger.Item{{Ref: "bread", Name: "Bread"}}}
	for _, ref := range []string{"ann", "bob"} {
		b.Accounts = append(b.Accounts, ledger.Account{Ref: ref, Kind: ledger.Personal, Opened: opened})
	}
	for n := range 6 {
		s := ledger.Sale{Origin: "test", Ref: fmt.Sprint(n), At: opened.Add(time.Duration(n) * time.Hour), Item: "bread", Seller: "ann", Buyer: "bob", Direction: ledger.DirectionSale, Quantity: 1, Total: 5}
		if n%2 == 1 {
			s.Seller, s.Buyer = s.Buyer, s.Seller
		}
		b.Sales = append(b.Sales, s)
	}
	if _, err := ledger.New(db).Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	marks := func() (n int) {
		t.Helper()
		if err := db.QueryRow(t.Context(), `SELECT coalesce(sum(sales), 0) FROM offsetting_days`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	s := start(t, "serve")
	until(t, "all six sales are marked", func() bool { return marks() == 6 })
	if code := s.end(); code != 0 {
		t.Errorf("serve = %d:\n%s", code, s.said)
	}
	if code, out, said := exchequer(t, "offsetting", "clear", "bread", "bob", "ann"); code != 0 || !strings.Contains(out, "not marked") || marks() != 0 {
		t.Errorf("clear = %d, %q, %q; %d sales are marked", code, out, said, marks())
	}
	if code, out, said := exchequer(t, "offsetting", "list"); code != 0 || out != "bread\tann\tbob\n" {
		t.Errorf("list = %d, %q, %q", code, out, said)
	}
	if code, _, said := exchequer(t, "offsetting", "clear", "bread", "bob", "eve"); code != 1 || !strings.Contains(said, `"eve" is not one of the ledger's accounts`) {
		t.Errorf("clear with an unknown account = %d, %q", code, said)
	}
	if code, out, said := exchequer(t, "offsetting", "unclear", "bread", "ann", "bob"); code != 0 || marks() != 6 {
		t.Errorf("unclear = %d, %q, %q; %d sales are marked", code, out, said, marks())
	}
	if code, out, said := exchequer(t, "offsetting", "list"); code != 0 || out != "" {
		t.Errorf("list when nothing is cleared = %d, %q, %q", code, out, said)
	}
	if code, _, said := exchequer(t, "offsetting", "unclear", "bread", "ann", "bob"); code != 1 || !strings.Contains(said, "is not cleared") {
		t.Errorf("unclear again = %d, %q", code, said)
	}
}
