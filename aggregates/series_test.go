package aggregates

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exchequer/ledger"
)

func TestASeriesIsNamedByOneText(t *testing.T) {
	for text, want := range map[string][]SeriesRef{
		"":              nil,
		"supply":        {{SeriesSupply, ""}},
		"supply:x~gini": {{SeriesSupply, ""}, {SeriesGini, ""}},
		"item:minecraft:diamond~account:a%7Eb%25~item:minecraft:diamond":    {{SeriesPrice, "minecraft:diamond"}, {SeriesBalance, "a~b%"}},
		"item~item:~nothing~source:50%~sold:i":                              {{SeriesSource, "50%"}, {SeriesSold, "i"}},
		"item:\x00~item:\xff~item:" + strings.Repeat("a", 513):              nil,
		"supply~holders~gini~top10~item:1~item:2~item:3~item:4~item:5~gini": {{SeriesSupply, ""}, {SeriesHolders, ""}, {SeriesGini, ""}, {SeriesTop10, ""}, {SeriesPrice, "1"}, {SeriesPrice, "2"}, {SeriesPrice, "3"}},
	} {
		if diff := cmp.Diff(want, ParseSeries(text)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func FuzzParseSeries(f *testing.F) {
	for _, text := range []string{"supply~item:a:b", "item:%7e~item:~", "account:%zz~source:%25%"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		refs := ParseSeries(text)
		if len(refs) > MostSeries+1 {
			t.Fatalf("%d series", len(refs))
		}
		if again := ParseSeries(JoinSeries(refs)); !slices.Equal(refs, again) {
			t.Errorf("%q is read as %v, and then as %v", text, refs, again)
		}
		for _, r := range refs {
			if !slices.Contains(SeriesKinds(), r.Kind) || r.Kind.HasRef() != (r.Ref != "") || len(r.Ref) > longestRef || strings.Count(NewSeriesQuery(r, PopulationAll, 0).Key(), ":") != 3 {
				t.Errorf("%q has the series %q", text, r)
			}
		}
	})
}

// The village is looked at on 11 March, which is not over.
func TestASeriesOfTheVillage(t *testing.T) {
	db, w := village(t)
	if _, err := UpdateSnapshots(t.Context(), db, w.Start, DefaultExact); err != nil {
		t.Fatal(err)
	}
	for of, want := range map[SeriesRef][]float64{ // from 5 March to the 10th
		{SeriesSupply, ""}:     {1060, 1060, 1060, 1060, 1060, 1040},
		{SeriesHolders, ""}:    {2, 2, 2, 2, 2, 2},
		{SeriesSource, "test"}: {0, 50, 0, 0, 10, 20},
		{SeriesBalance, "bob"}: {40, 40, 40, 40, 50, 30},
		{SeriesBalance, "dan"}: {0, 0, 0, 0, 0, 0},
	} {
		v, err := ComputeSeries(t.Context(), db, w, NewSeriesQuery(of, PopulationPersonal, 7))
		if err != nil {
			t.Fatal(err)
		}
		var got []float64
		for _, p := range v.Points {
			got = append(got, orNaN(p.Value))
		}
		if diff := cmp.Diff(want, got); diff != "" || !v.Points[0].Start.Equal(at(t, "03-05 00:00")) {
			t.Errorf("%s from %s (-want +got):\n%s", of, v.Points[0].Start, diff)
		}
	}
}

func TestSeriesOfWhatIsNotShownAreNone(t *testing.T) {
	db, w := village(t)
	balance := func(ref string) *Series {
		t.Helper()
		v, err := ComputeSeries(t.Context(), db, w, NewSeriesQuery(SeriesRef{SeriesBalance, ref}, PopulationPersonal, 30))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if balance("ann2") == nil || balance("bob") == nil || balance("nobody") != nil {
		t.Error("before: accounts that are there have no series, or others have")
	}
	appendBatch(t, db, ledger.Batch{
		Holders: []ledger.Holder{{Ref: "ann", Hidden: true}},
		Merges:  []ledger.Merge{{Account: "dan", Into: "bob"}},
	})
	if balance("ann") != nil || balance("ann2") != nil {
		t.Error("a hidden holder's balance can be compared")
	}
	if v := balance("dan"); v == nil || v.ID != "bob" {
		t.Errorf("a merged account is compared as %v", v)
	}
	for _, kind := range []SeriesKind{SeriesPrice, SeriesSold} {
		if v, err := ComputeSeries(t.Context(), db, w, SeriesQuery{SeriesRef: SeriesRef{kind, "diamond"}, Population: PopulationPersonal}); v != nil || err != nil {
			t.Errorf("an item that is not there: %v, %v", v, err)
		}
	}
}

// Around midnight one of two series may be of the day before.
func TestSeriesOfTwoDaysAreComparedByTheirDays(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, time.UTC) }
	series := func(from int, values ...float64) *Series {
		v := &Series{SeriesRef: SeriesRef{Kind: SeriesSupply}, Bucket: "day", Basis: Basis{Period: Period{End: day(from + len(values))}}}
		for i, value := range values {
			p := SeriesPoint{Start: day(from + i), Day: day(from + i), Value: pointerTo(value)}
			if value == 0 {
				p.Value = nil
			}
			v.Points = append(v.Points, p)
		}
		return v
	}
	c := Compare(AsIndex, []*Series{series(2, -5, 4, 8), series(1, 0, 50, 25), series(1, -1, 0, -2)}, nil)
	if len(c.Days) != 4 || !c.End.Equal(day(5)) || !c.Together() {
		t.Errorf("%d days up to %s", len(c.Days), c.End)
	}
	null := []*float64{nil, nil, nil, nil}
	for i, want := range [][]*float64{{nil, pointerTo(-125.0), pointerTo(100.0), pointerTo(200.0)}, {nil, pointerTo(100.0), pointerTo(50.0), nil}, null} {
		if diff := cmp.Diff(want, c.Series[i].Values); diff != "" {
			t.Errorf("index of series %d (-want +got):\n%s", i, diff)
		}
	}
	if c.Series[2].Why == "" || !c.Series[0].BaseDay.Equal(day(3)) {
		t.Errorf("%q, base %v", c.Series[2].Why, c.Series[0].BaseDay)
	}
	heads := Compare(PerHead, []*Series{series(1, 10, 20, 30)}, series(2, 4, 0))
	if diff := cmp.Diff([]*float64{nil, pointerTo(5.0), nil}, heads.Series[0].Values); diff != "" {
		t.Errorf("a head (-want +got):\n%s", diff)
	}
	if none := Compare(AsIndex, []*Series{{Bucket: "day"}}, nil); len(none.Table().Rows) != 0 || none.Series[0].Why == "" {
		t.Errorf("a series without days: %+v", none)
	}
}

func TestTheTableOfMoneyAHeadIsNotRounded(t *testing.T) {
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	series := func(kind SeriesKind, value float64) *Series {
		return &Series{SeriesRef: SeriesRef{Kind: kind}, Points: []SeriesPoint{{Start: day, Day: day, Value: &value}}}
	}
	c := Compare(PerHead, []*Series{series(SeriesSupply, 1000)}, series(SeriesHolders, 3))
	if got := c.Table().Rows[0][2]; got != 1000.0/3 {
		t.Errorf("1000 among 3 is %v a head", got)
	}
}
