package views

import (
	"slices"
	"strings"
	"time"
	"unicode"
)

// A Field is the control by which a form asks for a parameter. A form carries a
// parameter without one as it is.
type Field int

// The fields.
const (
	NoField Field = iota
	SearchField
	ChoiceField // one of the parameter's options
	DayField
	CheckField
	AmountField // of money
)

// mostSearched is how many characters of a text are searched for.
const mostSearched = 60

// checked is the value of a box that is checked.
const checked = "yes"

// BeforeParam is a day, before which the rows of a list begin.
var BeforeParam = &Param{Name: "before", Label: "Before the day", Field: DayField, Nearest: nearestDay, Is: aDay}

// SearchParam returns a parameter that is a text to search for: words with single
// spaces, without control and format characters, at most 60 characters.
func SearchParam(name, label string) *Param {
	return &Param{Name: name, Label: label, Field: SearchField, Nearest: searched}
}

// ChoiceParam returns a parameter with one of a few values. The first one is the
// default.
func ChoiceParam(name, label string, options ...Option) *Param {
	p := &Param{Name: name, Label: label, Field: ChoiceField, Default: options[0].Value, Options: options}
	p.Nearest = func(text string) string {
		if slices.ContainsFunc(options, func(o Option) bool { return o.Value == text }) {
			return text
		}
		return p.Default
	}
	return p
}

// CheckParam returns a parameter that is "yes" or empty. What a program may write
// for no is empty.
func CheckParam(name, label string) *Param {
	return &Param{Name: name, Label: label, Field: CheckField, Nearest: func(text string) string {
		switch strings.ToLower(text) {
		case "", "no", "off", "false", "0":
			return ""
		}
		return checked
	}}
}

// Checked reports whether the box of a CheckParam is checked.
func (p Params) Checked(d *Param) bool { return p.Get(d) == checked }

func searched(text string) string {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) { // also what turns the direction of texts
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, " "))
	runes := []rune(strings.Join(strings.Fields(clean), " "))
	return strings.TrimSpace(string(runes[:min(len(runes), mostSearched)]))
}

func nearestDay(text string) string {
	if day, err := time.Parse(time.DateOnly, text); err == nil && day.Year() > 0 {
		return text
	}
	return ""
}
