package ledger_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func observed(account string, at time.Time, balance int64) ledger.Observation {
	return ledger.Observation{Origin: "snapshots", Account: account, At: at, Balance: balance, Line: account}
}

func TestWhatChangedUnobservedIsPostedAgainstAnIssuer(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	b := village()
	b.Transactions = []ledger.Transaction{
		transaction("grant", noon, ledger.Posting{"mint", -1000}, ledger.Posting{"ann", 1000}),
		transaction("later", noon.Add(3*time.Hour), ledger.Posting{"ann", -100}, ledger.Posting{"bob", 100}),
		transaction("next day", noon.AddDate(0, 0, 1), ledger.Posting{"ann", -7}, ledger.Posting{"bob", 7}),
	}
	if _, err := l.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	post := func(want ledger.Written, observations ...ledger.Observation) {
		t.Helper()
		if got, err := l.Append(t.Context(), ledger.Batch{Observations: observations}); err != nil || got != want {
			t.Errorf("Append = %+v, %v, want %+v", got, err, want)
		}
	}
	refused := func(want string, observations ...ledger.Observation) {
		t.Helper()
		_, err := l.Append(t.Context(), ledger.Batch{Observations: observations})
		if wrong := (*ledger.BatchError)(nil); !errors.As(err, &wrong) || len(wrong.Problems) != 1 || !strings.Contains(wrong.Problems[0].String(), want) {
			t.Errorf("Append = %v, want %s", err, want)
		}
		wantSound(t, l)
	}
	// Of the past: what was posted afterwards is not part of it.
	one := noon.Add(time.Hour)
	post(ledger.Written{Transactions: 2, Postings: 4, Observed: 3}, observed("ann", one, 1250), observed("bob", one, -20), observed("town", one, 0))
	post(ledger.Written{SkippedObserved: 3}, observed("ann", one, 1250), observed("bob", one, -20), observed("town", one, 0))
	wantRows(t, db, `SELECT ref, balance FROM balances JOIN accounts ON id = account ORDER BY ref`,
		"ann 1143", "bob 87", "mint -1000", "sys:unobserved -230")
	wantRows(t, db, `SELECT source, a.ref, t.at = '2026-03-04 13:00Z', t.ref = '2026-03-04T13:00:00Z ' || a.id
		FROM transactions t JOIN postings p ON p.transaction = t.id JOIN accounts a ON a.id = p.account AND a.ref <> 'sys:unobserved'
		WHERE origin = 'snapshots' ORDER BY a.ref`,
		"observed-change ann true true", "observed-change bob true true")

	post(ledger.Written{Transactions: 1, Postings: 2, Observed: 2}, observed("ann", noon.AddDate(0, 0, 2), 1143), observed("bob", noon.AddDate(0, 0, 2), 80))
	// The first one again, after a later one; and one of between that agrees.
	post(ledger.Written{SkippedObserved: 3}, observed("ann", one, 1250), observed("bob", one, -20), observed("town", one, 0))
	post(ledger.Written{SkippedObserved: 1}, observed("ann", noon.AddDate(0, 0, 1).Add(-time.Second), 1150))
	refused(`balance "ann": time 2026-03-04T13:30:00Z is before the latest observation of the account, at 2026-03-06T12:00:00Z`, observed("ann", one.Add(30*time.Minute), 1249))
	refused(`balance 1143 was observed at this time, and not 1144`, observed("ann", noon.AddDate(0, 0, 2), 1144))
	refused(`account "nobody" is unknown`, observed("nobody", noon.AddDate(0, 0, 3), 1))
	refused(`is not observed itself`, observed("sys:unobserved", noon.AddDate(0, 0, 3), 1))
	refused(`occurs twice`, observed("ann", noon.AddDate(0, 0, 3), 1), observed("ann", noon.AddDate(0, 0, 4), 1))
	refused(`more than an int64 holds`, observed("bob", noon.AddDate(0, 0, 3), math.MinInt64))
	refused(`in the future`, observed("bob", time.Now().Add(time.Hour), 5))
	wantRows(t, db, `SELECT kind, issuer FROM accounts WHERE ref = 'sys:unobserved'`, "system true")
}

// A ref is shown to all, so that it names no account: its holder may be hidden.
func TestTheRefOfAnObservationNamesNoAccount(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	b := ledger.Batch{Accounts: []ledger.Account{{Ref: "secret", Kind: ledger.Personal}}, Holders: []ledger.Holder{{Ref: "secret", Hidden: true}},
		Observations: []ledger.Observation{observed("secret", noon, 5)}}
	if _, err := l.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	wantRows(t, db, `SELECT count(*), count(*) FILTER (WHERE ref LIKE '%secret%') FROM transactions`, "1 0")
}

