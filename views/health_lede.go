package views

import (
	"strconv"
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// saySoundness answers the page's question: a verdict, the books, the money, and
// what is to be watched. It says no more than the signs carry: without three that
// are judged there is no verdict.
func saySoundness(v *aggregates.Soundness, s ledger.Settings) Sentence {
	bad, watch, judged := 0, 0, 0
	var clauses [][]Words
	for _, state := range []aggregates.State{aggregates.StateBad, aggregates.StateWatch} {
		for _, sign := range v.Signs {
			if sign.State == state {
				clauses = append(clauses, sayWatched(sign))
			}
		}
	}
	money := aggregates.Sign{}
	for _, sign := range v.Signs {
		if sign.State != aggregates.StateNone {
			judged++
		}
		if sign.State == aggregates.StateBad {
			bad++
		}
		if sign.State == aggregates.StateWatch {
			watch++
		}
		if sign.Name == "money" {
			money = sign
		}
	}
	said := phrase(verdict(v.Books.State, bad, watch, judged) + sayBooks(v.Books))
	if money.State == aggregates.StateGood {
		said = append(said, phrase(", and m")...)
		said = append(said, decapitated(sayGrowth(1+*money.Now, monthTo(v, s)))...)
	}
	if len(clauses) == 0 {
		return Sentence{Words: said}
	}
	head := ". " + capital(small(len(clauses))) + " things to watch: "
	if len(clauses) == 1 {
		head = ". One thing to watch: "
	}
	said = append(said, phrase(head)...)
	const most = 2
	for i, clause := range clauses[:min(len(clauses), most)] {
		switch {
		case i > 0 && i == len(clauses)-1:
			said = append(said, phrase(", and ")...)
		case i > 0:
			said = append(said, phrase(", ")...)
		}
		said = append(said, clause...)
	}
	if more := len(clauses) - most; more > 0 {
		said = append(said, phrase(", and "+small(more)+" more")...)
	}
	return Sentence{Words: said}
}

func verdict(books aggregates.State, bad, watch, judged int) string {
	switch {
	case books == aggregates.StateBad:
		return "No. "
	case judged < 3:
		return ""
	case bad > 0:
		return "Not quite. "
	case watch > 0 || books == aggregates.StateNone:
		return "Mostly. "
	}
	return "Yes. "
}

func sayBooks(b aggregates.Books) string {
	switch b.State {
	case aggregates.StateBad:
		return "The books are broken"
	case aggregates.StateNone:
		return "The books could not be checked"
	}
	return "The books balance" + asFar(b)
}

// monthTo returns the words for the 30 days.
func monthTo(v *aggregates.Soundness, s ledger.Settings) string {
	month := v.Period
	month.Days = "30"
	if month.Since.Before(month.End.AddDate(0, 0, -30)) {
		month.Since = time.Time{} // it is younger than the 90 days only
	}
	return within(month, s)
}

// decapitated returns words without the first letter, which the caller has written.
func decapitated(words []Words) []Words {
	words[0].Text = words[0].Text[1:]
	return words
}

// small writes a small number as a word.
func small(n int) string {
	names := []string{"no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"}
	if n < len(names) {
		return names[n]
	}
	return strconv.Itoa(n)
}

// sayWatched says what is to be watched of a sign, by its number.
func sayWatched(sign aggregates.Sign) []Words {
	judged := *sign.Judged
	number := judgedNumber(judged, sign)
	up := judged > 0
	choose := func(more, less string) string {
		if up {
			return more
		}
		return less
	}
	switch sign.Name {
	case "freshness":
		return phrase("there was no transaction for ", number)
	case "money":
		return phrase(choose("money grew by ", "money shrank by "), Percent(abs(judged)), " in 30 days")
	case "prices":
		return phrase(choose("prices rose by ", "prices fell by "), Percent(abs(judged)), " in 30 days")
	case "explained":
		return phrase("a part of the change in supply is unexplained")
	case "speed":
		return phrase("money moves ", Percent(abs(judged)), choose(" faster", " slower")+" than 30 days ago")
	case "concentration":
		return phrase(choose("wealth is drifting to the top", "wealth is spreading"))
	case "top":
		return phrase("the richest tenth hold " + choose("more", "less") + " than 30 days ago")
	case "activity":
		return phrase("", Percent(abs(judged)), choose(" more", " fewer")+" holders are active than 30 days ago")
	case "joining":
		return phrase(choose("more", "fewer") + " holders joined than in the 30 days before")
	case "breadth":
		return phrase(choose("more", "fewer") + " items are sold than in the 30 days before")
	case "leader":
		return phrase("one item is ", number, " of all sales")
	case "purse":
		return phrase("the public purse holds ", number, " of all money")
	}
	return phrase(sign.Title+" is at ", number)
}

func abs(v float64) float64 {
	if v < 0 {
		return -v
	}
	return v
}
