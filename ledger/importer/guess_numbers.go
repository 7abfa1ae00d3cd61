package importer

import (
	"errors"
	"strings"
	"unicode"
)

// numberShapes are the ways of writing numbers that are tried, the most common first.
// A set of them is a bit mask.
var numberShapes = [...]numberFormat{
	{decimal: '.'},
	{decimal: ','},
	{decimal: '.', thousands: ','},
	{decimal: ',', thousands: '.'},
	{decimal: '.', thousands: ' '},
	{decimal: ',', thousands: ' '},
	{decimal: '.', thousands: '\''},
	{decimal: ',', thousands: '\''},
}

// numbers is what the values of a column are as numbers.
type numbers struct {
	shapes   uint8  // that read all values; none: they are no numbers
	symbol   string // of the currency, before or after some
	negative int    // how many are below zero
	positive int
}

func readNumbers(values []string) numbers {
	if len(values) == 0 {
		return numbers{}
	}
	n := numbers{shapes: 1<<len(numberShapes) - 1}
	for _, v := range values {
		symbol, ok := symbolOf(v)
		if !ok || symbol != "" && n.symbol != "" && symbol != n.symbol {
			return numbers{}
		}
		if symbol != "" {
			n.symbol = symbol
		}
		var value decimal
		for i, shape := range numberShapes {
			if n.shapes&(1<<i) == 0 {
				continue
			}
			shape.symbol = n.symbol
			read, err := shape.parse(v)
			if err != nil && !errors.Is(err, errTooLarge) || shape.thousands != 0 && zeroGroup(v, shape.thousands) {
				n.shapes &^= 1 << i
				continue
			}
			value = read
		}
		switch {
		case n.shapes == 0:
			return numbers{}
		case value.coef < 0:
			n.negative++
		case value.coef > 0:
			n.positive++
		}
	}
	return n
}

// zeroGroup reports whether a number begins with a group that is zero, so that what
// follows is a fraction.
func zeroGroup(v string, thousands byte) bool {
	before, _, found := strings.Cut(strings.TrimLeft(v, "+-("), string(thousands))
	return found && strings.Trim(before, "0") == ""
}

// symbolOf returns the currency's symbol of an amount. It returns false if there is
// other text.
func symbolOf(v string) (string, bool) {
	v = strings.TrimSpace(strings.Trim(v, "()+-"))
	number := func(c rune) bool { return c >= '0' && c <= '9' }
	first, last := strings.IndexFunc(v, number), strings.LastIndexFunc(v, number)
	if first < 0 {
		return "", false
	}
	before := strings.TrimSpace(strings.TrimRight(v[:first], ".,+-"))
	after := strings.TrimSpace(strings.TrimLeft(v[last+1:], ".,"))
	symbol := before + after
	return symbol, symbol == "" || (before == "" || after == "") && currency(symbol)
}

// currency reports whether a text is the symbol or the code of a currency.
func currency(s string) bool {
	code := len(s) == 3
	for _, c := range s {
		if unicode.Is(unicode.Sc, c) {
			return len(s) <= 8
		}
		code = code && c >= 'A' && c <= 'Z'
	}
	switch s {
	case "kr", "kr.", "zł", "Kč", "Fr.", "Ft", "lei", "лв":
		return true
	}
	return code
}

// A numberChoice is how the numbers of the mapping's columns are written.
type numberChoice struct {
	numberFormat
	unsure string
}

// chooseNumbers returns a shape that reads all columns.
func chooseNumbers(columns []*guessColumn, delimiter rune) (numberChoice, bool) {
	shapes := uint8(1<<len(numberShapes) - 1)
	for _, c := range columns {
		shapes &= c.numbers.shapes
	}
	if shapes == 0 {
		return numberChoice{numberFormat: numberShapes[0]}, false
	}
	const point, comma, commas, points = 0, 1, 2, 3
	has := func(shape int) bool { return shapes&(1<<shape) != 0 }
	pick, unsure := 0, ""
	for !has(pick) {
		pick++
	}
	// "1.234" everywhere may be a thousand or one and a fraction.
	for _, pair := range [][2]int{{point, points}, {comma, commas}} {
		if !has(pair[0]) || !has(pair[1]) {
			continue
		}
		v, found := withSeparator(columns, numberShapes[pair[0]].decimal)
		if !found {
			continue
		}
		// Where the decimals come after a comma, the delimiter is seldom one.
		if comma := delimiter == ';'; comma == (numberShapes[pair[0]].decimal == ',') {
			pick, unsure = pair[0], "is "+v+" a whole number with thousands? then "+swapped(pair[1])
		} else {
			pick, unsure = pair[1], "has "+v+" decimals? then "+swapped(pair[0])
		}
	}
	return numberChoice{numberShapes[pick], unsure}, true
}

func swapped(shape int) string {
	f := numberShapes[shape]
	text := "decimal = " + tomlText(string(f.decimal))
	if f.thousands != 0 {
		return text + ", thousands = " + tomlText(string(f.thousands))
	}
	return text + " and no thousands"
}

func withSeparator(columns []*guessColumn, separator byte) (string, bool) {
	for _, c := range columns {
		for _, v := range c.values {
			if strings.IndexByte(v, separator) >= 0 {
				return shortened(v), true
			}
		}
	}
	return "", false
}

// decimalsOf returns the most digits that a value of a column has after the decimal
// separator.
func (f numberFormat) decimalsOf(c *guessColumn) int {
	most := 0
	for _, v := range c.values {
		_, fraction, _ := strings.Cut(v, string(f.decimal))
		digits := strings.IndexFunc(fraction, func(c rune) bool { return c < '0' || c > '9' })
		if digits < 0 {
			digits = len(fraction)
		}
		most = max(most, digits)
	}
	return most
}
