package aggregates

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/ledger"
)

// trade is a sale of bread between two accounts for 10.
func trade(t *testing.T, ref, when, seller, buyer string) ledger.Sale {
	t.Helper()
	return ledger.Sale{Origin: "test", Ref: ref, At: at(t, when), Item: "bread", Seller: seller, Buyer: buyer, Direction: ledger.DirectionSale, Quantity: 1, Total: 10}
}

// errataOf returns the corrections of February: "sales 3 → 0".
func errataOf(t *testing.T, db *pgxpool.Pool) string {
	t.Helper()
	var all []string
	for _, e := range readReport(t, db, "2026-02").Errata {
		text := func(s *string) string {
			if s == nil {
				return "none"
			}
			return *s
		}
		all = append(all, strings.TrimSpace(e.What+" "+e.Of)+" "+text(e.Before)+" → "+text(e.After))
	}
	return strings.Join(all, ", ")
}

// A line of trade that comes late moves no money, and is a correction all the same.
func TestALateSaleCorrectsAReport(t *testing.T) {
	db := reportedVillage(t)
	appendBatch(t, db, ledger.Batch{Items: []ledger.Item{{Ref: "bread"}}, Sales: []ledger.Sale{trade(t, "1", "02-20 10:00", "shop", "ann")}})
	report(t, db, at(t, "03-11 10:30"))
	got := errataOf(t, db)
	for _, want := range []string{"sales 0 → 1", "turnover 0 → 10", "firm bob none → 10"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not corrected: %s", want, got)
		}
	}
}

// What was sold at the end of February comes back in March, and is offsetting trade.
// The report is read again when no later sale can mark one of February, or unmark it.
func TestMarksOfLaterTradeCorrectAReportOnce(t *testing.T) {
	db, _ := village(t)
	b := ledger.Batch{Items: []ledger.Item{{Ref: "bread"}}}
	for n := range 3 {
		b.Sales = append(b.Sales, trade(t, fmt.Sprint("there", n), "02-27 10:00", "shop", "ann"))
	}
	appendBatch(t, db, b)
	report(t, db, at(t, "03-01 02:00"))
	b.Sales = nil
	for n := range 3 {
		b.Sales = append(b.Sales, trade(t, fmt.Sprint("back", n), "03-02 10:00", "ann", "shop"))
	}
	appendBatch(t, db, b)
	if _, err := UpdateOffsetting(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	// It was made, and made of what was there, on 1 March.
	if _, err := db.Exec(t.Context(), `UPDATE day_snapshots SET made = '2026-03-01 02:00Z'`); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(t.Context(), `UPDATE reports SET checked = '2026-03-01 02:01Z'`); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ now, want string }{
		{"03-02 11:00", ""}, {"03-07 00:59", ""}, {"03-07 01:00", "sales 3 → 0, turnover 30 → 0, prices.coverage 0 → none, firm bob 30 → none"}, {"03-07 01:05", "sales 3 → 0, turnover 30 → 0, prices.coverage 0 → none, firm bob 30 → none"},
	} {
		if _, err := (Reporter{DB: db, Version: "test"}).Update(t.Context(), at(t, step.now), time.Minute); err != nil {
			t.Fatal(err)
		}
		if got := errataOf(t, db); got != step.want {
			t.Errorf("on %s: %q, want %q", step.now, got, step.want)
		}
	}
	if err := ClearOffsetting(t.Context(), db, "bread", "shop", "ann"); err != nil {
		t.Fatal(err)
	}
	report(t, db, at(t, "03-11 10:30"))
	if got := errataOf(t, db); !strings.HasSuffix(got, ", sales 0 → 3, turnover 0 → 30, prices.coverage none → 0, firm bob none → 30") {
		t.Errorf("after it is cleared: %q", got)
	}
}

// Dan's stall is of March, and what he sold in February he sold himself.
func TestAFirmOfLaterIsNoneOfTheMonth(t *testing.T) {
	db, _ := village(t)
	appendBatch(t, db, ledger.Batch{Items: []ledger.Item{{Ref: "bread"}},
		Accounts: []ledger.Account{{Ref: "stall", Kind: ledger.Business, Holder: "dan", Opened: at(t, "03-02 00:00")}},
		Sales:    []ledger.Sale{trade(t, "1", "02-20 10:00", "shop", "ann"), trade(t, "2", "02-20 11:00", "dan", "ann")}})
	report(t, db, at(t, "03-11 10:30"))
	if firms := readReport(t, db, "2026-02").Numbers.Firms; len(firms) != 1 || firms[0].ID != "bob" {
		t.Errorf("firms of February: %+v", firms)
	}
}

// A program that knows more figures than the one before, or adds up in another order,
// corrects nothing.
func TestOnlyAnotherValueIsACorrection(t *testing.T) {
	gini, again, other := 0.62034665577886, 0.62034665577887, 0.62034667
	numbers := func(gini *float64) MonthNumbers {
		return MonthNumbers{Closing: sumOf(1000), Created: []BridgeStep{{Source: "grant", Change: sumOf(7)}}, Active: 5, Wealth: MonthWealth{Gini: gini}}
	}
	was, is, changed := numbers(&gini), numbers(&again), numbers(&other)
	if got := was.known().errata(is.known()); len(got) != 0 {
		t.Errorf("of another order of additions: %+v", got)
	}
	if got := was.known().errata(changed.known()); len(got) != 1 || got[0].What != "gini" {
		t.Errorf("of another value: %+v", got)
	}
	none := numbers(nil)
	if got := was.known().errata(none.known()); len(got) != 1 || got[0].After != nil {
		t.Errorf("of no value: %+v", got)
	}
	old := knownFigures{Kinds: []string{"closing", "created"}, Figures: []knownFigure{{What: "closing", Value: new("1000")}}}
	if got := old.errata(is.known()); len(got) != 1 || got[0].What != "created" || got[0].Of != "grant" {
		t.Errorf("of figures that were not known: %+v", got)
	}
	if got := (knownFigures{}).errata(is.known()); len(got) != 0 {
		t.Errorf("of nothing that was known: %+v", got)
	}
}
