package alerts

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/aggregates"
	"exchequer/views"
)

// watch steps a rule through numbers, one a window, and returns in which windows alerts
// were due.
func watch(r Rule, limit float64, above bool, numbers ...float64) (due []int) {
	var is state
	for n, number := range numbers {
		o := observation{state: stateOf(holds(number, limit, r.Rearm, above, is.State == firing)), asOf: time.Now()}
		var alert bool
		if is, _, alert = r.step(is, o, time.Now()); alert {
			due = append(due, n)
		}
		time.Sleep(window)
	}
	return due
}

func TestANumberAtTheLimitMakesOneAlertUntilItHasGoneBack(t *testing.T) {
	for name, c := range map[string]struct {
		rule    Rule
		above   bool
		numbers []float64
		want    []int
	}{
		"at the limit is not above it":              {Rule{Kind: PriceAbove, Rearm: 0.02}, true, []float64{99, 100, 100}, nil},
		"it goes back and forth over the limit":     {Rule{Kind: PriceAbove, Rearm: 0.02}, true, []float64{99, 100.01, 99.9, 100.01, 98.1, 100.01}, []int{1}},
		"it goes back to where it is armed again":   {Rule{Kind: PriceAbove, Rearm: 0.02}, true, []float64{101, 98, 100, 101}, []int{0, 3}},
		"a hair less is not enough":                 {Rule{Kind: PriceAbove, Rearm: 0.02}, true, []float64{101, math.Nextafter(98, 99), 101}, []int{0}},
		"without rearm it is armed at the limit":    {Rule{Kind: PriceAbove}, true, []float64{101, 100, 101}, []int{0, 2}},
		"below, likewise":                           {Rule{Kind: PriceBelow, Rearm: 0.02}, false, []float64{100, 99.9, 101.9, 99.9, 102, 99.9}, []int{1, 5}},
		"when it is over, if that is asked for":     {Rule{Kind: PriceAbove, Rearm: 0.02, Recovery: true}, true, []float64{101, 99, 97, 97, 101}, []int{0, 2, 4}},
		"only after it has lasted":                  {Rule{Kind: PriceAbove, Lasts: 2 * window}, true, []float64{101, 101, 101, 101}, []int{2}},
		"what has not lasted is none, and no other": {Rule{Kind: PriceAbove, Lasts: 2 * window}, true, []float64{101, 101, 99, 101, 101, 99}, nil},
		"being over has to last too":                {Rule{Kind: PriceAbove, Lasts: window}, true, []float64{101, 101, 99, 101, 99, 99, 101, 101}, []int{1, 7}},
		"what is so when an edge is watched first":  {Rule{Kind: StockAppears}, true, []float64{101, 101, 99, 101}, []int{3}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := watch(c.rule, 100, c.above, c.numbers...)
				if len(got) != len(c.want) {
					t.Fatalf("alerts in windows %v, want %v", got, c.want)
				}
				for n := range got {
					if got[n] != c.want[n] {
						t.Errorf("alerts in windows %v, want %v", got, c.want)
					}
				}
			})
		})
	}
}

func TestWhatIsNotKnownOrOlderChangesNothing(t *testing.T) {
	now := time.Now()
	r := Rule{Kind: PriceAbove}
	is, _, _ := r.step(state{}, observation{state: firing, asOf: now}, now)
	for name, o := range map[string]observation{
		"not known": {why: "it was never sold", asOf: now.Add(window)},
		"older":     {state: armed, asOf: now.Add(-window)},
	} {
		if got, _, alert := r.step(is, o, now.Add(window)); got != is || alert {
			t.Errorf("%s: %+v became %+v", name, is, got)
		}
	}
}

func TestAnIndicatorTellsFromWhichStateItChanged(t *testing.T) {
	now := time.Now()
	r := Rule{Kind: IndicatorMoves, Lasts: 15 * time.Minute}
	is := state{}
	var told []string
	see := func(at time.Duration, s aggregates.State) {
		var from string
		var alert bool
		if is, from, alert = r.step(is, observation{state: string(s), asOf: now.Add(at)}, now.Add(at)); alert {
			told = append(told, views.TellSign(aggregates.Sign{Title: "Money", State: s}, aggregates.State(from)).Title)
		}
	}
	see(0, aggregates.StateBad)
	see(time.Hour, aggregates.StateGood)
	see(time.Hour+10*time.Minute, aggregates.StateBad) // back and forth
	see(time.Hour+11*time.Minute, aggregates.StateWatch)
	see(time.Hour+20*time.Minute, aggregates.StateWatch)
	see(time.Hour+26*time.Minute, aggregates.StateWatch)
	if len(told) != 1 || told[0] != "Money: bad before, now to be watched" {
		t.Errorf("told %q", told)
	}
}

func TestARuleSaysOfWhichOtherThingsItHolds(t *testing.T) {
	for want, r := range map[string]RuleStatus{
		"holds":              {Firing: []string{""}},
		"holds money, trade": {Firing: []string{"money", "trade"}},
	} {
		if got := r.Holds(); got != want {
			t.Errorf("%v holds: %q, want %q", r.Firing, got, want)
		}
	}
	if got := (RuleStatus{Rule: Rule{Of: "bread"}, Firing: []string{"bread"}}).Holds(); got != "holds" {
		t.Errorf("a rule about bread: %q", got)
	}
}
