package ledger_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// entries reads the list to its end, some rows at a time.
func entries(t *testing.T, l *ledger.Ledger, f ledger.EntryFilter, limit int, between func()) (all []ledger.Entry) {
	t.Helper()
	for from := ledger.End(); ; {
		part, err := l.Transactions(t.Context(), f, from, limit)
		if err != nil {
			t.Fatal(err)
		}
		if len(part.Entries) > limit || part.Looked > ledger.MostLooked+limit {
			t.Fatalf("a part has %d rows of %d that were looked at", len(part.Entries), part.Looked)
		}
		all = append(all, part.Entries...)
		if part.Next == nil {
			return all
		}
		if from, err = ledger.ParseCursor(part.Next.String()); err != nil {
			t.Fatal(err)
		}
		if between != nil {
			between()
		}
	}
}

func entryLines(all []ledger.Entry) []string {
	lines := []string{}
	for _, e := range all {
		lines = append(lines, fmt.Sprint(e.Ref, " ", e.Postings, " ", e.Volume, " ", e.From.Ref, " ", e.To.Ref, " ", e.Payers, " ", e.Receivers))
	}
	return lines
}

// Each filter selects what a scan of the record selects.
func TestTransactionsAreThoseOfAScan(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	g := &generator{Rand: rand.New(rand.NewPCG(11, 11)), midnight: time.Now().UTC().Truncate(24 * time.Hour)}
	for _, b := range g.batches(40) {
		for i := range b.Transactions {
			b.Transactions[i].Message = []string{"100% Wool_", "bread and\nBUTTER", ""}[g.IntN(3)]
		}
		appendAtLast(t, l, b, g.Rand)
	}
	var source string
	if err := db.QueryRow(t.Context(), `SELECT source FROM transactions GROUP BY 1 ORDER BY count(*) DESC LIMIT 1`).Scan(&source); err != nil {
		t.Fatal(err)
	}
	middle := rowsOf(t, db, `SELECT (extract(epoch FROM percentile_disc(0.5) WITHIN GROUP (ORDER BY at)) * 1e6)::bigint FROM transactions`)[0]
	var micros int64
	if _, err := fmt.Sscan(middle, &micros); err != nil {
		t.Fatal(err)
	}
	noon := time.UnixMicro(micros).UTC()
	const nets = `(SELECT p.account, a.ref, a.kind, a.issuer, sum(amount) AS net FROM postings p JOIN accounts a ON a.id = p.account WHERE p.transaction = t.id GROUP BY 1, 2, 3, 4) AS n`
	for _, c := range []struct {
		name   string
		filter ledger.EntryFilter
		where  string
	}{
		{"all", ledger.EntryFilter{}, "true"},
		{"since", ledger.EntryFilter{Since: noon}, "at >= to_timestamp(" + middle + "/1e6)"},
		{"until", ledger.EntryFilter{Until: noon}, "at < to_timestamp(" + middle + "/1e6)"},
		{"source", ledger.EntryFilter{Source: source}, "source = '" + source + "'"},
		{"no source", ledger.EntryFilter{Source: "nothing"}, "false"},
		{"text", ledger.EntryFilter{Text: "% wool_"}, "message = '100% Wool_'"},
		{"least", ledger.EntryFilter{Least: 300}, "(SELECT sum(greatest(net, 0)) FROM " + nets + ") >= 300"},
		{"account", ledger.EntryFilter{Account: people[1].Ref}, "EXISTS (SELECT FROM " + nets + " WHERE ref = '" + people[1].Ref + "')"},
		{"account, source and text", ledger.EntryFilter{Account: people[1].Ref, Source: source, Text: "butter"},
			"source = '" + source + "' AND message LIKE '%BUTTER' AND EXISTS (SELECT FROM " + nets + " WHERE ref = '" + people[1].Ref + "')"},
		{"paid by", ledger.EntryFilter{From: ledger.Side{Kind: ledger.Personal}}, "EXISTS (SELECT FROM " + nets + " WHERE kind = 'personal' AND NOT issuer AND net < 0)"},
		{"received by", ledger.EntryFilter{To: ledger.Side{Kind: ledger.Business}, Since: noon},
			"at >= to_timestamp(" + middle + "/1e6) AND EXISTS (SELECT FROM " + nets + " WHERE kind = 'business' AND NOT issuer AND net > 0)"},
		{"unknown account", ledger.EntryFilter{Account: "nobody"}, "false"},
	} {
		want := rowsOf(t, db, `
			SELECT t.ref, (SELECT count(*) FROM postings WHERE transaction = t.id), (SELECT sum(greatest(net, 0)) FROM `+nets+`),
				coalesce((SELECT ref FROM `+nets+` WHERE net < 0 ORDER BY net, account LIMIT 1), (SELECT ref FROM `+nets+` ORDER BY account LIMIT 1)),
				coalesce((SELECT ref FROM `+nets+` WHERE net > 0 ORDER BY net DESC, account LIMIT 1), (SELECT ref FROM `+nets+` ORDER BY account LIMIT 1)),
				(SELECT count(*) FILTER (WHERE net < 0 OR total = 0) FROM (SELECT net, sum(abs(net)) OVER () AS total FROM `+nets+`) x),
				(SELECT count(*) FILTER (WHERE net > 0 OR total = 0) FROM (SELECT net, sum(abs(net)) OVER () AS total FROM `+nets+`) x)
			FROM transactions t WHERE `+c.where+` ORDER BY at DESC, id DESC`)
		for _, limit := range []int{7, 1000} {
			if diff := cmp.Diff(want, entryLines(entries(t, l, c.filter, limit, nil))); diff != "" {
				t.Errorf("%s, %d at a time (-scanned +read):\n%s", c.name, limit, diff)
			}
		}
	}
}

