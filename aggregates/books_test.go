package aggregates

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// Whatever is damaged, the page's sample, its sums or the night say so.
func TestBrokenBooksAreBad(t *testing.T) {
	for _, c := range []struct {
		damage string
		book   ledger.Book
		now    bool // the sample or the sums find it; the night always does
		where  string
	}{
		{`UPDATE balances SET balance = balance + 7 WHERE account = (SELECT id FROM accounts WHERE ref = 'bob')`, ledger.BookBalances, true, "balances"},
		{`UPDATE balances SET balance = balance + 7 WHERE account = (SELECT id FROM accounts WHERE ref = 'bob')`, ledger.BookSum, true, "balances"},
		{`UPDATE account_days SET sent = sent + 1 WHERE sent > 0`, ledger.BookRollups, true, "account_days"},
		{`UPDATE flow_hours SET volume = volume + 1 WHERE from_issuer AND hour > '2026-03-01'`, ledger.BookRollups, true, "flow_hours"},
		{`UPDATE activity_hours SET volume = volume + 1`, ledger.BookRollups, false, "activity_hours"},
		{`UPDATE postings SET amount = amount + 1 WHERE amount = 1000`, ledger.BookTransactions, true, "transactions"},
		{`UPDATE postings SET amount = amount + 1 WHERE amount = 1000`, ledger.BookSum, false, "postings"},
		{`DELETE FROM transactions WHERE ref = 'c'`, ledger.BookOrphans, true, "postings"},
		{`DELETE FROM refs`, ledger.BookOrphans, false, "refs"},
	} {
		t.Run(c.damage+" "+string(c.book), func(t *testing.T) {
			t.Parallel()
			db, w := village(t)
			check := func() (BookCheck, *Soundness) {
				t.Helper()
				night, err := ComputeNight(t.Context(), db, DefaultExact)
				if err != nil {
					t.Fatal(err)
				}
				v, err := computeSoundness(t.Context(), db, w, nil, earlier{night: night})
				if err != nil {
					t.Fatal(err)
				}
				for _, check := range v.Books.Checks {
					if check.Book == c.book {
						return check, v
					}
				}
				t.Fatalf("no check of %s", c.book)
				return BookCheck{}, nil
			}
			if got, v := check(); got.Now.State != StateGood || got.Night.State != StateGood || v.Books.State != StateGood || !v.Books.Whole() {
				t.Fatalf("sound books: %+v", v.Books)
			}
			if _, err := db.Exec(t.Context(), c.damage); err != nil {
				t.Fatal(err)
			}
			got, v := check()
			if v.Books.State != StateBad || got.Night.State != StateBad && c.where != "flow_hours" && !c.now || (got.Now.State == StateBad) != c.now {
				t.Errorf("after %s: %+v of books %s", c.damage, got, v.Books.State)
			}
			named := false
			for _, f := range append(got.Now.First, got.Night.First...) {
				named = named || f.Table == c.where && f.Key != "" && f.Text != ""
			}
			if !named {
				t.Errorf("after %s, nothing is said of %s: %+v", c.damage, c.where, got)
			}
			if rows := v.BooksTable().Rows; !strings.Contains(fmt.Sprint(rows), "bad") {
				t.Errorf("the table does not say it: %v", rows)
			}
		})
	}
}

