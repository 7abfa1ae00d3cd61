package aggregates

import (
	"encoding/json"
	"errors"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func TestAnEmptyLedgerSaysWhyThereIsNothing(t *testing.T) {
	db := testkit.Postgres(t)
	w := windowAt(time.Now())
	check := func(t *testing.T) {
		for _, days := range AllDays() {
			o, err1 := ComputeOverview(t.Context(), db, w, days)
			a, err2 := ComputeActivity(t.Context(), db, w, days)
			r, err3 := ComputeRhythm(t.Context(), db, w, days)
			v, err4 := ComputeInequality(t.Context(), db, w, InequalityQuery{Population: PopulationAll})
			k, err5 := ComputeWealthByKind(t.Context(), db, w, NoParams{})
			l, err6 := ComputeRichest(t.Context(), db, w, NoParams{})
			if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
				t.Fatal(err)
			}
			for _, why := range []string{o.Why, o.Supply.Why, o.Active.Why, o.Transactions.Why, o.Velocity.Why, a.Why, r.Why,
				v.Why, v.Gini.Why, v.GiniNormal.Why, v.Top1.Why, v.Palma.Why, v.Theil.Why, v.HHI.Why, v.Nakamoto.Why, k.Why, l.Why} {
				if !strings.HasSuffix(why, ".") {
					t.Errorf("%s days: %q", days.Key(), why)
				}
			}
			for _, value := range []interface{ Table() Table }{o, a, r, v, k, l} {
				if _, err := json.Marshal(value); err != nil {
					t.Errorf("%T: %v", value, err)
				}
				value.Table()
			}
		}
		if made, err := UpdateSnapshots(t.Context(), db, w.Start, DefaultExact); err != nil || made != 0 {
			t.Errorf("%d snapshots of nothing, %v", made, err)
		}
	}
	t.Run("nothing at all", check)
	appendBatch(t, db, ledger.Batch{Accounts: []ledger.Account{{Ref: "ann", Kind: ledger.Personal, Opened: w.Start}}})
	t.Run("accounts without transactions", check)
}

func TestALedgerWithoutMoneySaysWhyThereAreNoShares(t *testing.T) {
	db := testkit.Postgres(t)
	w := windowAt(time.Now())
	appendBatch(t, db, ledger.Batch{
		Accounts: []ledger.Account{{Ref: "ann", Kind: ledger.Personal}, {Ref: "bob", Kind: ledger.Personal}},
		Transactions: []ledger.Transaction{{Origin: "test", Ref: "1", At: w.Start.Add(-time.Minute), Source: "loan",
			Postings: []ledger.Posting{{Account: "ann", Amount: -5}, {Account: "bob", Amount: 5}}}},
	})
	o, err := ComputeOverview(t.Context(), db, w, 30)
	if err != nil {
		t.Fatal(err)
	}
	if o.Supply.Now == nil || *o.Supply.Now != sumOf(0) || o.Velocity.Now != nil || o.Velocity.Why == "" || !o.Balanced {
		t.Errorf("overview = %+v", o)
	}
	k, err := ComputeWealthByKind(t.Context(), db, w, NoParams{})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range k.Table().Rows {
		if row[4] != nil {
			t.Errorf("a share of no supply: %v", row)
		}
	}
}

func TestValuesSurviveTheCache(t *testing.T) {
	db, w := village(t)
	o, err1 := ComputeOverview(t.Context(), db, w, 7)
	v, err2 := ComputeInequality(t.Context(), db, w, InequalityQuery{Population: PopulationPersonal})
	l, err3 := ComputeRichest(t.Context(), db, w, NoParams{})
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	for _, value := range []any{o, v, l} {
		blob, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		back := reflect.New(reflect.TypeOf(value).Elem()).Interface()
		if err := json.Unmarshal(blob, back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(value, back, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%T (-before +after):\n%s", value, diff)
		}
	}
}

// Programs read the panels' values beside those of the API, whose names begin
// with a small letter.
func TestNamesInJSONBeginWithASmallLetter(t *testing.T) {
	db, w := village(t)
	o, err1 := ComputeOverview(t.Context(), db, w, 7)
	a, err2 := ComputeActivity(t.Context(), db, w, 7)
	r, err3 := ComputeRhythm(t.Context(), db, w, 7)
	v, err4 := ComputeInequality(t.Context(), db, w, InequalityQuery{Population: PopulationPersonal})
	k, err5 := ComputeWealthByKind(t.Context(), db, w, NoParams{})
	l, err6 := ComputeRichest(t.Context(), db, w, NoParams{})
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		t.Fatal(err)
	}
	for _, value := range []any{o, a, r, v, k, l} {
		blob, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(blob), `{"period":{"days":"`) {
			t.Errorf("%T does not begin with its period: %.40s", value, blob)
		}
		if name := regexp.MustCompile(`"[A-Z]\w*":`).Find(blob); name != nil {
			t.Errorf("%T has the name %s", value, name)
		}
	}
}
