package views

import (
	"strings"
	"testing"

	"exchequer/aggregates"
	"exchequer/internal/sample"
)

func TestUnitPricesHaveThreeDigits(t *testing.T) {
	for minor, want := range map[float64]string{
		5.94: "£0.0594", 0.0594: "£0.000594", 38.2: "£0.382", 384.37: "£3.84", 3840: "£38.40", 1234567: "£12,345.67", 0: "£0.00", 50: "£0.50", -38.2: minus + "£0.382", 1e-12: "£0.00",
	} {
		if got := UnitPrice(minor, pounds); got != want {
			t.Errorf("%v minor units are written %s, want %s", minor, got, want)
		}
	}
}

func TestAnItemSaysWhatItCostsAndWhere(t *testing.T) {
	e := sample.Town(30)
	p := Page{Site: Site{Settings: pounds}}
	said := func(i aggregates.Item) string {
		var b strings.Builder
		for _, w := range Lede([]Sentence{sayItem(&i, pounds)}, "nothing") {
			b.WriteString(w.Text)
		}
		return strings.ReplaceAll(b.String(), nbsp, " ")
	}
	i := *e.Item
	if got, want := said(i), "Diamond sells for £38.40, the median of 7 days, 4.2 % more than 30 days ago. It is cheapest at Gilda’s Gems in Lantern Quay: £35.00."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	i.Price.Confidence, i.Offers.Selling = aggregates.Guess, nil
	if got, want := said(i), "Diamond sells for about £38.40, the median of 7 days."; got != want {
		t.Errorf("a guess: %q, want %q", got, want)
	}
	i.Price = aggregates.Price{Confidence: aggregates.None}
	if got := said(i); got != "nothing" {
		t.Errorf("without a price: %q", got)
	}
	doc := render(t, ItemFigures(p, &i).Body)
	if got := doc.Find(".why").First().Text(); got != "none: it was never sold" {
		t.Errorf("the price of what was never sold is %q", got)
	}
	sold := render(t, WhereToBuy(p, e.Item).Body)
	if got := words(sold.Find("tbody tr").First()); strings.ReplaceAll(got, nbsp, " ") != "Gilda’s Gems , personal Lantern Quay 14 in stock £35.00 −8.9 %" {
		t.Errorf("the cheapest is %q", got)
	}
	if got := sold.Find(".under").Text(); !strings.Contains(got, "sold out in 1"+nbsp+"more shop") {
		t.Errorf("below the offers stands %q", got)
	}
	if sub := WhoSells(p, e.ItemTrade).Sub; !strings.HasSuffix(sub, ": concentrated") {
		t.Errorf("an HHI of 1,790 is %q", sub)
	}
	if sub := WhoBuys(p, e.ItemTrade).Sub; !strings.HasSuffix(sub, ": not concentrated") {
		t.Errorf("an HHI of 610 is %q", sub)
	}
}

func TestRanksAreOrdinals(t *testing.T) {
	for n, want := range map[int64]string{1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 11: "11th", 12: "12th", 13: "13th", 21: "21st", 112: "112th", 1003: "1,003rd"} {
		if got := ordinal(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}