// What is written of a time before an observation has been counted by it already. The
// next observation takes it back, so that balances are right again, and as much is
// destroyed as was created too much.
func TestWhatIsLateCountsTwiceUntilTheNextObservation(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	appended := func(b ledger.Batch) {
		t.Helper()
		if _, err := l.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	ann := func(balance, created int) {
		t.Helper()
		wantRows(t, db, `SELECT ref, balance FROM balances JOIN accounts ON id = account WHERE ref IN ('ann', 'sys:unobserved') ORDER BY ref`,
			fmt.Sprint("ann ", balance), fmt.Sprint("sys:unobserved ", -created))
		wantSound(t, l)
	}
	appended(village())
	appended(ledger.Batch{Observations: []ledger.Observation{observed("ann", noon, 350)}})
	ann(350, 350)
	appended(ledger.Batch{Transactions: []ledger.Transaction{transaction("late", noon.Add(-time.Hour), ledger.Posting{"mint", -350}, ledger.Posting{"ann", 350})}})
	ann(700, 350)
	appended(ledger.Batch{Observations: []ledger.Observation{observed("ann", noon.Add(time.Hour), 350)}})
	ann(350, 0)
}

func TestObserversAtOnceAgree(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	if _, err := l.Append(t.Context(), village()); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			at := noon.Add(time.Duration(i/2) * time.Minute)
			_, err := l.Append(t.Context(), ledger.Batch{Observations: []ledger.Observation{observed("ann", at, int64(100+i/2)), observed("bob", at, 5)}})
			if wrong := (*ledger.BatchError)(nil); err != nil && !errors.As(err, &wrong) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	wantRows(t, db, `SELECT ref, balance FROM balances JOIN accounts ON id = account WHERE ref IN ('ann', 'bob') ORDER BY ref`, "ann 102", "bob 5")
	wantSound(t, l)
}

func TestAReviewFindsEveryKindOfProblemAtOnce(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	if _, err := l.Append(t.Context(), village()); err != nil {
		t.Fatal(err)
	}
	before := dump(t, db)
	posting := func(account string) []ledger.Posting {
		return []ledger.Posting{{Account: "mint", Amount: -1}, {Account: account, Amount: 1}}
	}
	b := ledger.Batch{
		Accounts: []ledger.Account{{Ref: "ann", Kind: ledger.Business, Line: "a0"}, {Ref: "new", Kind: ledger.Personal, Line: "a1"}, {Ref: "bad", Kind: "alien", Line: "a2"}},
		Shops:    []ledger.Shop{{Ref: "kiosk", Owner: "new", Seen: noon, X: new(int64), Line: "h0"}},
		Offers:   []ledger.Offer{{Shop: "kiosk", Item: "bread", Batch: 1, Seen: noon, Line: "o0"}, {Shop: "nowhere", Item: "cake", Batch: 1, Seen: noon, Line: "o1"}},
		Transactions: []ledger.Transaction{
			{Origin: "test", Ref: "t0", At: noon, Source: "s", Postings: posting("new"), Line: "t0"},
			{Origin: "test", Ref: "t1", At: noon, Source: "s", Postings: posting("nobody"), Line: "t1"},
			{Origin: "test", Ref: "t2", At: noon, Postings: posting("bad"), Line: "t2"},
		},
		Sales: []ledger.Sale{
			{Origin: "test", Ref: "s0", At: noon, Item: "bread", Direction: ledger.DirectionSale, Transaction: "t0", Line: "s0"},
			{Origin: "test", Ref: "s1", At: noon, Item: "cake", Direction: ledger.DirectionSale, Transaction: "t9", Line: "s1"},
		},
	}
	var wrong *ledger.BatchError
	if err := l.Review(t.Context(), b); !errors.As(err, &wrong) {
		t.Fatalf("Review = %v", err)
	}
	var got []string
	for _, p := range wrong.Problems {
		got = append(got, fmt.Sprintf("%s %s", p.Line, p.Field))
	}
	want := "a2 kind, h0 x, y and z, t2 source, a0 kind, o1 item, o1 shop, t1 account, s1 item, s1 transaction"
	if text := strings.Join(got, ", "); text != want {
		t.Errorf("problems of\n%s, want\n%s", text, want)
	}
	if err := l.Review(t.Context(), village()); err != nil {
		t.Errorf("Review of what is right = %v", err)
	}
	if after := dump(t, db); fmt.Sprint(before) != fmt.Sprint(after) {
		t.Error("a review has written")
	}
}
