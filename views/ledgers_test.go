package views

import (
	"slices"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"exchequer/ledger"
)

func TestLedgersOfOneTitleAreToldApart(t *testing.T) {
	empty := ledger.Settings{Name: "An empty ledger"}
	doc := render(t, LedgersPage(Page{}, []LedgerSummary{
		{Name: "north", Settings: empty, Why: "Nothing yet."}, {Name: "south", Settings: empty, Why: "Nothing yet."}, {Name: "west", Why: "Not read."},
	}, IndexPages{Number: 1, Of: 1}))
	got := doc.Find("#ledgers tbody th").Map(func(_ int, s *goquery.Selection) string { return s.Text() })
	if want := []string{"An empty ledger · north", "An empty ledger · south", "west"}; !slices.Equal(got, want) {
		t.Errorf("the ledgers are %q, want %q", got, want)
	}
}