// A row that appears while a reader pages is shown if it belongs to what follows, and
// moves none of the others, also where it has the time of the row at which a page ends.
func TestALateTransactionNeitherRepeatsNorSkipsOthers(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	b := village()
	for i := range 20 {
		b.Transactions = append(b.Transactions, transaction(fmt.Sprint("t", i), noon.Add(time.Duration(i/4)*time.Minute), ledger.Posting{"mint", -5}, ledger.Posting{"ann", 5}))
	}
	appended(t, l, b)
	late := 0
	seen := map[string]int{}
	for _, e := range entries(t, l, ledger.EntryFilter{}, 3, func() {
		var late20 []ledger.Transaction
		for minute := range 5 {
			late++
			late20 = append(late20, transaction(fmt.Sprint("late", late), noon.Add(time.Duration(minute)*time.Minute), ledger.Posting{"mint", -1}, ledger.Posting{"bob", 1}))
		}
		if late < 40 {
			appended(t, l, ledger.Batch{Transactions: late20})
		}
	}) {
		seen[e.Ref]++
	}
	for i := range 20 {
		if ref := fmt.Sprint("t", i); seen[ref] != 1 {
			t.Errorf("%s is shown %d times", ref, seen[ref])
		}
	}
	for ref, n := range seen {
		if n != 1 {
			t.Errorf("%s is shown %d times", ref, n)
		}
	}
	if len(seen) == 20 {
		t.Error("no late row is shown, although most belong to what follows")
	}
}

