package importer

import (
	"strings"
	"sync"
	"time"
)

// dates is what the values of a column are as dates.
type dates struct {
	formats []string // that together read all values, or nearly all
	other   string   // another one that reads all values, as other times
	unsure  string
	millis  bool // they are milliseconds since 1970, which a mapping cannot read
}

func (d dates) found() bool { return len(d.formats) > 0 }

// A dateCandidate is one format that is tried.
type dateCandidate struct {
	format string
	dateFormats
}

// dateCandidates are the formats that are tried, those that are stricter first.
var dateCandidates = sync.OnceValue(func() []dateCandidate {
	days := []string{
		"YYYY-MM-DD", "YYYY/MM/DD", "YYYY.MM.DD", "DD.MM.YYYY", "D.M.YYYY", "DD.MM.YY", "D.M.YY",
		"DD/MM/YYYY", "MM/DD/YYYY", "D/M/YYYY", "M/D/YYYY", "DD/MM/YY", "MM/DD/YY", "D/M/YY", "M/D/YY",
		"DD-MM-YYYY", "MM-DD-YYYY", "D-M-YYYY", "M-D-YYYY", "DD-MM-YY", "MM-DD-YY",
		"D MMM YYYY", "D MMMM YYYY", "D. MMMM YYYY", "D-MMM-YYYY", "D-MMM-YY", "MMM D, YYYY", "MMMM D, YYYY", "YYYYMMDD",
	}
	times := []string{
		"", " hh:mm", " hh:mm:ss", ", hh:mm", ", hh:mm:ss", "Thh:mm", "Thh:mm:ss", "Thh:mm+ZZ:ZZ", "Thh:mm:ss+ZZ:ZZ", "Thh:mm:ss+ZZZZ",
		" hh:mm:ss+ZZ:ZZ", " hh:mm:ss+ZZZZ", " hh:mm:ss +ZZ:ZZ", " hh:mm:ss +ZZZZ",
	}
	var all []dateCandidate
	for _, day := range days {
		for _, t := range times {
			if formats, err := newDateFormats([]string{day + t}, time.UTC); err == nil {
				all = append(all, dateCandidate{day + t, formats})
			}
		}
	}
	return all
})

// maxDate is longer than any date.
const maxDate = 40

// readDates returns the formats of a column. named is whether its header is a word
// for a date: only then plain numbers are dates.
func readDates(values []string, named bool, now time.Time) dates {
	if len(values) == 0 {
		return dates{}
	}
	for _, v := range values[:min(len(values), 20)] {
		if len(v) > maxDate || len(v) < 6 || strings.IndexFunc(v, isDigit) < 0 {
			return dates{}
		}
	}
	if d, whole := readCounted(values, named); whole {
		return d
	}
	left := fitting(dateCandidates(), values)
	if len(left) == 0 && named {
		return readMixed(values)
	}
	if len(left) == 0 {
		return dates{}
	}
	return choose(left, values, now)
}

// readCounted reads seconds and milliseconds since 1970 and 20260131, and reports
// whether the values are whole numbers.
func readCounted(values []string, named bool) (dates, bool) {
	length := len(values[0])
	for _, v := range values {
		if strings.IndexFunc(v, func(c rune) bool { return !isDigit(c) }) >= 0 {
			return dates{}, false
		}
		if len(v) != length {
			length = 0
		}
	}
	switch {
	case !named:
	case length == len("1700000000"):
		return dates{formats: []string{unixSeconds}}, true
	case length == len("1700000000000"):
		return dates{millis: true}, true
	case length == len("20260131"):
		return dates{}, false
	}
	return dates{}, true
}

// fitting returns the candidates that read all values.
func fitting(candidates []dateCandidate, values []string) []dateCandidate {
	var left []dateCandidate
next:
	for _, c := range candidates {
		for _, v := range values {
			if t, err := c.parse(v); err != nil || t.Year() < 1000 {
				continue next
			}
		}
		left = append(left, c)
	}
	return left
}

// choose returns one of the formats that read all values. Two that give different
// times, such as 03/04/2021, are told apart by what lies in the future and by the
// order of the rows, if at all.
func choose(left []dateCandidate, values []string, now time.Time) dates {
	first, other := left[0], dateCandidate{}
	for _, c := range left[1:] {
		if differ(first, c, values) {
			other = c
			break
		}
	}
	if other.format == "" {
		return dates{formats: []string{first.format}}
	}
	switch a, b := future(first, values, now), future(other, values, now); {
	case a && !b:
		return dates{formats: []string{other.format}}
	case b && !a:
		return dates{formats: []string{first.format}}
	}
	const enough = 5
	if len(values) >= enough {
		switch a, b := ordered(first, values), ordered(other, values); {
		case a && !b:
			return dates{formats: []string{first.format}}
		case b && !a:
			return dates{formats: []string{other.format}}
		}
	}
	return dates{formats: []string{first.format}, other: other.format}
}

func differ(a, b dateCandidate, values []string) bool {
	for _, v := range values {
		x, _ := a.parse(v)
		if y, _ := b.parse(v); !x.Equal(y) {
			return true
		}
	}
	return false
}

func future(c dateCandidate, values []string, now time.Time) bool {
	for _, v := range values {
		if t, _ := c.parse(v); t.After(now.Add(24 * time.Hour)) {
			return true
		}
	}
	return false
}

// ordered reports whether the dates only rise or only fall.
func ordered(c dateCandidate, values []string) bool {
	rises, falls := true, true
	var last time.Time
	for i, v := range values {
		t, _ := c.parse(v)
		if i > 0 {
			rises, falls = rises && !t.Before(last), falls && !t.After(last)
		}
		last = t
	}
	return rises || falls
}

// readMixed returns up to three formats that together read nearly all of the first
// values, or none.
func readMixed(values []string) dates {
	const formats, looked, nearly = 3, 200, 0.9
	rest := values[:min(len(values), looked)]
	all := len(rest)
	var d dates
	for len(rest) > 0 && len(d.formats) < formats {
		var best dateCandidate
		var misses []string
		for _, c := range dateCandidates() {
			var missed []string
			for _, v := range rest {
				if t, err := c.parse(v); err != nil || t.Year() < 1000 {
					missed = append(missed, v)
				}
			}
			if len(missed) < len(rest) && (best.format == "" || len(missed) < len(misses)) {
				best, misses = c, missed
			}
		}
		if best.format == "" {
			break
		}
		d.formats = append(d.formats, best.format)
		rest = misses
	}
	if float64(all-len(rest)) < nearly*float64(all) {
		return dates{}
	}
	switch {
	case len(rest) > 0:
		d.unsure = "what is the date " + shortened(rest[0]) + "?"
	case len(d.formats) > 1:
		d.unsure = "there are several formats"
	}
	return d
}

func isDigit(c rune) bool { return c >= '0' && c <= '9' }
