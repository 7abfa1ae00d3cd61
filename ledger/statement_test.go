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

func FuzzParseCursor(f *testing.F) {
	f.Add("1700000000000000.5.1")
	f.Add(ledger.End().String())
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ledger.ParseCursor(s)
		if err != nil {
			return
		}
		if again, err := ledger.ParseCursor(c.String()); err != nil || !again.At.Equal(c.At) || again.Transaction != c.Transaction || again.Seq != c.Seq {
			t.Errorf("%q is read as %v, and its text as %v, %v", s, c, again, err)
		}
	})
}

// TestAStatementIsWhatScanningSays reads statements whole, some lines at a time, with
// and without filters, and compares them with a scan of all postings.
func TestAStatementIsWhatScanningSays(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	g := &generator{Rand: rand.New(rand.NewPCG(7, 7)), midnight: time.Now().UTC().Truncate(24 * time.Hour)}
	for _, b := range g.batches(30) {
		appendAtLast(t, l, b, g.Rand)
	}
	if _, err := db.Exec(t.Context(), `UPDATE transactions SET message = CASE id % 3 WHEN 0 THEN 'Bread for Tom' WHEN 1 THEN 'bread' ELSE 'Cake' END`); err != nil {
		t.Fatal(err)
	}
	read := func(q ledger.StatementQuery) []string {
		t.Helper()
		got := []string{}
		q.Before, q.Limit = ledger.End(), 7
		for {
			s, err := l.Statement(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range s.Lines {
				got = append(got, fmt.Sprint(line.Cursor, " ", line.Amount, " ", line.Balance))
			}
			if s.Next == nil {
				return got
			}
			q.Before = *s.Next
		}
	}
	scan := func(account, where string) []string {
		return rowsOf(t, db, `
			WITH own AS (
				SELECT t.id FROM accounts a LEFT JOIN merges m ON m.account = a.id JOIN accounts t ON t.id = coalesce(target, a.id) WHERE a.ref = '`+account+`'
			), all_own AS (SELECT id FROM own UNION ALL SELECT account FROM merges JOIN own ON own.id = target)
			SELECT (extract(epoch FROM at) * 1e6)::bigint || '.' || transaction || '.' || seq || ' ' || amount || ' ' || balance
			FROM (SELECT p.*, sum(amount) OVER (ORDER BY p.at, transaction, seq) AS balance, source, message
				FROM postings p JOIN transactions x ON x.id = transaction WHERE account IN (SELECT id FROM all_own)) AS p
			WHERE `+where+` ORDER BY at DESC, transaction DESC, seq DESC`)
	}
	check := func() {
		t.Helper()
		from := g.midnight.AddDate(0, 0, -2)
		for _, account := range people {
			for _, c := range []struct {
				q     ledger.StatementQuery
				where string
			}{
				{ledger.StatementQuery{}, "true"},
				{ledger.StatementQuery{From: from}, "at >= '" + from.Format(time.RFC3339) + "'"},
				{ledger.StatementQuery{Least: 40}, "abs(amount) >= 40"},
				{ledger.StatementQuery{Text: "BREAD tom"}, "message = 'Bread for Tom'"},
				{ledger.StatementQuery{Source: "no such"}, "false"},
				{ledger.StatementQuery{Source: "shop", Text: "cake"}, "message = 'Cake' AND source = 'shop'"},
				{ledger.StatementQuery{With: people[0].Ref, Least: 2}, `abs(amount) >= 2 AND EXISTS (SELECT FROM postings o
					WHERE o.transaction = p.transaction AND o.account IN (
						SELECT t.id FROM accounts a LEFT JOIN merges m ON m.account = a.id JOIN accounts t ON t.id = coalesce(target, a.id) WHERE a.ref = '` + people[0].Ref + `'
						UNION SELECT account FROM merges JOIN accounts ON id = target WHERE ref = '` + people[0].Ref + `'
						UNION SELECT s.account FROM merges s JOIN merges m USING (target) JOIN accounts a ON a.id = m.account WHERE a.ref = '` + people[0].Ref + `'))`},
			} {
				c.q.Account = account.Ref
				if diff := cmp.Diff(scan(account.Ref, c.where), read(c.q)); diff != "" {
					t.Errorf("statement %+v (-scanned +read):\n%s", c.q, diff)
				}
			}
		}
	}
	check()
	appended(t, l, ledger.Batch{Merges: []ledger.Merge{{Account: people[1].Ref, Into: people[0].Ref}}})
	check()
}

// A filter that few postings pass reads a bounded number of them at a time, and goes
// on from there.
func TestAStatementLooksThroughABoundedNumberOfPostings(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	appended(t, l, village())
	const fill = `
		SELECT add_months('{2026-01-01}'::date[]);
		INSERT INTO transactions SELECT n, timestamptz '2026-01-01' + n * interval '1 minute', CASE WHEN n % 6000 = 0 THEN 'rare' ELSE 'shop' END, '', 'o', n::text FROM generate_series(1, 12000) n;
		INSERT INTO postings SELECT (SELECT id FROM accounts WHERE ref = 'ann'), timestamptz '2026-01-01' + n * interval '1 minute', n, 1, 1 FROM generate_series(1, 12000) n WHERE random() >= 0;
		INSERT INTO balances SELECT id, 12000, now(), 12000, now() FROM accounts WHERE ref = 'ann' AND random() >= 0;
		INSERT INTO account_days SELECT account, (at AT TIME ZONE 'UTC')::date, sum(amount), 0, count(*) FROM postings GROUP BY 1, 2`
	if _, err := db.Exec(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	q := ledger.StatementQuery{Account: "ann", Source: "rare", Before: ledger.End(), Limit: 10}
	var got []string
	for {
		s, err := l.Statement(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprint(s.Looked)
		for _, line := range s.Lines {
			text += fmt.Sprint(" ", line.Ref, ": ", line.Balance)
		}
		got = append(got, text)
		if s.Next == nil {
			break
		}
		q.Before = *s.Next
	}
	want := []string{"5000 12000: 12000", "5000 6000: 6000", "2000"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what was looked through (-want +got):\n%s", diff)
	}
}

func TestAStatementIsNotFilteredByHiddenAccounts(t *testing.T) {
	l := ledger.New(testkit.Postgres(t))
	b := village()
	b.Transactions = []ledger.Transaction{transaction("1", noon, ledger.Posting{"mint", -90}, ledger.Posting{"ann", 90})}
	appended(t, l, b)
	ask := func(with string) *ledger.Statement {
		s, err := l.Statement(t.Context(), ledger.StatementQuery{Account: "mint", With: with, Before: ledger.End(), Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, with := range []string{"ann", "Ann", "ANN"} {
		if s := ask(with); s.Unknown || len(s.Lines) != 1 {
			t.Errorf("with %s: %+v, want her posting", with, s)
		}
	}
	appended(t, l, ledger.Batch{Holders: []ledger.Holder{{Ref: "ann", Hidden: true}}})
	for _, with := range []string{"ann", "Ann", "nobody"} {
		if s := ask(with); !s.Unknown || len(s.Lines) != 0 {
			t.Errorf("with %s, who is hidden or does not exist: %+v, want no answer", with, s)
		}
	}
}
