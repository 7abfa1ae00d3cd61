// Package csvtext makes texts safe for the cells of CSV files.
package csvtext

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Guard keeps a spreadsheet from running a text, or a part of it, as a formula,
// whichever separator it is told to split at. Line breaks and other control
// characters become spaces. An apostrophe is put before each character that may
// begin a formula, unless it follows a letter, a digit or another such
// character, or stands alone between spaces as in "Bakery - North". It is not for
// numbers, which would become texts.
func Guard(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return formula(r) || breaks(r) }) {
		return text
	}
	var b strings.Builder
	begins, spaced := true, false // after a separator; after a word and a space
	for i, r := range text {
		switch {
		case breaks(r):
			r, spaced = ' ', true
		case unicode.IsSpace(r):
			spaced = true
		case formula(r):
			next, _ := utf8.DecodeRuneInString(text[i+utf8.RuneLen(r):])
			if begins || spaced && !breaks(next) && !unicode.IsSpace(next) {
				b.WriteByte('\'')
			}
			begins, spaced = false, false
		case r < utf8.RuneSelf && !alphanumeric(r), unicode.IsPunct(r), !unicode.IsPrint(r):
			begins = true
		default:
			begins, spaced = false, false
		}
		b.WriteRune(r)
	}
	return b.String()
}

// formula reports whether a formula may begin with r, of full width or not.
func formula(r rune) bool { return strings.ContainsRune("=+-@＝＋－＠", r) }

// breaks reports whether r may end a line, or is no part of a text at all.
func breaks(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }

func alphanumeric(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
