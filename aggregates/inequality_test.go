package aggregates

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func TestInequalityOfAVillage(t *testing.T) {
	db, w := village(t)
	for _, c := range []struct {
		population Population
		balances   []int64
		archived   int64
	}{
		{PopulationPersonal, []int64{240, 30}, 1},
		{PopulationPrivate, []int64{240, 90}, 1},
		{PopulationAll, []int64{240, 90, 610}, 1},
	} {
		got, err := ComputeInequality(t.Context(), db, w, InequalityQuery{Population: c.population})
		if err != nil {
			t.Fatal(err)
		}
		d := NewDistribution(c.balances)
		want := &Inequality{
			Basis: basisOf(span{Start: at(t, "02-01 00:00"), End: w.Start}), Population: c.population, Counted: CountedAll, Holders: int64(d.Len()), Archived: c.archived,
			Total: d.Total(), Mean: d.Mean(), Median: d.Median(), Gini: d.Gini(), GiniNormal: d.GiniNormal(),
			Top1: d.TopShare(1, 100), Top10: d.TopShare(10, 100), Bottom50: d.BottomShare(50, 100),
			Palma: d.Palma(), Theil: d.Theil(), HHI: d.HHI(), Nakamoto: d.Nakamoto(),
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Inequality{}, "Lorenz", "Bins", "Trend")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.population, diff)
		}
		if len(got.Lorenz) != 110 || len(got.LorenzTable().Rows) != 110 || len(got.Table().Rows) != 14 {
			t.Errorf("%s: %d points, table of %d rows", c.population, len(got.Lorenz), len(got.Table().Rows))
		}
		if today := len(got.Trend); c.population == PopulationPersonal && today != 1 || c.population != PopulationPersonal && today != 0 {
			t.Errorf("%s: a trend of %d days without snapshots", c.population, today)
		}
	}
	got, err := ComputeInequality(t.Context(), db, w, InequalityQuery{Population: PopulationPersonal})
	if err != nil {
		t.Fatal(err)
	}
	if want := 2.0*(1*30+2*240)/(2*270) - 1.5; math.Abs(*got.Gini.Value-want) > 1e-15 {
		t.Errorf("Gini = %v, want %v", *got.Gini.Value, want)
	}
	if want := 8.0 / 9; *got.Top1.Value != 240.0*0.02/270 {
		t.Errorf("top 1 %% = %v: a fiftieth of Ann, who has %v of all", *got.Top1.Value, want)
	}
}

func TestInequalityTrendIsThePastDaysAndToday(t *testing.T) {
	db, w := village(t)
	if _, err := UpdateSnapshots(t.Context(), db, w.Start, DefaultExact); err != nil {
		t.Fatal(err)
	}
	got, err := ComputeInequality(t.Context(), db, w, InequalityQuery{Population: PopulationPersonal})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(got.Trend); n != 31 || !got.Trend[0].Day.Equal(at(t, "02-09 00:00")) || !got.Trend[30].Day.Equal(at(t, "03-11 00:00")) {
		t.Fatalf("a trend of %d days: %v", n, got.Trend)
	}
	if today := got.Trend[30]; *today.Gini != *got.Gini.Value || *today.Top10 != *got.Top10.Value {
		t.Errorf("today's trend is %+v, the measures are %+v", today, got.Gini)
	}
	if first := got.Trend[0]; first.Gini != nil {
		t.Errorf("on 9 February nobody had anything, but Gini is %v", *first.Gini)
	}
}

func TestALedgerWithoutPersonalAccountsIsMeasuredByItsFirms(t *testing.T) {
	db := testkit.Postgres(t)
	paid := at(t, "03-01 12:00")
	batch := ledger.Batch{
		Accounts: []ledger.Account{
			{Ref: "council", Kind: ledger.System}, {Ref: "baker", Kind: ledger.Business}, {Ref: "mason", Kind: ledger.Business},
		},
		Transactions: []ledger.Transaction{
			{Origin: "t", Ref: "1", At: paid, Source: "payment", Postings: []ledger.Posting{{Account: "council", Amount: -30}, {Account: "baker", Amount: 30}}},
			{Origin: "t", Ref: "2", At: paid, Source: "payment", Postings: []ledger.Posting{{Account: "council", Amount: -10}, {Account: "mason", Amount: 10}}},
		},
	}
	appendBatch(t, db, batch)
	w := windowAt(paid.Add(hour))
	v, err := ComputeInequality(t.Context(), db, w, InequalityQuery{Population: PopulationPersonal})
	if err != nil {
		t.Fatal(err)
	}
	if v.Population != PopulationPrivate || v.Holders != 2 || *v.Gini.Value != 0.25 {
		t.Errorf("population %s, %d holders, Gini %v; want private, 2 and 0.25", v.Population, v.Holders, *v.Gini.Value)
	}
}

func TestAHolderTooRichToMeasureIsSaidToBe(t *testing.T) {
	db, w := village(t)
	const half = 1 << 62
	_, err := ledger.New(db).Append(t.Context(), ledger.Batch{
		Accounts: []ledger.Account{
			{Ref: "mine", Kind: ledger.System}, {Ref: "mine-2", Kind: ledger.System}, {Ref: "midas", Kind: ledger.Personal}, {Ref: "midas-2", Kind: ledger.Personal, Holder: "midas"},
		},
		Transactions: []ledger.Transaction{
			{Origin: "t", Ref: "gold", At: at(t, "02-01 00:00"), Source: "gold", Postings: []ledger.Posting{{Account: "mine", Amount: -half}, {Account: "midas", Amount: half}}},
			{Origin: "t", Ref: "more", At: at(t, "02-01 00:00"), Source: "gold", Postings: []ledger.Posting{{Account: "mine-2", Amount: -half}, {Account: "midas-2", Amount: half}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	v, err := ComputeInequality(t.Context(), db, w, InequalityQuery{Population: PopulationPersonal})
	if err != nil || v.Why != whyTooLarge || v.Gini.Value != nil {
		t.Errorf("ComputeInequality = %+v, %v, want the reason", v, err)
	}
}
