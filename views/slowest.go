package views

import (
	"strconv"
	"strings"
	"time"

	"exchequer/vitals"
)

// A rated is a measure of a page as it is shown: good, fair or poor as web.dev/vitals
// has it, or without a rating.
type rated struct{ Text, Rating string }

func ratedOf(value *float64, good, poor float64, text func(float64) string) rated {
	switch {
	case value == nil:
		return rated{Text: "–"}
	case *value <= good:
		return rated{text(*value), "good"}
	case *value <= poor:
		return rated{text(*value), "fair"}
	}
	return rated{text(*value), "poor"}
}

// took returns a time as operators read it: "0.48 s", "48 ms".
func took(seconds float64) string {
	if seconds < 0.1 {
		return strconv.FormatFloat(1000*seconds, 'f', 0, 64) + " ms"
	}
	return strconv.FormatFloat(seconds, 'f', 2, 64) + " s"
}

func shift(of float64) string { return strconv.FormatFloat(of, 'f', 2, 64) }

// measures returns those of a table's row, in the order of its columns.
func measures(m vitals.Measures) []rated {
	return []rated{
		ratedOf(m.LCP, 2.5, 4, took),
		ratedOf(m.INP, 0.2, 0.5, took),
		ratedOf(m.CLS, 0.1, 0.25, shift),
		ratedOf(m.TTFB, 0.8, 1.8, took),
	}
}

// audience says who reads: "phone, slow connection".
func audience(a vitals.Audience) string {
	if a.Connection == "slow" {
		return a.Device + ", slow connection"
	}
	return a.Device
}

// slower says since when a page is slower; empty if it is not.
func slower(s *vitals.Slower) string {
	if s == nil {
		return ""
	}
	var b strings.Builder
	b.WriteString("slower since " + s.Since.UTC().Format("2 Jan 15:04") + " UTC, was " + took(s.Before))
	if s.Version != "" {
		b.WriteString("; with version " + s.Version)
	}
	return b.String()
}

func hourText(t time.Time) string { return t.UTC().Format("2 Jan 15:04") }