func TestTransactionsNameNobodyHiddenAndMergedAccountsAsOne(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	b := village()
	b.Holders = []ledger.Holder{{Ref: "ann", Name: "Ann Secret", Hidden: true}}
	b.Transactions = []ledger.Transaction{
		transaction("a", noon, ledger.Posting{"ann", -9}, ledger.Posting{"bob", 9}),
		transaction("b", noon.Add(time.Minute), ledger.Posting{"bob", -1}, ledger.Posting{"town", 1}),
	}
	b.Accounts = append(b.Accounts, ledger.Account{Ref: "rob", Name: "Robert", Kind: ledger.Personal})
	b.Merges = []ledger.Merge{{Account: "bob", Into: "rob"}}
	appended(t, l, b)
	for _, e := range entries(t, l, ledger.EntryFilter{}, 10, nil) {
		if e.Ref == "a" && (e.From != ledger.Party{Name: ledger.HiddenName, Kind: ledger.Personal} || e.To.Name != "Robert") {
			t.Errorf("a is from %+v to %+v", e.From, e.To)
		}
	}
	for account, want := range map[string]int{"ann": 0, "Ann": 0, "Ann Secret": 0, "bob": 2, "rob": 2, "Robert": 2, "TOWN": 1} {
		part, err := l.Transactions(t.Context(), ledger.EntryFilter{Account: account}, ledger.End(), 10)
		if err != nil || len(part.Entries) != want || part.Unknown != (want == 0) {
			t.Errorf("%s has %d transactions, unknown %t, %v, want %d", account, len(part.Entries), part.Unknown, err, want)
		}
	}
}

// A search for what is not there looks at a bounded number of transactions, and goes
// on from there.
func TestASearchIsBounded(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	appended(t, l, village())
	const n = ledger.MostLooked + 700
	if _, err := db.Exec(t.Context(), fmt.Sprintf(`
		SELECT add_months('{2026-03-01}'::date[]);
		INSERT INTO transactions SELECT n, '2026-03-01'::timestamptz + n * interval '1 second', 'trade', CASE WHEN n = 300 THEN 'needle' ELSE 'hay' END, 'test', n FROM generate_series(1, %d) n;
		INSERT INTO postings SELECT id, '2026-03-01'::timestamptz + n * interval '1 second', n, id, id * 2 - 5 FROM generate_series(1, %d) n, accounts WHERE id IN (2, 3) AND random() >= 0`, n, n)); err != nil {
		t.Fatal(err)
	}
	f := ledger.EntryFilter{Text: "needle"}
	part, err := l.Transactions(t.Context(), f, ledger.End(), 10)
	if err != nil || len(part.Entries) != 0 || !part.Cut || part.Looked != ledger.MostLooked || part.Next == nil || part.Next.Transaction != 701 {
		t.Fatalf("the first part is %+v, %v", part, err)
	}
	part, err = l.Transactions(t.Context(), f, *part.Next, 10)
	if err != nil || len(part.Entries) != 1 || part.Next != nil || part.Looked != 700 {
		t.Errorf("the second part is %+v, %v", part, err)
	}
}

// Transactions with many postings are read one by one, and only so many of them.
func TestTransactionsWithManyPostingsAreReadWithinABound(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	appended(t, l, village())
	const n, legs = 30, 4000 // 120,000 postings
	if _, err := db.Exec(t.Context(), fmt.Sprintf(`
		SELECT add_months('{2026-03-01}'::date[]);
		INSERT INTO transactions SELECT n, '2026-03-01'::timestamptz + n * interval '1 second', 'ubi', '', 'test', n FROM generate_series(1, %[1]d) n;
		INSERT INTO postings SELECT 1 + s %% 2, '2026-03-01'::timestamptz + n * interval '1 second', n, s, (s %% 2) * 2 - 1
		FROM generate_series(1, %[1]d) n, generate_series(1, %[2]d) s`, n, legs)); err != nil {
		t.Fatal(err)
	}
	f := ledger.EntryFilter{Source: "ubi", Least: legs + 1} // more than any moved
	first, err := l.Transactions(t.Context(), f, ledger.End(), 10)
	if err != nil || len(first.Entries) != 0 || !first.Cut || first.Next == nil || first.Looked >= n {
		t.Fatalf("the first part is %+v, %v; want it to stop before all %d", first, err, n)
	}
	all := entries(t, l, ledger.EntryFilter{Source: "ubi", Least: legs / 2}, 10, nil)
	if len(all) != n || all[0].Postings != legs || all[0].Volume != legs/2 {
		t.Errorf("%d transactions were found, want all %d; the first is %+v", len(all), n, all[:1])
	}
}
