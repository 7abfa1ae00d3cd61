package aggregates

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

// A townScan answers by scanning a town's postings and sales what the panels answer
// from rollups.
type townScan struct {
	t    *testing.T
	db   *pgxpool.Pool
	zone string
	w    cache.Window
}

// oddTown is the reported town with what is rare: merged and archived accounts, hidden
// holders, debtors, an issuer that is a council, and a transaction of five sides, some
// of it written into months that are reported.
func oddTown(t *testing.T, zone string) townScan {
	t.Helper()
	db := reportedTown(t, zone)
	s := townScan{t, db, zone, windowAt(at(t, "03-11 15:00"))}
	firms := s.refs("business")
	people := s.refs("personal")
	public := s.refs("government")
	holder := func(ref string) (holder string) {
		t.Helper()
		if err := db.QueryRow(t.Context(), `SELECT holder FROM accounts WHERE ref = $1`, ref).Scan(&holder); err != nil {
			t.Fatal(err)
		}
		return holder
	}
	opened, issues := at(t, "01-01 00:00"), true
	move := func(ref, when string, legs ...any) ledger.Transaction {
		tx := ledger.Transaction{Origin: "odd", Ref: ref, At: at(t, when), Source: "odd " + ref}
		for i := 0; i < len(legs); i += 2 {
			tx.Postings = append(tx.Postings, ledger.Posting{Account: legs[i].(string), Amount: int64(legs[i+1].(int))})
		}
		return tx
	}
	appendBatch(t, db, ledger.Batch{
		Accounts: []ledger.Account{
			{Ref: "council", Kind: ledger.Government, Opened: opened, Issuer: &issues}, {Ref: "debtor", Kind: ledger.Personal, Opened: opened},
			{Ref: "left", Kind: ledger.Personal, Opened: opened, Archived: at(t, "02-10 12:00")}, {Ref: "closed", Kind: ledger.Business, Opened: opened, Archived: at(t, "03-01 12:00")},
		},
		Holders: []ledger.Holder{
			{Ref: holder(firms[0]), Name: "Hidden Firm", Hidden: true}, {Ref: holder(people[0]), Name: "Hidden Person", Hidden: true}, {Ref: holder(public[0]), Name: "Hidden Office", Hidden: true},
		},
		Merges: []ledger.Merge{{Account: firms[1], Into: firms[2]}, {Account: people[1], Into: people[2]}, {Account: public[1], Into: public[2]}},
		Transactions: []ledger.Transaction{
			move("grant", "01-31 23:30", "council", -90_000, people[1], 90_000), // yet January in New York, February in Sydney
			move("debt", "02-01 04:59", "debtor", -70_000, firms[1], 70_000),
			move("fine", "02-14 12:00", people[0], -333, public[1], 333),
			move("five", "03-08 06:59", "council", -1000, firms[0], -503, people[2], 701, public[3], -99, firms[2], 901), // the clock of New York changes
			move("closing", "02-09 12:00", "left", -40, "closed", 40),
			move("within", "03-09 12:00", public[0], -5000, public[2], 5000),
		},
	})
	report(t, db, at(t, "03-11 15:00"))
	return s
}

func (s townScan) refs(kind string) []string {
	s.t.Helper()
	rows, _ := s.db.Query(s.t.Context(), `SELECT ref FROM accounts WHERE kind = $1 AND EXISTS (SELECT FROM postings WHERE account = id) ORDER BY ref`, kind)
	refs, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(refs) < 4 {
		s.t.Fatal(kind, refs, err)
	}
	return refs
}

// townWords are what queries are written with: SHOWN are the accounts with those into
// which they are merged, DAY is the day of a time, UNMARKED the sales that count.
func (s townScan) query(query string, args ...any) pgx.Rows {
	words := strings.NewReplacer(
		"SHOWN", `(SELECT a.id, t.id AS shown, t.ref, t.holder, t.kind, t.issuer, t.archived, coalesce(h.hidden, false) AS hidden FROM accounts a
			LEFT JOIN merges m ON m.account = a.id JOIN accounts t ON t.id = coalesce(m.target, a.id) LEFT JOIN holders h ON h.ref = t.holder)`,
		"UNMARKED", `quantity > 0 AND total > 0 AND NOT EXISTS (SELECT FROM offsetting_pairs p WHERE p.item = s.item AND p.seller = s.seller AND p.buyer = s.buyer
			AND p.day = (s.at AT TIME ZONE '`+s.zone+`')::date)`,
		"DAY", `(at AT TIME ZONE '`+s.zone+`')::date`)
	rows, _ := s.db.Query(s.t.Context(), words.Replace(query), args...)
	return rows
}

