package views

import (
	"time"

	"exchequer/aggregates"
)

// Followed shows how the sources are followed, and the accounts that differ.
func Followed(p Page, v *aggregates.Followed) Content {
	if len(v.Sources) == 0 {
		return Content{Missing: "No database of another program is followed: all that is here was imported or sent."}
	}
	content := Content{Sub: "Other programs' databases, with which this ledger is kept in step", Body: followed(v, p.Settings)}
	for _, s := range v.Sources {
		if m := followedMark(s); m.Class == "bad" || m.Class == "watch" {
			content.Alarm = s.Name + ": " + m.Word
		}
	}
	return content
}

// late is the age from which on a source is not in step.
const late = time.Minute

func followedMark(s aggregates.FollowedSource) stateMark {
	switch {
	case s.Age == nil && s.Failing:
		return stateMark{"■", "not reached", "bad"}
	case s.Age == nil:
		return stateMark{"▲", "being read", "watch"}
	case s.Failing:
		return stateMark{"■", "not reached for " + seconds(s.Age), "bad"}
	case *s.Age > late.Seconds():
		return stateMark{"▲", seconds(s.Age) + " late", "watch"}
	case s.Drifting > 0:
		return stateMark{"▲", "balances differ", "watch"}
	}
	return stateMark{"●", "in step", "good"}
}
