package views

import (
	"bytes"
	"strings"
	"testing"

	"exchequer/aggregates"
	"exchequer/internal/sample"
)

func textOf(words []Words) string {
	var b strings.Builder
	for _, w := range words {
		b.WriteString(w.Text)
	}
	return strings.ReplaceAll(b.String(), nbsp, " ")
}

// The headline says what the signs carry, and nothing else.
func TestTheHeadlineOfTheMoney(t *testing.T) {
	town := sample.Town(30)
	s := town.Settings
	with := func(change func(v *aggregates.Soundness)) *aggregates.Soundness {
		v := *sample.Town(30).Soundness
		if v.Books.NightBegan == nil {
			t.Fatal("the sample has no night")
		}
		change(&v)
		return &v
	}
	state := func(v *aggregates.Soundness, to aggregates.State, names ...string) {
		for i := range v.Signs {
			for _, name := range names {
				if name == v.Signs[i].Name || name == "all" {
					v.Signs[i].State = to
				}
			}
		}
	}
	for name, c := range map[string]struct {
		v    *aggregates.Soundness
		want string
	}{
		"two things are watched": {with(func(*aggregates.Soundness) {}),
			"Mostly. The books balance, and money grew by 1.8 % in 30 days. Two things to watch: wealth is drifting to the top, and 21.8 % fewer holders are active than 30 days ago"},
		"all is well": {with(func(v *aggregates.Soundness) { state(v, aggregates.StateGood, "concentration", "activity") }),
			"Yes. The books balance, and money grew by 1.8 % in 30 days"},
		"one is bad, and comes first": {with(func(v *aggregates.Soundness) { state(v, aggregates.StateBad, "activity") }),
			"Not quite. The books balance, and money grew by 1.8 % in 30 days. Two things to watch: 21.8 % fewer holders are active than 30 days ago, and wealth is drifting to the top"},
		"money itself is watched": {with(func(v *aggregates.Soundness) {
			state(v, aggregates.StateGood, "concentration", "activity")
			state(v, aggregates.StateWatch, "money")
		}), "Mostly. The books balance. One thing to watch: money grew by 1.8 % in 30 days"},
		"more than two": {with(func(v *aggregates.Soundness) { state(v, aggregates.StateWatch, "top", "purse") }),
			"Mostly. The books balance, and money grew by 1.8 % in 30 days. Four things to watch: wealth is drifting to the top, the richest tenth hold more than 30 days ago, and two more"},
		"the books are broken": {with(func(v *aggregates.Soundness) {
			v.Books.State = aggregates.StateBad
			state(v, aggregates.StateGood, "concentration", "activity")
		}), "No. The books are broken, and money grew by 1.8 % in 30 days"},
		"the whole ledger was not read": {with(func(v *aggregates.Soundness) {
			v.Books.Checks = append([]aggregates.BookCheck{}, v.Books.Checks...)
			v.Books.Checks[1].Night.Why = "it took longer than 5m0s"
			state(v, aggregates.StateGood, "concentration", "activity")
		}), "Yes. The books balance as far as they were read, and money grew by 1.8 % in 30 days"},
		"a new ledger has no verdict": {with(func(v *aggregates.Soundness) { state(v, aggregates.StateNone, "all") }),
			"The books balance"},
		"the books could not be checked": {with(func(v *aggregates.Soundness) {
			v.Books.State = aggregates.StateNone
			state(v, aggregates.StateGood, "concentration", "activity")
		}), "Mostly. The books could not be checked, and money grew by 1.8 % in 30 days"},
		"a ledger that ended": {with(func(v *aggregates.Soundness) {
			v.Historical = true
			state(v, aggregates.StateGood, "concentration", "activity")
		}), "Yes. The books balance, and money grew by 1.8 % in the 30 days to 20 Nov 2026"},
	} {
		said := saySoundness(c.v, s)
		if got := textOf(said.Words); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
		if strong(said.Words) > ledeNumbers {
			t.Errorf("%s leads with %d numbers", name, strong(said.Words))
		}
	}
}

func TestEverySignHasAClause(t *testing.T) {
	for _, name := range aggregates.SignNames() {
		for _, judged := range []float64{-0.3, 0.3} {
			got := textOf(sayWatched(aggregates.Sign{Name: name, Title: "TITLE", Judged: &judged, By: aggregates.JudgedValue, Unit: aggregates.SignPercent}))
			if got == "" || strings.Contains(got, "TITLE") {
				t.Errorf("%s is watched: %q", name, got)
			}
		}
	}
	judged := 0.3
	if got := textOf(sayWatched(aggregates.Sign{Name: "later", Title: "A later sign", Judged: &judged, Unit: aggregates.SignPercent})); got != "A later sign is at 30.0 %" {
		t.Errorf("a sign without a clause: %q", got)
	}
}

func TestThresholdsAreWritten(t *testing.T) {
	f := func(v float64) *float64 { return &v }
	for want, s := range map[string]aggregates.Sign{
		"Watch beyond ±5 %, bad below −15 % or above +20 %.": {By: aggregates.JudgedValue, Unit: aggregates.SignGrowth, Watch: aggregates.Bounds{Low: f(-0.05), High: f(0.05)}, Bad: aggregates.Bounds{Low: f(-0.15), High: f(0.2)}},
		"Watch above 6 h, bad above 1 d.":                    {By: aggregates.JudgedValue, Unit: aggregates.SignSeconds, Watch: aggregates.Bounds{High: f(6 * 3600)}, Bad: aggregates.Bounds{High: f(86400)}},
		"Watch below −15 %, against 30 days ago.":            {By: aggregates.JudgedChange, Unit: aggregates.SignCount, Watch: aggregates.Bounds{Low: f(-0.15)}},
		"Bad beyond ±2.5 pt, in 30 days.":                    {By: aggregates.JudgedDifference, Unit: aggregates.SignPercent, Bad: aggregates.Bounds{Low: f(-0.025), High: f(0.025)}},
		"Watch beyond ±0.02, in 30 days.":                    {By: aggregates.JudgedDifference, Unit: aggregates.SignRatio, Watch: aggregates.Bounds{Low: f(-0.02), High: f(0.02)}},
		"No thresholds.":                                     {},
	} {
		if got := strings.ReplaceAll(Thresholds(s), nbsp, " "); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// A state is a word and a shape, and what is wrong is named with its place.
func TestBrokenBooksAreNamed(t *testing.T) {
	p := Page{Site: Site{Settings: sample.Council().Settings}}
	c := Books(p, sample.Council().Soundness)
	var b bytes.Buffer
	if err := c.Body.Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	html := strings.ReplaceAll(b.String(), nbsp, " ")
	for _, want := range []string{"■", "1 is wrong", "balances 12", "Given up: flow_hours add up"} {
		if !strings.Contains(html, want) {
			t.Errorf("the panel of broken books lacks %q:\n%s", want, html)
		}
	}
	if c.Alarm == "" {
		t.Error("no alarm")
	}
}
