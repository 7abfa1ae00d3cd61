package views

import (
	"fmt"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// The examples say how a panel's number follows from others, with those of the
// ledger. They are empty where the numbers carry none.

func overviewExample(o *aggregates.Overview, s ledger.Settings) string {
	if o.Supply.Now == nil {
		return ""
	}
	opening := o.Supply.Now.Minus(o.Created).Plus(o.Destroyed)
	return Money(opening, s) + " before the period + " + Money(o.Created, s) + " created − " + Money(o.Destroyed, s) +
		" destroyed = " + Money(*o.Supply.Now, s) + " supply."
}

func inequalityExample(v *aggregates.Inequality, s ledger.Settings) string {
	if v.Top10.Value == nil || v.Palma.Value == nil || *v.Palma.Value == 0 {
		return ""
	}
	return "The richest tenth of " + Plural(v.Holders, "holder", "holders") + " hold " + Percent(*v.Top10.Value) + " of " + Money(v.Total, s) +
		"; the poorest 40 % hold " + Percent(*v.Top10.Value / *v.Palma.Value) + ": Palma = " +
		Percent(*v.Top10.Value) + " / " + Percent(*v.Top10.Value / *v.Palma.Value) + " = " + Decimal(*v.Palma.Value, 2) + "."
}

func lorenzExample(v *aggregates.Inequality, s ledger.Settings) string {
	for _, p := range v.Lorenz {
		if p.Holders == 0.5 {
			return "The poorest half of " + Plural(v.Holders, "holder", "holders") + " have " + Percent(p.Wealth) + " of " + Money(v.Total, s) + "."
		}
	}
	return ""
}

func distributionExample(v *aggregates.Inequality, s ledger.Settings) string {
	var most aggregates.Bin
	for _, b := range v.Bins {
		if b.Holders > most.Holders && b.Low > 0 {
			most = b
		}
	}
	if most.Holders == 0 {
		return ""
	}
	return Plural(most.Holders, "holder has ", "holders have ") + "from " + Money(most.Low, s) + " to below " + Money(most.High, s) +
		", " + Money(most.Total, s) + " together."
}

func activityExample(a *aggregates.Activity, s ledger.Settings) string {
	if len(a.Buckets) == 0 {
		return ""
	}
	var sum ledger.Sum
	for _, b := range a.Buckets {
		sum = sum.Plus(b.Volume)
	}
	last := a.Buckets[len(a.Buckets)-1]
	return Plural(int64(len(a.Buckets)), "column adds", "columns add") + " up to " + Money(sum, s) + "; the last, " + bucketName(last.Start, a.Bucket, s) +
		", is " + Plural(last.Transactions, "transaction", "transactions") + " that moved " + Money(last.Volume, s) + "."
}

func rhythmExample(r *aggregates.Rhythm) string {
	weekday, hour, found := busiest(r)
	if !found || r.DatesOnly || r.Hours[weekday][hour] == 0 {
		return ""
	}
	n := r.Hours[weekday][hour]
	return fmt.Sprintf("%s %02d:00 occurred %s, with %s: %s / %d = %s.", weekdays[weekday], hour, Plural(n, "time", "times"),
		Plural(r.Total[weekday][hour], "transaction", "transactions"), Count(r.Total[weekday][hour]), n, Decimal(r.Peak, 1))
}

func wealthExample(w *aggregates.WealthByKind, s ledger.Settings) string {
	held := heldKinds(w)
	if len(held) == 0 || w.Supply.Sign() <= 0 {
		return ""
	}
	k := held[0]
	return kindName(k.Kind) + ": " + Money(k.Total, s) + " / " + Money(w.Supply, s) + " = " + Percent(k.Share) + "."
}

func richestExample(v *aggregates.Richest, s ledger.Settings) string {
	if len(v.Accounts) == 0 || v.Supply.Sign() <= 0 {
		return ""
	}
	a := v.Accounts[0]
	return brief(a.Name, mostName) + ": " + Money(a.Balance, s) + " / " + Money(v.Supply, s) + " = " + Percent(a.Share) + "."
}