// What a sample found stays bad in the windows that follow, although it has gone
// on, until it is mended.
func TestWhatASampleFoundStaysUntilItIsMended(t *testing.T) {
	db := testkit.Postgres(t)
	b := ledger.Batch{Accounts: []ledger.Account{{Ref: "mint", Kind: ledger.System}}}
	tx := ledger.Transaction{Origin: "test", Ref: "all", At: at(t, "03-11 09:00"), Source: "grant"}
	for i := range 2 * sampleAccounts {
		ref := fmt.Sprint("a", i)
		b.Accounts = append(b.Accounts, ledger.Account{Ref: ref, Kind: ledger.Personal})
		tx.Postings = append(tx.Postings, ledger.Posting{Account: ref, Amount: 5})
	}
	tx.Postings = append(tx.Postings, ledger.Posting{Account: "mint", Amount: -5 * 2 * sampleAccounts})
	b.Transactions = []ledger.Transaction{tx}
	appendBatch(t, db, b)
	// Two wrongs whose sum is right.
	const damage = `UPDATE balances SET balance = balance + CASE WHEN account = 10 THEN 1 ELSE -1 END WHERE account IN (10, 11)`
	if _, err := db.Exec(t.Context(), damage); err != nil {
		t.Fatal(err)
	}
	w := cache.WindowAt(at(t, "03-11 10:00"), soundWindow)
	var known earlier
	var states []State
	found := false
	for turn := range 7 {
		v, err := computeSoundness(t.Context(), db, w, nil, known)
		if err != nil {
			t.Fatal(err)
		}
		if v.Books.Sample.Round != 3*60 {
			t.Errorf("a round of %d accounts takes %v s", 2*sampleAccounts+1, v.Books.Sample.Round)
		}
		states = append(states, v.Books.State)
		if found && turn < 5 && v.Books.State != StateBad {
			t.Errorf("turn %d: the books are %s again", turn, v.Books.State)
		}
		found = found || v.Books.State == StateBad
		if turn == 4 {
			if _, err := db.Exec(t.Context(), strings.ReplaceAll(damage, "THEN 1 ELSE -1", "THEN -1 ELSE 1")); err != nil {
				t.Fatal(err)
			}
		}
		known.books = v.Books
		w = cache.WindowAt(w.End, soundWindow)
	}
	if !found || states[5] != StateGood {
		t.Errorf("states %v, want bad by the third turn and good from the sixth on", states)
	}
}

