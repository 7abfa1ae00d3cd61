package views

import (
	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views/chart"
)

// mostBridged is how many bars of created and destroyed money a bridge has. With
// the two ends, what moved and what is unexplained, there are twelve.
const mostBridged = 8

// A bridgeBar is one row of a bridge.
type bridgeBar struct {
	Key    string // of its number, for marking a change
	Name   string
	Note   string // after the name
	Href   templ.SafeURL
	Amount string
	Warn   bool
	Bar    templ.Component
}

// Bridge shows how the supply came from its amount at the start of a period to
// that at its end.
func Bridge(p Page, b *aggregates.Bridge) Content {
	bars, falls := bridgeBars(p, b)
	c := Content{
		Sub:  moneyTile(b.Opening, p.Settings) + " to " + moneyTile(b.Closing, p.Settings) + " " + within(b.Period, p.Settings) + "; ",
		Body: bridge(bars), Says: sayBridge(b, p.Settings),
	}
	if b.Unexplained.Sign() == 0 {
		c.Sub += "all of it explained"
	} else {
		c.Alarm = Money(b.Unexplained, p.Settings) + " unexplained"
	}
	if low, cut := falls.Cut(); cut {
		begins := "the scale begins at " + MoneyCompact(low, p.Settings)
		if c.Alarm == "" {
			c.Sub += "; " + begins
		} else {
			c.Alarm += "; " + begins
		}
	}
	return c
}

// bridgeSteps returns the steps that are shown, and the sum of the others, so that
// there are mostBridged bars at most, those of the others included.
func bridgeSteps(b *aggregates.Bridge) ([]aggregates.BridgeStep, aggregates.BridgeOthers) {
	for n := mostBridged; ; n-- {
		steps, others := b.Largest(n)
		bars := len(steps)
		if others.Creating > 0 {
			bars++
		}
		if others.Destroying > 0 {
			bars++
		}
		if bars <= mostBridged {
			return steps, others
		}
	}
}

// bridgeBars returns the rows of a bridge, and the scale on which they are drawn.
func bridgeBars(p Page, b *aggregates.Bridge) ([]bridgeBar, chart.Waterfall) {
	shown, others := bridgeSteps(b)
	type step struct {
		bar    bridgeBar
		change ledger.Sum
	}
	var steps []step
	add := func(bar bridgeBar, change ledger.Sum) {
		bar.Amount = MoneyChange(change, p.Settings)
		steps = append(steps, step{bar, change})
	}
	other := func(n int64, change ledger.Sum, verb string) {
		if n > 0 {
			add(bridgeBar{Name: "other (" + Count(n) + ")", Note: verb, Href: p.panelAddress("bridge")}, change)
		}
	}
	created := 0
	for created < len(shown) && shown[created].Change.Sign() > 0 {
		created++
	}
	for _, s := range shown[:created] {
		add(bridgeBar{Name: s.Source, Note: "created", Href: sourceAddress(p, s.Source, "", "")}, s.Change)
	}
	other(others.Creating, others.Created, "created")
	for _, s := range shown[created:] {
		add(bridgeBar{Name: s.Source, Note: "destroyed", Href: sourceAddress(p, s.Source, "", "")}, s.Change)
	}
	other(others.Destroying, others.Destroyed.Neg(), "destroyed")
	moved := bridgeBar{Key: "bridge.moved", Name: "Moved in or out"}
	if b.Archived.Accounts > 0 {
		moved.Note = Plural(b.Archived.Accounts, "archived account", "archived accounts") + " count"
	}
	add(moved, b.Moved)
	add(bridgeBar{Key: "bridge.unexplained", Name: "Unexplained", Warn: b.Unexplained.Sign() != 0}, b.Unexplained)

	levels := []float64{b.Opening.Float64()}
	at := b.Opening
	for _, s := range steps {
		at = at.Plus(s.change)
		levels = append(levels, at.Float64())
	}
	falls := chart.NewWaterfall(levels)
	bars := []bridgeBar{{Key: "bridge.opening", Name: "Opening supply", Amount: Money(b.Opening, p.Settings), Bar: falls.Total(levels[0], true, false)}}
	for i, s := range steps {
		s.bar.Bar = falls.Step(levels[i], levels[i+1])
		bars = append(bars, s.bar)
	}
	return append(bars, bridgeBar{Key: "bridge.closing", Name: "Closing supply", Amount: Money(b.Closing, p.Settings),
		Bar: falls.Total(b.Closing.Float64(), false, true)}), falls
}

// total reports whether the bar is one of the two ends.
func (b bridgeBar) total() bool { return b.Key == "bridge.opening" || b.Key == "bridge.closing" }

// sayBridge says whether all of the change of the supply is explained.
func sayBridge(b *aggregates.Bridge, s ledger.Settings) Sentence {
	change := b.Closing.Minus(b.Opening)
	grew := "by which money grew "
	if change.Sign() < 0 {
		grew = "by which money shrank "
	}
	amount := Money(magnitude(change), s)
	switch {
	case b.Unexplained.Sign() != 0:
		return Sentence{Words: phrase("The books are off by ", Money(magnitude(b.Unexplained), s), " "+within(b.Period, s))}
	case change.Sign() == 0:
		return Sentence{}
	}
	return Sentence{Words: phrase("All of the ", amount, " "+grew+within(b.Period, s)+" is explained")}
}

func magnitude(s ledger.Sum) ledger.Sum {
	if s.Sign() < 0 {
		return s.Neg()
	}
	return s
}