// days returns the first and the last day of a period, as dates.
func (s townScan) days(p Period) (first, last time.Time) {
	zone, err := ledger.LoadZone(s.zone)
	if err != nil {
		s.t.Fatal(err)
	}
	return dateOf(p.Start.In(zone)), dateOf(p.End.Add(-time.Nanosecond).In(zone))
}

func (s townScan) checkFirms(days Days) {
	s.t.Helper()
	v, err := ComputeFirms(s.t.Context(), s.db, s.w, days)
	if err != nil {
		s.t.Fatal(err)
	}
	first, last := s.days(v.Period)
	const query = `
		WITH firms AS (
			SELECT DISTINCT holder FROM SHOWN x WHERE id = shown AND kind = 'business' AND NOT issuer AND (archived IS NULL OR archived > $3)
		), own AS (SELECT x.* FROM SHOWN x JOIN firms USING (holder) WHERE NOT issuer)
		SELECT holder, (SELECT hidden FROM own o WHERE o.holder = f.holder LIMIT 1),
			(SELECT count(*) FROM sales s JOIN own o ON o.id = seller WHERE o.holder = f.holder AND DAY BETWEEN $1 AND $2 AND UNMARKED),
			(SELECT coalesce(sum(total), 0) FROM sales s JOIN own o ON o.id = seller WHERE o.holder = f.holder AND DAY BETWEEN $1 AND $2 AND UNMARKED),
			(SELECT coalesce(sum(amount), 0) FROM postings JOIN own o ON o.id = account WHERE o.holder = f.holder AND DAY BETWEEN $1 AND $2),
			(SELECT coalesce(sum(amount), 0) FROM postings JOIN own o ON o.id = account WHERE o.holder = f.holder)
		FROM firms f`
	want, wantAll := map[string]string{}, Firms{}
	var ref string
	var hidden bool
	var sales int64
	var turnover, profit, balance ledger.Sum
	_, err = pgx.ForEachRow(s.query(query, first, last, v.End), []any{&ref, &hidden, &sales, &turnover, &profit, &balance}, func() error {
		if !hidden {
			want[ref] = fmt.Sprint(sales, turnover, profit, balance)
		}
		wantAll.Count, wantAll.Hidden, wantAll.Sales = wantAll.Count+1, wantAll.Hidden+int64(one(hidden)), wantAll.Sales+sales
		wantAll.Turnover, wantAll.Profit, wantAll.Balance = wantAll.Turnover.Plus(turnover), wantAll.Profit.Plus(profit), wantAll.Balance.Plus(balance)
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range v.Firms {
		got[f.ID] = fmt.Sprint(f.Sales, f.Turnover, f.Profit, f.Balance)
	}
	gotAll := Firms{Count: v.Count, Hidden: v.Hidden, Sales: v.Sales, Turnover: v.Turnover, Profit: v.Profit, Balance: v.Balance}
	if diff := cmp.Diff(want, got) + cmp.Diff(wantAll, gotAll); diff != "" || v.Hidden == 0 {
		s.t.Errorf("firms of %s days (-scanned +got):\n%s", days.Key(), diff)
	}
}

func (s townScan) checkGovernment(days Days) {
	s.t.Helper()
	v, err := ComputeGovernment(s.t.Context(), s.db, s.w, days)
	if err != nil {
		s.t.Fatal(err)
	}
	first, last := s.days(v.Period)
	const flows = `
		SELECT source, coalesce(sum(net) FILTER (WHERE net > 0), 0), coalesce(-sum(net) FILTER (WHERE net < 0), 0) FROM (
			SELECT t.id, source, sum(amount) AS net FROM transactions t JOIN (SELECT transaction, account, amount FROM postings) p ON transaction = t.id JOIN accounts a ON a.id = account
			WHERE a.kind = 'government' AND DAY BETWEEN $1 AND $2 GROUP BY t.id, source) AS x WHERE net <> 0 GROUP BY source`
	want, got := map[string]string{}, map[string]string{}
	var source string
	var received, sent, allReceived, allSent ledger.Sum
	_, err = pgx.ForEachRow(s.query(flows, first, last), []any{&source, &received, &sent}, func() error {
		want[source] = fmt.Sprint(received, sent)
		allReceived, allSent = allReceived.Plus(received), allSent.Plus(sent)
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range v.Sources {
		got[e.Source] = fmt.Sprint(e.Received, e.Sent)
	}
	if diff := cmp.Diff(want, got); diff != "" || v.Received.Now != allReceived || v.Paid.Now != allSent {
		s.t.Errorf("government of %s days received %s, paid %s, scanned %s and %s (-scanned +got):\n%s", days.Key(), v.Received.Now, v.Paid.Now, allReceived, allSent, diff)
	}
	const accounts = `
		SELECT ref, holder, hidden, issuer, coalesce(sum(amount), 0), coalesce(sum(amount) FILTER (WHERE DAY BETWEEN $1 AND $2), 0)
		FROM SHOWN x LEFT JOIN postings ON account = x.id WHERE kind = 'government' GROUP BY 1, 2, 3, 4`
	wantList, wantUnits, gotUnits := map[string]string{}, map[string]string{}, map[string]string{}
	type unit struct{ balance, issued ledger.Sum }
	units := map[string]unit{}
	var ref, holder string
	var hidden, issuer bool
	var balance, change, allBalance, allIssued, allChange ledger.Sum
	_, err = pgx.ForEachRow(s.query(accounts, first, last), []any{&ref, &holder, &hidden, &issuer, &balance, &change}, func() error {
		if !hidden {
			wantList[ref] = fmt.Sprint(balance, change)
		} else {
			holder = ""
		}
		u := units[holder]
		if issuer {
			u.issued, allIssued = u.issued.Minus(balance), allIssued.Minus(balance)
		} else {
			u.balance, allBalance, allChange = u.balance.Plus(balance), allBalance.Plus(balance), allChange.Plus(change)
		}
		units[holder] = u
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	for holder, u := range units {
		wantUnits[holder] = fmt.Sprint(u.balance, u.issued)
	}
	got = map[string]string{}
	for _, a := range v.List {
		got[a.ID] = fmt.Sprint(a.Balance, a.Change)
	}
	var unitsReceived, unitsSent ledger.Sum
	for _, u := range v.Units {
		gotUnits[u.ID] = fmt.Sprint(u.Balance, u.Issued)
		unitsReceived, unitsSent = unitsReceived.Plus(u.Received), unitsSent.Plus(u.Sent)
	}
	parties := v.Others.Plus(v.Hidden).Plus(v.Several)
	for _, p := range v.Parties {
		parties = parties.Plus(p.Exchange)
	}
	if diff := cmp.Diff(wantList, got) + cmp.Diff(wantUnits, gotUnits); diff != "" || v.Balance != allBalance || v.Issued != allIssued || v.Change != allChange {
		s.t.Errorf("public accounts have %s, issued %s, gained %s; scanned %s, %s, %s (-scanned +got):\n%s", v.Balance, v.Issued, v.Change, allBalance, allIssued, allChange, diff)
	}
	if parties.Received != unitsReceived || parties.Sent != unitsSent || unitsReceived.Minus(unitsSent) != allReceived.Minus(allSent) {
		s.t.Errorf("units received %s and paid %s, the other side %+v, by source %s and %s", unitsReceived, unitsSent, parties, allReceived, allSent)
	}
}

// checkPast compares what is shown as of a day with what had been written by its end,
// and looks for the names of those who are hidden now.
func (s townScan) checkPast(on Date) {
	s.t.Helper()
	ctx, t := s.t.Context(), s.t
	for _, p := range Populations() {
		v, err := ComputePastInequality(ctx, s.db, s.w, AsOf[InequalityQuery]{InequalityQuery{p, CountedAll}, on})
		if err != nil {
			t.Fatal(err)
		}
		var kinds []string
		for _, k := range p.kinds() {
			kinds = append(kinds, string(k))
		}
		const held = `
			SELECT sum(amount)::bigint FROM SHOWN x JOIN postings ON account = x.id
			WHERE DAY <= $1::date AND kind = ANY($2) AND NOT issuer AND (archived IS NULL OR archived > $3) GROUP BY holder`
		sums, err := pgx.CollectRows(s.query(held, string(on), kinds, v.End), pgx.RowTo[int64])
		if err != nil || len(sums) == 0 {
			t.Fatal(on, err)
		}
		slices.Sort(sums)
		var total, weighted float64
		zero, debtors := int64(0), int64(0)
		for i, x := range sums {
			total, weighted = total+float64(x), weighted+float64(i+1)*float64(x)
			zero, debtors = zero+int64(one(x == 0)), debtors+int64(one(x < 0))
		}
		n := float64(len(sums))
		gini := 2*weighted/(n*total) - (n+1)/n
		if v.Holders != int64(len(sums)) || v.Total.Float64() != total || v.Zero != zero || v.Debtors != debtors || v.Gini.Value == nil || math.Abs(*v.Gini.Value-gini) > 1e-9 {
			t.Errorf("%s as of %s: %d holders with %s, %d without, %d in debt, Gini %v; scanned %d with %.0f, %d, %d, %f",
				p, on, v.Holders, v.Total, v.Zero, v.Debtors, v.Gini.Value, len(sums), total, zero, debtors, gini)
		}
	}
	rich, err := ComputePastRichest(ctx, s.db, s.w, AsOf[NoParams]{At: on})
	if err != nil {
		t.Fatal(err)
	}
	holdings, err := ComputePastHoldings(ctx, s.db, s.w, AsOf[Population]{PopulationAll, on})
	if err != nil {
		t.Fatal(err)
	}
	const listed = `
		SELECT CASE WHEN hidden THEN '' ELSE ref END, sum(amount)::bigint AS balance FROM SHOWN x JOIN postings ON account = x.id
		WHERE DAY <= $1::date AND NOT issuer AND (archived IS NULL OR archived > $2) GROUP BY ref, hidden ORDER BY balance DESC`
	want := map[string]int64{}
	var order []int64
	var ref string
	var balance int64
	hiddenSeen := 0
	_, err = pgx.ForEachRow(s.query(listed, string(on), rich.End), []any{&ref, &balance}, func() error {
		order = append(order, balance)
		if ref == "" {
			hiddenSeen++
		} else {
			want[ref] = balance
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range rich.Accounts {
		if a.Balance != order[i] || a.Ref != "" && want[a.Ref] != a.Balance || a.Ref == "" && (a.Name != ledger.HiddenName || a.Holder != "") {
			t.Errorf("richest %d as of %s: %+v, scanned %d", i, on, a, order[i])
		}
	}
	got := map[string]int64{}
	nameless := 0
	for _, a := range holdings.Accounts {
		if a.ID == "" {
			nameless++
			continue
		}
		got[a.ID] = a.Balance
	}
	if diff := cmp.Diff(want, got); diff != "" || nameless != hiddenSeen || hiddenSeen == 0 {
		t.Errorf("accounts as of %s, %d hidden, want %d (-scanned +got):\n%s", on, nameless, hiddenSeen, diff)
	}
	if text := fmt.Sprintf("%+v %+v %+v %+v", rich, holdings, rich.Table(), holdings.Accounts); strings.Contains(text, "Hidden ") {
		t.Errorf("a hidden holder is named as of %s", on)
	}
}

// checkReports compares the last numbers of a month that were read with the record as
// it is now.
func (s townScan) checkReport(month, first, last string) {
	s.t.Helper()
	r := readReport(s.t, s.db, month)
	now := map[string]string{}
	for _, f := range r.Numbers.figures() {
		if text := f.text(); text != nil && f.thing == "" {
			now[f.Name] = *text
		}
	}
	for _, e := range r.Errata {
		if e.Of == "" && e.After != nil {
			now[e.What] = *e.After
		}
	}
	for what, query := range map[string]string{
		"opening":      `SELECT coalesce(sum(amount), 0) FROM SHOWN x JOIN postings ON account = x.id WHERE NOT issuer AND DAY < $1::date AND $2 <> ''`,
		"closing":      `SELECT sum(amount) FROM SHOWN x JOIN postings ON account = x.id WHERE NOT issuer AND $1 <> '' AND DAY <= $2::date`,
		"transactions": `SELECT count(*) FROM transactions WHERE DAY BETWEEN $1::date AND $2::date`,
		"active":       `SELECT count(DISTINCT holder) FROM SHOWN x JOIN postings ON account = x.id WHERE NOT issuer AND DAY BETWEEN $1::date AND $2::date`,
		"turnover":     `SELECT coalesce(sum(total), 0) FROM sales s WHERE DAY BETWEEN $1::date AND $2::date AND UNMARKED`,
		"transfers": `SELECT coalesce(sum(least(given, taken)), 0) FROM (
			SELECT coalesce(sum(net) FILTER (WHERE net > 0), 0) AS taken, coalesce(-sum(net) FILTER (WHERE net < 0), 0) AS given FROM (
				SELECT transaction, a.holder, sum(amount) AS net FROM postings JOIN accounts a ON a.id = account
				WHERE NOT issuer AND DAY BETWEEN $1::date AND $2::date GROUP BY 1, 2) AS nets GROUP BY transaction) AS sides`,
	} {
		scanned, err := pgx.CollectExactlyOneRow(s.query(query, first, last), pgx.RowTo[ledger.Sum])
		if err != nil {
			s.t.Fatal(what, err)
		}
		if now[what] != scanned.String() {
			s.t.Errorf("%s: %s is %s, scanned %s", month, what, now[what], scanned)
		}
	}
}

// TestTheOddTownIsWhatScanningSays compares firms, the government, past days and
// reports with scans of the record, of what is rare in zones far apart.
func TestTheOddTownIsWhatScanningSays(t *testing.T) {
	for _, zone := range []string{"UTC", "America/New_York", "Australia/Sydney"} {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			s := oddTown(t, zone)
			for _, days := range []Days{7, 30, 365, 0} {
				s.checkFirms(days)
				s.checkGovernment(days)
			}
			for _, on := range []Date{"2026-01-02", "2026-01-31", "2026-02-01", "2026-02-28", "2026-03-07", "2026-03-08", "2026-03-10"} {
				s.checkPast(on)
			}
			s.checkReport("2026-01", "2026-01-01", "2026-01-31")
			s.checkReport("2026-02", "2026-02-01", "2026-02-28")
		})
	}
}
