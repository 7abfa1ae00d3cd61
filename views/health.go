package views

import (
	"math"
	"strings"
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// Signs shows the signs of sound money with their thresholds, and says the page's
// headline.
func Signs(p Page, v *aggregates.Soundness) Content {
	return Content{
		Sub:  "The last 30 days, beside the 30 days before and the range of the last 90",
		Says: saySoundness(v, p.Settings), Body: signs(v, p.Settings),
	}
}

// A stateMark is a state as a shape and a word.
type stateMark struct{ Shape, Word, Class string }

func markOf(s aggregates.State) stateMark {
	switch s {
	case aggregates.StateGood:
		return stateMark{"●", "good", "good"}
	case aggregates.StateWatch:
		return stateMark{"▲", "watch", "watch"}
	case aggregates.StateBad:
		return stateMark{"■", "bad", "bad"}
	}
	return stateMark{"○", "not judged", "none"}
}

// signNumber writes a number of a sign.
func signNumber(v float64, u aggregates.SignUnit) string {
	switch u {
	case aggregates.SignSeconds:
		return Duration(time.Duration(v * float64(time.Second)).Truncate(time.Second))
	case aggregates.SignPercent:
		return Percent(v)
	case aggregates.SignGrowth:
		return signedPercent(v)
	case aggregates.SignTimes:
		return Decimal(v, 2) + nbsp + "×"
	case aggregates.SignCount:
		return Count(int64(math.Round(v)))
	}
	return Decimal(v, 3)
}

func signedPercent(v float64) string {
	if v > 0 && !strings.HasPrefix(Percent(v), "<") {
		return "+" + Percent(v)
	}
	return Percent(v)
}

func signCell(v *float64, u aggregates.SignUnit) string {
	if v == nil {
		return "–"
	}
	return signNumber(*v, u)
}

// judgedNumber writes what of a sign is compared with its thresholds.
func judgedNumber(v float64, s aggregates.Sign) string {
	switch {
	case s.By == aggregates.JudgedChange:
		return signedPercent(v)
	case s.By == aggregates.JudgedDifference && (s.Unit == aggregates.SignPercent || s.Unit == aggregates.SignGrowth):
		if text := Signed(v*100, 1); text != "no change" {
			return text + nbsp + "pt"
		}
		return "0" + nbsp + "pt"
	case s.By == aggregates.JudgedDifference:
		if text := Signed(v, 3); text != "no change" {
			return text
		}
		return "0"
	}
	return signNumber(v, s.Unit)
}

// Thresholds says from where on a sign is watched, and bad.
func Thresholds(s aggregates.Sign) string {
	var parts []string
	for _, limit := range []struct {
		word string
		b    aggregates.Bounds
	}{{"watch", s.Watch}, {"bad", s.Bad}} {
		if text := beyond(limit.b, s); text != "" {
			parts = append(parts, limit.word+" "+text)
		}
	}
	if parts == nil {
		return "No thresholds."
	}
	text := strings.Join(parts, ", ")
	switch s.By {
	case aggregates.JudgedChange:
		text += ", against 30 days ago"
	case aggregates.JudgedDifference:
		text += ", in 30 days"
	}
	return capital(text) + "."
}

func beyond(b aggregates.Bounds, s aggregates.Sign) string {
	switch {
	case b.Low != nil && b.High != nil && *b.Low == -*b.High && *b.High > 0:
		return "beyond ±" + strings.TrimPrefix(bound(*b.High, s), "+")
	case b.Low != nil && b.High != nil:
		return "below " + bound(*b.Low, s) + " or above " + bound(*b.High, s)
	case b.Low != nil:
		return "below " + bound(*b.Low, s)
	case b.High != nil:
		return "above " + bound(*b.High, s)
	}
	return ""
}

// bound writes a threshold without zeros at the end.
func bound(v float64, s aggregates.Sign) string {
	text := judgedNumber(v, s)
	number, unit, found := strings.Cut(text, nbsp)
	if strings.Contains(number, ".") {
		number = strings.TrimRight(strings.TrimRight(number, "0"), ".")
	}
	if found {
		return number + nbsp + unit
	}
	return number
}

// signWords says what a sign's number is made of.
func signWords(sign aggregates.Sign, v *aggregates.Soundness, s ledger.Settings) string {
	if sign.Now == nil {
		return capital(orElse(sign.Why, "not available")) + "."
	}
	var parts []string
	switch sign.Name {
	case "freshness":
		parts = append(parts, "The newest is of "+Time(v.Newest, s)+", "+Date(v.Newest, s))
	case "money":
		parts = append(parts, moneyTile(v.Supply.Created, s)+" created, "+moneyTile(v.Supply.Destroyed, s)+" destroyed")
	case "prices":
		if v.PriceCoverage != nil {
			parts = append(parts, Plural(v.PricedItems, "item", "items")+" compared, "+Percent(*v.PriceCoverage)+" of turnover")
		}
	case "explained":
		if v.Unexplained.Sign() != 0 {
			parts = append(parts, moneyTile(v.Unexplained, s)+" is unexplained")
		}
		if v.Observed.Sign() > 0 {
			parts = append(parts, moneyTile(v.Observed, s)+" is known from balances alone")
		}
		if parts == nil {
			parts = append(parts, "Nothing is unexplained")
		}
	case "speed":
		if v.GoodsVelocity.Now != nil {
			parts = append(parts, "Goods alone: "+Decimal(*v.GoodsVelocity.Now, 2)+" times")
		}
	case "activity":
		parts = append(parts, "There are "+Plural(v.Holders, "holder", "holders"))
	case "leader":
		parts = append(parts, brief(v.Leader, mostName))
	case "purse":
		text := moneyTile(v.Purse, s)
		if v.PurseBefore != nil {
			text += ", 30 days ago " + moneyTile(*v.PurseBefore, s)
		}
		parts = append(parts, text)
	}
	if sign.Judged != nil && sign.By != aggregates.JudgedValue {
		if *sign.Judged == 0 {
			parts = append(parts, "No change in 30 days")
		} else {
			parts = append(parts, judgedNumber(*sign.Judged, sign)+" in 30 days")
		}
	}
	if sign.Why != "" {
		parts = append(parts, capital(sign.Why))
	}
	if parts == nil {
		return ""
	}
	return strings.Join(parts, ". ") + "."
}

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
