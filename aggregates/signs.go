package aggregates

import (
	"math"
	"slices"
	"time"
)

// A State is what a sign or a check says.
type State string

// The states, from the one that says nothing to the worst.
const (
	StateNone  State = "none"  // nothing can be said
	StateGood  State = "good"  // within its thresholds
	StateWatch State = "watch" // beyond the nearer threshold
	StateBad   State = "bad"   // beyond the farther one, or wrong
)

// A Judged is what of a sign is compared with its thresholds.
type Judged string

// What is compared.
const (
	JudgedValue      Judged = "value"      // the number itself
	JudgedDifference Judged = "difference" // what was added to it in 30 days
	JudgedChange     Judged = "change"     // that as a part of the number 30 days ago
)

// A SignUnit is how the numbers of a sign are written.
type SignUnit string

// The units of signs.
const (
	SignSeconds SignUnit = "seconds"
	SignPercent SignUnit = "percent" // 0.25 is 25 %
	SignGrowth  SignUnit = "growth"  // the same, with its sign
	SignRatio   SignUnit = "ratio"
	SignTimes   SignUnit = "times" // how often
	SignCount   SignUnit = "count"
)

// A Sign is one number that says whether the money is sound.
type Sign struct {
	Name    string   `json:"name"`
	Title   string   `json:"title"`
	Unit    SignUnit `json:"unit" enum:"seconds,percent,growth,ratio,times,count"`
	Of      string   `json:"of" doc:"What it is, in a few words."`
	Now     *float64 `json:"now" nullable:"true"`
	Before  *float64 `json:"before" nullable:"true" doc:"30 days earlier; null where the ledger does not reach back."`
	Low     *float64 `json:"low" nullable:"true" doc:"The lowest of the last 90 days, now included; null where there is no course."`
	High    *float64 `json:"high" nullable:"true"`
	By      Judged   `json:"by" enum:"value,difference,change" doc:"What is compared with the thresholds: the number, what was added to it in 30 days, or that as a part of what it was."`
	Judged  *float64 `json:"judged" nullable:"true" doc:"That number; null: it is not judged."`
	Watch   Bounds   `json:"watch" doc:"Within them all is good."`
	Bad     Bounds   `json:"bad" doc:"Beyond them it is bad."`
	State   State    `json:"state" enum:"good,watch,bad,none"`
	Why     string   `json:"why,omitempty" doc:"Why it is not available, or not judged."`
	Matters string   `json:"matters" doc:"Why it matters."`
}

// Bounds are the least and the most that a number may be; null: no bound.
type Bounds struct {
	Low  *float64 `json:"low" nullable:"true"`
	High *float64 `json:"high" nullable:"true"`
}

func between(low, high float64) Bounds { return Bounds{&low, &high} }
func atLeast(low float64) Bounds       { return Bounds{Low: &low} }
func atMost(high float64) Bounds       { return Bounds{High: &high} }

// hold reports whether v is within the bounds, to the last digit that counts.
func (b Bounds) hold(v float64) bool {
	const slack = 1e-12 // of sums of floats
	return (b.Low == nil || v >= *b.Low-slack) && (b.High == nil || v <= *b.High+slack)
}

// A signKind declares a sign: what it is, its thresholds, and how it follows from
// what was read. A sign that is added here is shown, judged, can be configured,
// and is part of the headline.
type signKind struct {
	name, title string
	unit        SignUnit
	of          string
	by          Judged
	watch, bad  Bounds
	limits      Bounds  // of configured thresholds
	least       float64 // below it, before, a count is too small to be judged by its change
	matters     string
	read        func(*signReading) signCourse
}

// A signCourse is a sign's number now, 30 days ago, and on the days of the range.
type signCourse struct {
	now, before *float64
	past        []*float64 // nil where there is none
	why         string     // there is none, or it is not judged, because
}

const fewHolders = 20

