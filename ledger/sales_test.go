package ledger_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func TestAnItemsSalesAreReadToTheirEnd(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	b := village()
	b.Items, b.Offers = []ledger.Item{{Ref: "a/b <i>"}, {Ref: "iron"}}, nil
	b.Shops = []ledger.Shop{{Ref: "stall", Place: "Quay", Owner: "ann", Active: true, Seen: noon}}
	for n := range 7 {
		s := ledger.Sale{
			Origin: "test", Ref: fmt.Sprint(n), At: noon.Add(time.Duration(n/2) * time.Minute), Item: "a/b <i>", Shop: "stall", // two at a time
			Seller: "ann", Buyer: "bob", Direction: ledger.DirectionSale, Quantity: int64(n - 1), Total: 10 * int64(n-1), Tax: 1,
		}
		if n == 3 {
			s.Buyer, s.Shop = "", ""
		}
		b.Sales = append(b.Sales, s, ledger.Sale{Origin: "test", Ref: fmt.Sprint("iron", n), At: s.At, Item: "iron", Direction: ledger.DirectionSale, Quantity: 1, Total: 1})
	}
	appended(t, l, b)
	read := func() []string {
		var lines []string
		for from := (ledger.SaleCursor{At: ledger.End().At}); ; {
			sales, err := l.ItemSales(t.Context(), "a/b <i>", from, 3)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range sales {
				lines = append(lines, strings.TrimSpace(fmt.Sprint(s.Ref, " ", s.Quantity, " ", s.Seller.Ref, "/", s.Seller.Name, " ", s.Buyer.Ref, "/", s.Buyer.Name, " ", s.Place)))
			}
			if len(sales) < 3 {
				return lines
			}
			if from, err = ledger.ParseSaleCursor(sales[2].String()); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := []string{
		"6 5 ann/Ann bob/bob Quay", "5 4 ann/Ann bob/bob Quay", "4 3 ann/Ann bob/bob Quay", "3 2 ann/Ann /",
		"2 1 ann/Ann bob/bob Quay", "1 0 ann/Ann bob/bob Quay", "0 -1 ann/Ann bob/bob Quay",
	}
	if diff := cmp.Diff(want, read()); diff != "" {
		t.Errorf("sales (-want +got):\n%s", diff)
	}
	appended(t, l, ledger.Batch{Merges: []ledger.Merge{{Account: "bob", Into: "ann-savings"}}, Holders: []ledger.Holder{{Ref: "ann", Hidden: true}}})
	if got := read()[0]; !strings.HasPrefix(got, "6 5 /hidden holder /hidden holder") {
		t.Errorf("a sale of a hidden holder to an account that is merged into another of theirs: %s", got)
	}
	if sales, err := l.ItemSales(t.Context(), strings.Repeat("x", 10_000), ledger.SaleCursor{At: noon}, 3); err != nil || len(sales) != 0 {
		t.Errorf("an unknown item has %d sales, %v", len(sales), err)
	}
	for _, odd := range []string{"", "x", "1.2", "99999999999999999999.1.1", "1.1.1.1"} {
		if _, err := ledger.ParseSaleCursor(odd); err == nil {
			t.Errorf("the cursor %q is no error", odd)
		}
	}
}
