package web

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exchequer/ledger"
	"exchequer/views"
)

// What an address asks for becomes a query with days of the community and amounts in
// minor units; what cannot be read counts as not asked.
func TestAStatementIsAskedForByItsAddress(t *testing.T) {
	berlin := ledger.Settings{Decimals: 2, Timezone: "Europe/Berlin"}
	s := &server{Deps: Deps{Settings: func() ledger.Settings { return berlin }}}
	midnight := func(day int) time.Time { return time.Date(2026, 3, day, 23, 0, 0, 0, time.UTC) } // of the day after
	for query, want := range map[string]ledger.StatementQuery{
		"": {Before: ledger.End()},
		"from=2026-03-03&to=2026-03-05&source=shop+sale&with=p%3Aann&least=12.5&text=+two++words": {
			From: midnight(2), Before: ledger.Before(midnight(5)), Source: "shop sale", With: "p:ann", Least: 1250, Text: "two words"},
		"to=2026-03-05&before=2026-03-04":                             {Before: ledger.Before(midnight(3))},
		"before=2026-03-04":                                           {Before: ledger.Before(midnight(3))},
		"from=yesterday&to=2026-02-30&least=-5&with=a%00b&source=%ff": {Before: ledger.End()},
	} {
		want.Account, want.Limit = "ada", 50
		got := s.statementQuery(views.ParseParams(views.StatementFilters(), "ada", query), 50)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", query, diff)
		}
	}
}

func TestAFilteredStatementSaysHowFarItLooked(t *testing.T) {
	next, back := ledger.End(), time.Date(2026, 3, 12, 9, 0, 0, 0, time.UTC)
	two := make([]ledger.Line, 2)
	for _, c := range []struct {
		q    ledger.StatementQuery
		s    ledger.Statement
		want string
	}{
		{ledger.StatementQuery{}, ledger.Statement{Lines: two, Looked: 2, Back: back}, ""},
		{ledger.StatementQuery{Source: "x"}, ledger.Statement{Lines: two, Looked: 5000, Back: back, Next: &next}, "2 found in 5,000\u00a0postings, back to 12 Mar 2026; older ones are not looked through yet"},
		{ledger.StatementQuery{Least: 1}, ledger.Statement{Looked: 1, Back: back}, "0 found in 1\u00a0posting, back to 12 Mar 2026; there are no older ones"},
		{ledger.StatementQuery{With: "<nobody>"}, ledger.Statement{Unknown: true}, "No account that is shown here has this name or id: <nobody>"},
	} {
		if got := views.StatementSub(c.q, &c.s, ledger.Settings{}); got != c.want {
			t.Errorf("%+v: %q, want %q", c.q, got, c.want)
		}
	}
}