// signKinds returns all signs, in the order in which they are shown.
func signKinds() []signKind {
	changes := between(-1, 10)
	return []signKind{
		{"freshness", "Freshness", SignSeconds, "since the last transaction", JudgedValue, atMost(6 * 3600), atMost(24 * 3600), between(60, 366*86400), 0,
			"All other numbers are as old as the newest transaction.", (*signReading).freshness},
		{"money", "Money", SignGrowth, "more money in 30 days", JudgedValue, between(-0.05, 0.05), between(-0.15, 0.15), changes, 0,
			"Money that grows faster than what it buys loses value.", (*signReading).growth},
		{"prices", "Prices", SignGrowth, "dearer in 30 days", JudgedValue, between(-0.1, 0.1), between(-0.25, 0.25), changes, 0,
			"What money is worth is what it buys.", (*signReading).prices},
		{"explained", "Explained change", SignPercent, "of the change in supply", JudgedValue, atLeast(1), atLeast(0.99), between(0, 1), 0,
			"Money that nobody created and nobody destroyed is an error of the books, or moved where nobody saw it.", (*signReading).explainedChange},
		{"speed", "Speed of money", SignTimes, "times transferred in 30 days", JudgedChange, atLeast(-0.25), atLeast(-0.5), changes, 0,
			"Money that lies still buys nothing from anybody.", (*signReading).speed},
		{"concentration", "Concentration", SignRatio, "Gini of personal holders", JudgedDifference, between(-0.02, 0.02), between(-0.05, 0.05), between(-1, 1), 0,
			"Where few hold all, the others have nothing to trade with.", (*signReading).gini},
		{"top", "Richest tenth", SignPercent, "of what holders have", JudgedDifference, between(-0.02, 0.02), between(-0.05, 0.05), between(-1, 1), 0,
			"The same from above: whether the richest draw away.", (*signReading).top10},
		{"activity", "Activity", SignCount, "holders active in 7 days", JudgedChange, atLeast(-0.15), atLeast(-0.4), changes, fewHolders,
			"An economy is the people who take part.", (*signReading).activeHolders},
		{"joining", "Joining", SignCount, "holders new in 30 days", JudgedChange, atLeast(-0.4), atLeast(-0.8), changes, fewHolders,
			"Those who leave have to be replaced.", (*signReading).newHolders},
		{"breadth", "Breadth", SignCount, "items sold in 30 days", JudgedChange, atLeast(-0.2), atLeast(-0.5), changes, fewHolders,
			"A market of many things does not hang on one.", (*signReading).breadth},
		{"leader", "Largest item", SignPercent, "of all sales in 30 days", JudgedValue, atMost(0.5), atMost(0.8), between(0, 1), 0,
			"Where one item is most of the trade, its price is everybody's.", (*signReading).leader},
		{"purse", "Public purse", SignPercent, "of money is the state's", JudgedValue, between(0.01, 0.4), between(0, 0.6), between(-1, 1), 0,
			"An empty purse pays nobody; an overfull one keeps money from trade.", (*signReading).publicPurse},
	}
}

// judge returns the signs with their states, and how those changed by week.
func judge(r *signReading, thresholds Thresholds) ([]Sign, []SignChange) {
	signs, changes := []Sign{}, []SignChange{}
	for _, k := range signKinds() {
		c := k.read(r)
		s := Sign{Name: k.name, Title: k.title, Unit: k.unit, Of: k.of, Now: c.now, Before: c.before,
			By: k.by, Watch: k.watch, Bad: k.bad, State: StateNone, Why: c.why, Matters: k.matters}
		if t, ok := thresholds[k.name]; ok {
			s.Watch, s.Bad = t.Watch, t.Bad
		}
		if past := slices.DeleteFunc(slices.Clone(c.past), func(v *float64) bool { return v == nil }); s.Now != nil && len(past) > 0 {
			low, high := *s.Now, *s.Now
			for _, v := range past {
				low, high = min(low, *v), max(high, *v)
			}
			s.Low, s.High = &low, &high
		}
		changes = append(changes, s.changes(r.span, k.least, c)...)
		s.judge(k.least)
		signs = append(signs, s)
	}
	return signs, changes
}

// A SignChange is a sign that at the end of a week has another state than at the end of
// the week before. What goes back and forth within a week is none.
type SignChange struct {
	Name  string    `json:"name"`
	Title string    `json:"title"`
	Unit  SignUnit  `json:"unit" enum:"seconds,percent,growth,ratio,times,count"`
	Of    string    `json:"of"`
	Day   time.Time `json:"day" doc:"The Sunday with which the week ends."`
	From  State     `json:"from" enum:"good,watch,bad"`
	To    State     `json:"to" enum:"good,watch,bad"`
	Value float64   `json:"value" doc:"The number of the sign at the end of that day."`
}

// changes returns the weeks of the range at whose end the sign, which is not judged yet,
// had another state than at the end of the week before, oldest first: each as it would
// have been judged then by its course.
func (s Sign) changes(span span, least float64, c signCourse) (changes []SignChange) {
	at := func(i int) Sign {
		then := s
		then.Why, then.State, then.Now, then.Before = "", StateNone, nil, nil
		if i >= 0 {
			then.Now = c.past[i]
		}
		if i >= signDays {
			then.Before = c.past[i-signDays]
		}
		then.judge(least)
		return then
	}
	for i := range c.past {
		day := plus(span.Start, i)
		if day.Weekday() != time.Sunday {
			continue
		}
		now, before := at(i), at(i-weekDays)
		if now.State != StateNone && before.State != StateNone && now.State != before.State {
			changes = append(changes, SignChange{s.Name, s.Title, s.Unit, s.Of, day, before.State, now.State, *now.Now})
		}
	}
	return changes
}

func (s *Sign) judge(least float64) {
	var judged float64
	switch {
	case s.Now == nil || s.Why != "":
		return
	case s.By == JudgedValue:
		judged = *s.Now
	case s.Before == nil:
		s.Why = "not judged, because there is nothing to compare with yet"
		return
	case s.By == JudgedDifference:
		judged = *s.Now - *s.Before
	case *s.Before <= 0:
		s.Why = "not judged, because it was zero"
		return
	case *s.Before < least:
		s.Why = "not judged, because there were fewer than " + number(least)
		return
	default:
		judged = *s.Now / *s.Before - 1
	}
	if math.IsNaN(judged) || math.IsInf(judged, 0) {
		return
	}
	s.Judged = &judged
	switch {
	case !s.Bad.hold(judged):
		s.State = StateBad
	case !s.Watch.hold(judged):
		s.State = StateWatch
	default:
		s.State = StateGood
	}
}
