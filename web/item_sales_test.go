package web

import (
	"context"
	"strings"
	"testing"
	"time"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/sample"
	"exchequer/ledger"
)

// Lines that no price counts are listed, with a word.
func TestSingleSalesAreMarked(t *testing.T) {
	e := sample.Town(30)
	item := e.Item
	low, high := 3000.0, 3600.0 // the lines are of 36.50 a piece
	item.Price.Low, item.Price.High = &low, &high
	tn := sampled(e)
	tn.trade.Marked = func(_ context.Context, zone *time.Location, sales []aggregates.SaleKey) (map[int64]bool, error) {
		marked := map[int64]bool{}
		for _, s := range sales {
			if s.At.Location() == nil || zone == nil {
				t.Error("a sale without a time")
			}
			marked[s.ID] = s.ID == 3 || s.ID == 9
		}
		return marked, nil
	}
	server := tn.start(t)
	_, body := ask(t, "GET", server.URL+"/market/items/"+item.ID)
	rows := parse(t, body).Find("#latest tbody tr")
	if rows.Length() != 3 {
		t.Fatalf("%d sales are listed, want 3", rows.Length())
	}
	for i, want := range []string{"offsetting ₤", "return ", "left out of the price ₤"} {
		if text := strings.Join(strings.Fields(rows.Eq(i).Text()), " "); !strings.Contains(text, want) {
			t.Errorf("sale %d is %q, want %q in it", i, text, want)
		}
	}
	_, body = ask(t, "GET", server.URL+"/market/items/"+item.ID+"/latest.csv")
	contains(t, body, ",offsetting\r\n", ",left out of the price\r\n")
	_, body = ask(t, "GET", server.URL+"/market/shops/seam")
	if n := strings.Count(parse(t, body).Find("#sales tbody").Text(), "offsetting"); n != 1 {
		t.Errorf("%d sales of the shop are marked, want one", n)
	}
}

func TestAnAccountSaysWhatOffsets(t *testing.T) {
	tn := newTown()
	tn.account = func(ctx context.Context, _ cache.Window, _ aggregates.AccountQuery) (*aggregates.Account, error) {
		return &aggregates.Account{ID: "ada", Name: "Ada", Marked: aggregates.MarkedTrade{Sales: 4, Volume: ledger.SumOf(12_00)}}, nil
	}
	_, body := ask(t, "GET", tn.start(t).URL+"/accounts/ada")
	contains(t, parse(t, body).Find("#figures .sub").Text(), "4\u00a0sales and purchases of the period, ₤12.00, offset each other")
}
