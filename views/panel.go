package views

import (
	"time"

	"github.com/a-h/templ"

	"exchequer/cache"
)

// A shell is the frame of a panel: everything around its chart.
type shell struct {
	Name     string
	Title    string
	Sub      string // with the unit
	Alarm    string // after it, in the warning colour
	Switch   []link // within the sub-title: Sub, the links, SubAfter
	SubAfter string
	Query    string
	AsOf     time.Time
	Next     time.Time
	State    cache.State
	Reason   string
	Missing  string    // why there is nothing to show
	Ends     time.Time // the last day of a ledger that ended, else zero
}

// newShell returns the shell of a panel. Sub is its sub-title.
func newShell[T any](name, sub string, choice Choice, p Panel[T]) shell {
	return shell{
		Name: name, Title: texts[name].title, Sub: sub, Query: choice.of(name).query(),
		AsOf: p.Result.AsOf, Next: p.Result.Next, State: p.Result.State, Reason: p.Result.Reason, Missing: p.Err,
	}
}

// with adds the value's own reason for having nothing to show, and the end of its
// period if the ledger ended.
func (s shell) with(why string, historical bool, end time.Time) shell {
	if s.Missing == "" {
		s.Missing = why
	}
	if s.Missing != "" {
		s.Sub = ""
	}
	if historical {
		s.Ends = end.Add(-time.Second)
	}
	return s
}

// switching adds the links that choose the population to the sub-title.
func (s shell) switching(c Choice, after string) shell {
	s.Sub, s.Switch, s.SubAfter = orElse(s.Sub, "Holders of"), c.populations(home), after
	return s
}

func (s shell) href(suffix string) templ.SafeURL {
	return templ.SafeURL(home + "/" + s.Name + suffix + s.Query)
}

// moment returns a time of day, with its date if that differs from the other's.
func moment(t, other time.Time) string {
	if t.UTC().Truncate(24*time.Hour) == other.UTC().Truncate(24*time.Hour) {
		return Time(t)
	}
	return DayMonth(t) + " " + Time(t)
}

// age returns the panel's line about its time: as of, and when the next value is
// due, or why there is none yet.
func (s shell) age() (asOf, then string) {
	switch {
	case s.AsOf.IsZero():
		return "", ""
	case s.State == cache.Degraded:
		reason := s.Reason
		if reason == "" {
			reason = "the last computation failed"
		}
		return "Showing " + moment(s.AsOf, s.Next), ": " + reason + ", trying again " + moment(s.Next, s.AsOf)
	case s.State == cache.Stale:
		return "As of " + moment(s.AsOf, s.Next), " · newer numbers are on their way"
	}
	return "As of " + moment(s.AsOf, s.Next), " · next " + moment(s.Next, s.AsOf)
}

// Texts of a panel that do not depend on its numbers.
type panelText struct {
	title                     string
	formula, counted, leftOut string
}

var texts = map[string]panelText{
	"overview": {
		"Money and trade",
		"Supply = sum of all balances but the system's = minus the sum of the system's. Velocity = value moved between holders in the period / average supply over it.",
		"Active: holders with a posting in the last 7 days. Each change is against the period before, up to the same time of day.",
		"System accounts; transfers of a holder to themselves; archived accounts among the holders; in the small courses of transactions and velocity, what is not over.",
	},
	"inequality": {
		"How even it is",
		"Gini = 2Σ i·x / (nΣx) − (n+1)/n with balances x in rising order, i from 1, no sample correction. Top p = 1 − L(1−p) of the Lorenz curve L. Palma = share of the richest 10 % / share of the poorest 40 %.",
		"Holders, all their accounts of this group summed; balances of zero and debts included.",
		"System and archived accounts, and holders whose accounts were never used.",
	},
	"activity": {
		"Activity",
		"Sum of what each transaction moves: the positive postings.",
		"All transactions, by UTC day, week from Monday, month, year or decade. What is not over is pale; without activity: zero.",
		"Nothing. A column far above all others is broken and labelled with its value.",
	},
	"lorenz": {
		"Lorenz curve",
		"L(k/n) = sum of the k smallest balances / sum of all, linear between.",
		"Holders, all their accounts of this group summed. The larger the shaded area, the higher the Gini.",
		"System and archived accounts, and holders whose accounts were never used.",
	},
	"distribution": {
		"Balances",
		"Holders by balance. Each bin's bounds grow by about the same factor; zero and debts have bins of their own.",
		"Holders, all their accounts of this group summed.",
		"System and archived accounts, and holders whose accounts were never used.",
	},
	"wealth": {
		"Wealth by kind",
		"Sum of the balances of each kind of account; share = sum / supply.",
		"All accounts of the kind, archived ones included.",
		"System accounts: what they owe is the supply.",
	},
	"rhythm": {
		"Hours of the week",
		"Transactions in that hour of the week / how often that hour occurred in the period.",
		"All transactions, hours in UTC.",
		"The hour that is not over.",
	},
	"richest": {
		"Richest accounts",
		"Balance; share = balance / supply; change over the last 7 days.",
		"Single accounts, not summed by holder.",
		"System and archived accounts.",
	},
}
