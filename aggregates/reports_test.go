package aggregates

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/testkit"
	"exchequer/internal/town"
	"exchequer/ledger"
)

// reportedTown is a small town in a time zone, of 75 days up to 11 March, with the
// reports of the months that are over by then.
func reportedTown(t *testing.T, zone string) *pgxpool.Pool {
	t.Helper()
	return openFilled(t, reportedTowns[zone])
}

// reportedTowns are filled once for each zone.
var reportedTowns = map[string]*testkit.Filled{
	"UTC": reportedIn("UTC"), "America/New_York": reportedIn("America/New_York"), "Australia/Sydney": reportedIn("Australia/Sydney"),
}

func reportedIn(zone string) *testkit.Filled {
	return testkit.NewFilled(func(t testing.TB, url string) { fillReported(t, url, zone) })
}

func fillReported(t testing.TB, url, zone string) {
	t.Helper()
	db := openURL(t, url)
	defer db.Close()
	now := at(t, "03-11 15:00")
	w := town.New(town.Config{Seed: 7, Players: 50, Days: 75, End: now})
	settings := w.Settings()
	settings.Timezone = zone
	record := ledger.New(db)
	if err := record.SetSettings(t.Context(), settings); err != nil {
		t.Fatal(err)
	}
	if err := w.History(t.Context(), func(b ledger.Batch) error { _, err := record.Append(t.Context(), b); return err }); err != nil {
		t.Fatal(err)
	}
	if _, err := UpdateOffsetting(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	report(t, db, now)
}

// report makes what is to be made at a time.
func report(t testing.TB, db *pgxpool.Pool, now time.Time) Reported {
	t.Helper()
	if _, err := UpdateSnapshots(t.Context(), db, now, DefaultExact); err != nil {
		t.Fatal(err)
	}
	done, err := Reporter{DB: db, Version: "test"}.Update(t.Context(), now, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func readReport(t *testing.T, db *pgxpool.Pool, month string) *Report {
	t.Helper()
	r, err := ReadReport(t.Context(), db, month)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestAReportIsWhatScanningSays compares the report of February with scans of the
// record.
func TestAReportIsWhatScanningSays(t *testing.T) {
	for _, zone := range []string{"Australia/Sydney", "America/New_York"} {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			db := reportedTown(t, zone)
			r := readReport(t, db, "2026-02")
			if r.Version != "test" || r.Previous != "2026-01" || r.Next != "" || len(r.Errata) != 0 {
				t.Errorf("version %s, previous %s, next %s, %d errata", r.Version, r.Previous, r.Next, len(r.Errata))
			}
			n := r.Numbers
			one := func(query string) (v ledger.Sum) {
				t.Helper()
				query = strings.NewReplacer("IN_MONTH", "(at AT TIME ZONE '"+zone+"')::date BETWEEN '2026-02-01' AND '2026-02-28'",
					"BEFORE_MONTH", "(at AT TIME ZONE '"+zone+"')::date < '2026-02-01'", "BY_END", "(at AT TIME ZONE '"+zone+"')::date <= '2026-02-28'").Replace(query)
				if err := db.QueryRow(t.Context(), query).Scan(&v); err != nil {
					t.Fatal(err, query)
				}
				return v
			}
			const held = `SELECT coalesce(sum(amount), 0) FROM postings JOIN accounts a ON a.id = account WHERE NOT issuer AND `
			const unmarked = ` AND quantity > 0 AND total > 0 AND NOT EXISTS (SELECT FROM offsetting_pairs p WHERE p.item = s.item AND p.seller = s.seller AND p.buyer = s.buyer
				AND p.day = (s.at AT TIME ZONE 'OF_TOWN')::date)`
			unmarkedHere := strings.ReplaceAll(unmarked, "OF_TOWN", zone)
			for what, want := range map[string]struct{ got, scanned ledger.Sum }{
				"opening":      {n.Opening, one(held + `BEFORE_MONTH`)},
				"closing":      {n.Closing, one(held + `BY_END`)},
				"transactions": {sumOf(n.Transactions), one(`SELECT count(*) FROM transactions WHERE IN_MONTH`)},
				"active":       {sumOf(n.Active), one(`SELECT count(DISTINCT holder) FROM postings JOIN accounts a ON a.id = account WHERE NOT issuer AND IN_MONTH`)},
				"sales":        {sumOf(n.Sales), one(`SELECT count(*) FROM sales s WHERE IN_MONTH` + unmarkedHere)},
				"turnover":     {n.Turnover, one(`SELECT sum(total) FROM sales s WHERE IN_MONTH` + unmarkedHere)},
				"holders": {sumOf(n.Wealth.Holders), one(`SELECT count(DISTINCT holder) FROM accounts a WHERE kind = 'personal' AND NOT issuer AND archived IS NULL
					AND EXISTS (SELECT FROM postings WHERE account = a.id AND BY_END)`)},
				"total": {n.Wealth.Total, one(held + `kind = 'personal' AND archived IS NULL AND BY_END`)},
			} {
				if want.got != want.scanned {
					t.Errorf("%s is %s, scanned %s", what, want.got, want.scanned)
				}
			}
			bridge := n.Opening.Plus(n.Others.Created).Minus(n.Others.Destroyed).Plus(n.Moved).Plus(n.Unexplained)
			for _, s := range append(append([]BridgeStep{}, n.Created...), n.Destroyed...) {
				bridge = bridge.Plus(s.Change)
				sign := map[bool]string{true: "> 0", false: "< 0"}[s.Change.Sign() > 0]
				scanned := one(`SELECT coalesce(sum(net), 0) FROM (SELECT sum(amount) FILTER (WHERE NOT issuer) AS net FROM transactions t JOIN postings p ON p.transaction = t.id
					JOIN accounts a ON a.id = account WHERE source = '` + s.Source + `' AND ` + strings.ReplaceAll(`IN_MONTH`, `IN_MONTH`, "(t.at AT TIME ZONE '"+zone+"')::date BETWEEN '2026-02-01' AND '2026-02-28'") + ` GROUP BY t.id) x WHERE net ` + sign)
				if s.Change != scanned {
					t.Errorf("%s %s, scanned %s", s.Source, s.Change, scanned)
				}
			}
			if bridge != n.Closing || n.Unexplained.Sign() != 0 {
				t.Errorf("the bridge leads to %s, want %s; unexplained %s", bridge, n.Closing, n.Unexplained)
			}
			if len(n.Firms) == 0 {
				t.Error("no firms")
			}
			for i, f := range n.Firms {
				turnover := one(fmt.Sprintf(`SELECT coalesce(sum(total), 0) FROM (SELECT total FROM sales s JOIN accounts a ON a.id = s.seller WHERE holder = '%s' AND IN_MONTH`, f.ID) + unmarkedHere + `) x`)
				larger := one(`SELECT count(*) FROM (SELECT holder FROM sales s JOIN accounts a ON a.id = s.seller WHERE IN_MONTH` + unmarkedHere + `
					AND EXISTS (SELECT FROM accounts b WHERE b.holder = a.holder AND b.kind = 'business') GROUP BY holder HAVING sum(total) > ` + f.Turnover.String() + `) x`)
				if f.Turnover != turnover || larger != sumOf(int64(i)) || f.Name == "" {
					t.Errorf("firm %d: %+v, scanned %s, %s have more", i, f, turnover, larger)
				}
			}
			scannedPrices(t, db, zone, n)
		})
	}
}

// scannedPrices compares the index of two months with Fisher's, which it is where
// nothing else can be compared, and the prices of the movers with those of the page of
// the market at the time.
func scannedPrices(t *testing.T, db *pgxpool.Pool, zone string, n MonthNumbers) {
	t.Helper()
	if n.Prices.Month == nil || n.Prices.Year != nil || n.YearBefore != nil || *n.Prices.Coverage < 0.5 {
		t.Fatalf("prices %+v, a year before %+v", n.Prices, n.YearBefore)
	}
	if len(n.Prices.Course) != 13 || n.Prices.Course[12].Month != "2026-02" || n.Prices.Course[0].Month != "2025-02" || n.Prices.Course[0].Value != nil {
		t.Errorf("the course is %+v", n.Prices.Course)
	}
	location, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	// The month is that of the page's period that ends with it.
	end := time.Date(2026, 3, 1, 0, 0, 0, 0, location)
	s := monthSpan(time.Date(2025, 12, 27, 0, 0, 0, 0, location), time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC))
	if !s.End.Equal(end) || s.days() != 28 || !n.Start.Equal(s.Start) || !n.End.Equal(end) {
		t.Errorf("the period is %+v", s)
	}
	for _, m := range append(append([]MonthMover{}, n.Rose...), n.Fell...) {
		if math.Abs(m.Now/m.Before-1-m.Change) > 1e-9 || m.Change == 0 {
			t.Errorf("moved %+v", m)
		}
		var sold int
		query := `SELECT count(*) FROM sales JOIN items i ON i.id = item WHERE i.ref = $1 AND (at AT TIME ZONE $2)::date <= '2026-01-31'`
		if err := db.QueryRow(t.Context(), query, m.ID, zone).Scan(&sold); err != nil || sold < 5 {
			t.Errorf("%s was sold %d times before the month, %v", m.ID, sold, err)
		}
	}
	if n.Compared == 0 || n.Up+n.Down > n.Compared || len(n.Rose) != min(int(n.Up), mostReported) || len(n.Fell) != min(int(n.Down), mostReported) {
		t.Errorf("%d compared, %d up, %d down, %d and %d listed", n.Compared, n.Up, n.Down, len(n.Rose), len(n.Fell))
	}
}

// reportedVillage is the village with the report of February.
func reportedVillage(t *testing.T) *pgxpool.Pool {
	t.Helper()
	db, w := village(t)
	if done := report(t, db, w.Start); done != (Reported{Made: 1}) {
		t.Fatalf("made %+v, want the report of February", done)
	}
	return db
}

func TestAReportIsFrozenAndCorrectedByErrata(t *testing.T) {
	db := reportedVillage(t)
	now := at(t, "03-11 10:30")
	before := readReport(t, db, "2026-02")
	if n := before.Numbers; n.Opening != sumOf(0) || n.Closing != sumOf(1000) || n.Transactions != 2 || n.Active != 2 {
		t.Errorf("February is %+v", n)
	}
	if done := report(t, db, now); done != (Reported{}) {
		t.Errorf("made again: %+v", done)
	}
	appendBatch(t, db, ledger.Batch{Transactions: []ledger.Transaction{{Origin: "late", Ref: "1", At: at(t, "03-02 12:00"), Source: "grant",
		Postings: []ledger.Posting{{Account: "mint", Amount: -5}, {Account: "ann", Amount: 5}}}}})
	if done := report(t, db, now); done != (Reported{}) {
		t.Errorf("an append after the month: %+v", done)
	}
	appendBatch(t, db, ledger.Batch{Transactions: []ledger.Transaction{{Origin: "late", Ref: "2", At: at(t, "02-27 12:00"), Source: "grant",
		Postings: []ledger.Posting{{Account: "mint", Amount: -7}, {Account: "bob", Amount: 7}}}}})
	early := Reporter{DB: db, Version: "later", Settled: time.Hour}
	if _, err := UpdateSnapshots(t.Context(), db, now, DefaultExact); err != nil {
		t.Fatal(err)
	}
	if done, err := early.Update(t.Context(), now, time.Minute); err != nil || done != (Reported{}) {
		t.Errorf("before the month has settled: %+v, %v", done, err)
	}
	done, err := Reporter{DB: db, Version: "later"}.Update(t.Context(), now, time.Minute)
	if err != nil || done.Errata == 0 {
		t.Fatalf("%+v, %v, want errata", done, err)
	}
	after := readReport(t, db, "2026-02")
	if diff := cmp.Diff(before.Numbers, after.Numbers); diff != "" || !after.MadeAt.Equal(before.MadeAt) || after.Version != "test" {
		t.Errorf("the report has changed: %s", diff)
	}
	got := map[string]string{}
	for _, e := range after.Errata {
		text := func(s *string) string {
			if s == nil {
				return "none"
			}
			return *s
		}
		got[e.What+":"+e.Of] = text(e.Before) + " → " + text(e.After)
		if e.Version != "later" || e.Kind().Title == "" {
			t.Errorf("erratum %+v", e)
		}
	}
	for what, want := range map[string]string{"closing:": "1000 → 1007", "created:grant": "none → 7", "transactions:": "2 → 3", "active:": "2 → 3", "holders:": "1 → 2"} {
		if got[what] != want {
			t.Errorf("%s: %q, want %q; all: %v", what, got[what], want, got)
		}
	}
	if done := report(t, db, now); done != (Reported{}) {
		t.Errorf("corrected again: %+v", done)
	}
	// A month into which something is written again and again.
	const many = `INSERT INTO report_errata SELECT '2026-02-01', n + 100, now(), 'later', 'closing', '', n::text, (n + 1)::text FROM generate_series(1, 5000) n`
	if _, err := db.Exec(t.Context(), many); err != nil {
		t.Fatal(err)
	}
	r := readReport(t, db, "2026-02")
	if len(r.Errata) != mostErrata || r.Earlier != int64(4000+len(after.Errata)) || *r.Errata[0].After != "4002" || *r.Errata[mostErrata-1].After != "5001" {
		t.Errorf("of many errata %d are read, the last %+v, and %d are earlier", len(r.Errata), r.Errata[len(r.Errata)-1], r.Earlier)
	}
}

func TestOneOfManyProcessesMakesAReport(t *testing.T) {
	db, w := village(t)
	if _, err := UpdateSnapshots(t.Context(), db, w.Start, DefaultExact); err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for range 4 {
		running.Go(func() {
			done, err := Reporter{DB: db, Version: "test"}.Update(context.WithoutCancel(t.Context()), w.Start, time.Minute)
			mu.Lock()
			defer mu.Unlock()
			if made += done.Made; err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	if made != 1 {
		t.Errorf("%d made, want 1", made)
	}
}

func TestAMonthIsReportedAnHourAfterItsEnd(t *testing.T) {
	db, _ := village(t)
	for _, step := range []struct {
		now  string
		want int
	}{{"03-01 00:30", 0}, {"03-01 01:00", 1}, {"03-31 23:59", 0}, {"04-01 01:01", 1}, {"05-02 00:00", 0}} { // nothing was posted in April
		if done := report(t, db, at(t, step.now)); done.Made != step.want {
			t.Errorf("on %s: %+v, want %d", step.now, done, step.want)
		}
	}
	all, err := ListReports(t.Context(), db, "", 10)
	if err != nil || len(all) != 2 || all[0].Month != "2026-03" || all[0].Closing != sumOf(1040) || all[1].Closing != sumOf(1000) {
		t.Errorf("%+v, %v", all, err)
	}
	if all, err = ListReports(t.Context(), db, "2026-03", 10); err != nil || len(all) != 1 || all[0].Month != "2026-02" {
		t.Errorf("before March: %+v, %v", all, err)
	}
	for _, month := range []string{"2026-04", "2026-2", "2026-13", "x", "", "2026-02-01", "99999-01"} {
		if _, err := ReadReport(t.Context(), db, month); err != ErrNoReport {
			t.Errorf("%q: %v", month, err)
		}
	}
}

// A process whose clock is ahead makes no report of a month that is not over by that of the
// database, which all processes share.
func TestAClockThatIsAheadMakesNoReportEarly(t *testing.T) {
	db := reportedVillage(t)
	now := time.Now()
	appendBatch(t, db, ledger.Batch{Transactions: []ledger.Transaction{{Origin: "now", Ref: "1", At: now, Source: "grant",
		Postings: []ledger.Posting{{Account: "mint", Amount: -5}, {Account: "ann", Amount: 5}}}}})
	report(t, db, now.AddDate(0, 2, 0))
	month := now.UTC().Format(monthFormat)
	if r, err := ReadReport(t.Context(), db, month); err != ErrNoReport {
		t.Errorf("the report of %s, which is not over: %+v, %v", month, r, err)
	}
}

// Who is hidden after a report was made is not named by it.
func TestAReportNamesNobodyWhoIsHiddenSince(t *testing.T) {
	db := reportedTown(t, "UTC")
	first := readReport(t, db, "2026-02").Numbers.Firms[0]
	if first.ID == "" || first.Name == ledger.HiddenName {
		t.Fatalf("the largest firm is %+v", first)
	}
	hidden := ledger.Batch{Holders: []ledger.Holder{{Ref: first.ID, Hidden: true}}}
	appendBatch(t, db, hidden)
	firms := readReport(t, db, "2026-02").Numbers.Firms
	if firms[0] != (MonthFirm{Name: ledger.HiddenName, Sales: first.Sales, Turnover: first.Turnover}) {
		t.Errorf("after it is hidden, the largest firm is %+v", firms[0])
	}
	if again := report(t, db, at(t, "03-11 15:00")); again.Errata != 0 {
		t.Errorf("hiding makes %d errata", again.Errata)
	}
}

// EveryFigure has a kind, so that files and errata know what it is.
func TestEveryFigureOfAReportHasAKind(t *testing.T) {
	n := MonthNumbers{YearBefore: &MonthWealth{}, Created: []BridgeStep{{}}, Destroyed: []BridgeStep{{}}, Rose: []MonthMover{{}}, Fell: []MonthMover{{}}, Firms: []MonthFirm{{}}}
	seen := map[string]bool{}
	for _, f := range n.figures() {
		if seen[f.Name] = true; f.Title == "" {
			t.Errorf("%s has no kind", f.Name)
		}
	}
	for _, k := range figureKinds {
		if !seen[k.Name] {
			t.Errorf("%s is the kind of nothing", k.Name)
		}
	}
}