// The memo of the signs takes what the night found, and what the last sample did.
func TestTheMemosHandOnWhatWasFound(t *testing.T) {
	db, _ := village(t)
	c := cache.New(cache.Deps{Store: cache.NewMemory()})
	defer func() {
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	m := NewSoundnessMemos(t.Context(), c, db, Thresholds{"money": {Watch: between(0, 0), Bad: between(0, 0)}})
	if _, err := db.Exec(t.Context(), `DELETE FROM refs`); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Night.Get(t.Context(), NoParams{}); err != nil {
		t.Fatal(err)
	}
	res, err := m.Soundness.Get(t.Context(), NoParams{})
	if err != nil {
		t.Fatal(err)
	}
	if v := res.Value; v.Books.NightBegan == nil || v.Books.State != StateBad {
		t.Errorf("books after a night that found something: %+v", v.Books)
	}
	cached, err := m.Cache.Get(t.Context(), NoParams{})
	if err != nil || len(cached.Value.Memos) != 5 || len(cached.Value.Table().Rows) != 5 {
		t.Errorf("state of the cache: %+v, %v", cached.Value, err)
	}
}

// A process that shuts down does not wait for the night to end.
func TestTheNightEndsWithTheProcess(t *testing.T) {
	db, _ := village(t)
	c := cache.New(cache.Deps{Store: cache.NewMemory()})
	leaving, leave := context.WithCancel(t.Context())
	m := NewSoundnessMemos(leaving, c, db, nil)
	leave()
	if _, err := m.Night.Get(t.Context(), NoParams{}); err == nil {
		t.Error("the night went on")
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestANightThatTakesTooLongSaysSo(t *testing.T) {
	n := &Night{Checks: []NightCheck{{Name: "a", Book: ledger.BookRollups, First: []Finding{}}, {Name: "b", Book: ledger.BookRollups, Why: "it took longer than 5m0s"}}}
	b := newBooks(n)
	if got := n.of(ledger.BookRollups); got.State != StateGood || !strings.Contains(got.Why, "b: it took longer") || b.Whole() {
		t.Errorf("a night that was cut off: %+v", got)
	}
}

func TestASignIsJudgedByItsThresholds(t *testing.T) {
	f := func(v float64) *float64 { return &v }
	for _, c := range []struct {
		by          Judged
		now, before *float64
		least       float64
		want        State
	}{
		{JudgedValue, f(0.05), nil, 0, StateGood},
		{JudgedValue, f(0.051), nil, 0, StateWatch},
		{JudgedValue, f(-0.051), nil, 0, StateWatch},
		{JudgedValue, f(0.11), nil, 0, StateBad},
		{JudgedValue, nil, f(1), 0, StateNone},
		{JudgedDifference, f(0.65), f(0.6), 0, StateGood},
		{JudgedDifference, f(0.66), f(0.6), 0, StateWatch},
		{JudgedDifference, f(0.66), nil, 0, StateNone},
		{JudgedChange, f(105), f(100), 0, StateGood},
		{JudgedChange, f(106), f(100), 0, StateWatch},
		{JudgedChange, f(80), f(100), 0, StateBad},
		{JudgedChange, f(80), f(100), 101, StateNone},
		{JudgedChange, f(80), f(0), 0, StateNone},
	} {
		s := Sign{Now: c.now, Before: c.before, By: c.by, Watch: between(-0.05, 0.05), Bad: between(-0.1, 0.1), State: StateNone}
		s.judge(c.least)
		if s.State != c.want {
			t.Errorf("%+v is %s", c, s.State)
		}
	}
}

func TestThresholdsAreReadAndBounded(t *testing.T) {
	got, err := ParseThresholds(" money=watch:-5%..8%,bad:-0.2..0.2 ; freshness=watch:..2h,bad:..36h; leader=bad:..90%;")
	want := Thresholds{
		"money":     {between(-0.05, 0.08), between(-0.2, 0.2)},
		"freshness": {atMost(7200), atMost(36 * 3600)},
		"leader":    {atMost(0.5), atMost(0.9)},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-12, 0)); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	again, err := ParseThresholds(got.String())
	if diff := cmp.Diff(got, again); diff != "" || err != nil {
		t.Errorf("%s is read as (-wrote +read): %v\n%s", got, err, diff)
	}
	for text, says := range map[string]string{
		"gold=watch:1..2":             "there is no sign",
		"money":                       "write it as",
		"money=warn:1..2":             "there are watch and bad",
		"money=watch:5":               "not a range",
		"money=watch:x..1":            "not a number",
		"money=watch:NaN..1":          "beyond -1..10",
		"money=watch:..2000%":         "beyond -1..10",
		"money=watch:2%..1%":          "is above",
		"money=watch:-30%..30%":       "reaches beyond",
		"money=watch:..,watch:..":     "twice",
		"money=watch:..;money=bad:..": "already",
		"freshness=watch:..5":         "not a duration",
		"freshness=watch:..1s":        "beyond 1m0s",
	} {
		if _, err := ParseThresholds(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want something with %q", text, err, says)
		}
	}
	// An open bound, and every default, can be written.
	for _, k := range signKinds() {
		if _, err := ParseThresholds(k.name + "=watch:" + k.rangeOf(k.watch) + ",bad:" + k.rangeOf(k.bad)); err != nil {
			t.Error(err)
		}
	}
}

func TestAnEmptyLedgerHasNoSigns(t *testing.T) {
	db := testkit.Postgres(t)
	w := windowAt(time.Now())
	v, err := ComputeSoundness(t.Context(), db, w, nil)
	if err != nil || v.Why == "" || len(v.Signs) != 0 {
		t.Errorf("signs of nothing: %+v, %v", v, err)
	}
	c, err := ComputeCohorts(t.Context(), db, w, NoParams{})
	if err != nil || c.Why == "" {
		t.Errorf("cohorts of nothing: %+v, %v", c, err)
	}
	if n, err := ComputeNight(t.Context(), db, DefaultExact); err != nil || len(n.Checks) == 0 {
		t.Errorf("night of nothing: %+v, %v", n, err)
	}
	for _, table := range []Table{v.SignsTable(), v.BooksTable(), v.WeeksTable(), v.MoneyTable(), v.HoldersTable(), c.Table()} {
		if len(table.Columns) == 0 {
			t.Error("a table without columns")
		}
	}
}
