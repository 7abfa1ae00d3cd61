package aggregates

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The limits of a list.
const (
	MostWanted     = 500           // lines
	MostPieces     = 1_000_000_000 // of an item
	mostNameBytes  = 512           // as of refs
	mostTypedBytes = 40            // of an amount
)

// ErrManyLines is the error of a list of too many lines.
var ErrManyLines = fmt.Errorf("more than %d lines", MostWanted)

// Wanted is a line of a list: what people call an item, and how many pieces, as
// they wrote it; empty is one.
type Wanted struct{ Name, Amount string }

// amountText is an amount as people write it, perhaps one that cannot be.
const amountText = `[-+\x{2212}]?[.,]?\d(?:[\d.,'’_\x{a0}\x{202f}\x{2009}]*\d)?`

var (
	amountOnly = regexp.MustCompile(`^` + amountText + `$`)
	// "64 diamond", "64x diamond", "64 x diamond", "x64 diamond", "64: diamond"
	amountFirst = regexp.MustCompile(`^(?:[xX×*]\s*)?(` + amountText + `)(?:\s*[xX×*:;,=])?[\s\p{Z}]+(.+)$`)
	// "64,diamond", "64xdiamond", "64x diamond"
	amountJoined = regexp.MustCompile(`^(` + amountText + `)\s*[xX×*:;,=]\s*(\D.*)$`)
	// "1 000 diamond", "1 000 x diamond"
	amountSpaced = regexp.MustCompile(`^(\d{1,3}(?: \d{3})+)(?:\s*[xX×*:;,=])?[\s\p{Z}]+(.+)$`)
	// "diamond 64", "diamond x64", "diamond x 64", "diamond 64x", "diamond: 64"
	amountLast  = regexp.MustCompile(`^(.+?)(?:\s*[:;,=]\s*|[\s\p{Z}]+)(?:[xX×*]\s*)?(` + amountText + `)(?:\s*[xX×*])?$`)
	inThousands = regexp.MustCompile(`^\d{1,3}(?:(?:,\d{3})+|(?:['’]\d{3})+|(?:_\d{3})+|(?:[\x{a0}\x{202f}\x{2009}]\d{3})+)$`)
)

// ReadList reads a list that somebody pasted: an item a line with its amount before
// or after it, or a table with tabs. Blank lines, and those that begin with #, say
// nothing. Where a number may be part of a name, as in "music disc 13", the names of
// the matcher decide. Lines of one item are added up.
func ReadList(text string, m *Matcher) ([]Wanted, error) {
	var all []Wanted
	lines := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(strings.ToValidUTF8(line, ""))
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if lines++; lines > MostWanted {
			return nil, ErrManyLines
		}
		if w := readLine(line, m); w.Name != "" {
			all = append(all, w)
		}
	}
	return addUp(all, m), nil
}

// readLine returns the reading of a line whose name is that of an item, else the
// first that has an amount.
func readLine(line string, m *Matcher) Wanted {
	whole := Wanted{Name: line}
	var readings []Wanted
	if first, rest, found := strings.Cut(line, "\t"); found {
		second, _, _ := strings.Cut(strings.TrimLeft(rest, "\t "), "\t") // what follows says nothing here
		first, second = strings.TrimSpace(first), strings.TrimSpace(second)
		switch {
		case amountOnly.MatchString(second):
			readings = append(readings, Wanted{first, second})
		case amountOnly.MatchString(first):
			readings = append(readings, Wanted{second, first})
		}
	}
	if found := amountSpaced.FindStringSubmatch(line); found != nil {
		readings = append(readings, Wanted{found[2], strings.ReplaceAll(found[1], " ", "")})
	}
	for _, form := range []*regexp.Regexp{amountFirst, amountJoined} {
		if found := form.FindStringSubmatch(line); found != nil {
			readings = append(readings, Wanted{found[2], found[1]})
		}
	}
	if found := amountLast.FindStringSubmatch(line); found != nil {
		readings = append(readings, Wanted{found[1], found[2]})
	}
	for _, w := range append([]Wanted{whole}, readings...) {
		if len(m.Find(w.Name)) > 0 {
			return w.bounded()
		}
	}
	return append(readings, whole)[0].bounded()
}

// addUp adds up the lines of an item, in the place of the first.
func addUp(all []Wanted, m *Matcher) []Wanted {
	at := map[*QuotedItem]int{}
	var added []Wanted
	for _, w := range all {
		items := m.Find(w.Name)
		n, why := w.pieces()
		if len(items) != 1 || why != "" {
			added = append(added, w)
			continue
		}
		i, known := at[items[0]]
		if !known {
			at[items[0]] = len(added)
			added = append(added, Wanted{items[0].ID, strconv.FormatInt(n, 10)})
			continue
		}
		sum, _ := added[i].pieces()
		if sum += n; sum > MostPieces {
			added = append(added, w) // for [Appraise] to explain
			continue
		}
		added[i].Amount = strconv.FormatInt(sum, 10)
	}
	return added
}

// bounded returns w cut to what a name and an amount may be, without characters
// that cannot be seen.
func (w Wanted) bounded() Wanted {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(w.Name, ""))
	name := strings.TrimSpace(cutBytes(strings.TrimSpace(clean), mostNameBytes))
	amount := strings.TrimRightFunc(cutBytes(strings.TrimSpace(w.Amount), mostTypedBytes), func(r rune) bool { return r < '0' || r > '9' })
	return Wanted{name, amount}
}

// cutBytes returns the beginning of a text, of so many bytes at most.
func cutBytes(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

// pieces returns the amount, or why it is none.
func (w Wanted) pieces() (n int64, why string) {
	text := strings.ReplaceAll(w.Amount, "\u2212", "-")
	if text == "" {
		return 1, ""
	}
	if strings.HasPrefix(text, "-") {
		return 0, "The amount is below zero."
	}
	text = strings.TrimPrefix(text, "+")
	if inThousands.MatchString(text) {
		text = strings.NewReplacer(",", "", "'", "", "’", "", "_", "", "\u00a0", "", "\u202f", "", "\u2009", "").Replace(text)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange) || n > MostPieces || len(w.Amount) > mostTypedBytes-4:
		return 0, "The amount is more than 1,000,000,000."
	case err != nil:
		return 0, "The amount is not a whole number of pieces."
	case n == 0:
		return 0, "The amount is zero."
	}
	return n, ""
}

// In an address, lines are separated by a tilde, and the amount follows the last
// colon.
var (
	escapeName   = strings.NewReplacer("%", "%25", "~", "%7E")
	unescapeName = strings.NewReplacer("%25", "%", "%7E", "~", "%7e", "~")
)

// WriteAddress returns a list as the value of an address' parameter, before that is
// escaped: "minecraft:diamond:64~iron:128".
func WriteAddress(list []Wanted) string {
	var b strings.Builder
	for n, w := range list {
		if n > 0 {
			b.WriteByte('~')
		}
		amount := w.Amount
		if amount == "" {
			amount = "1"
		}
		b.WriteString(escapeName.Replace(w.Name) + ":" + amount)
	}
	return b.String()
}

// ReadAddress reads what WriteAddress has written, and what is like it.
func ReadAddress(value string) ([]Wanted, error) {
	var all []Wanted
	for line := range strings.SplitSeq(value, "~") {
		w := Wanted{Name: line}
		if n := strings.LastIndexByte(line, ':'); n >= 0 && amountOnly.MatchString(line[n+1:]) {
			w = Wanted{line[:n], line[n+1:]}
		}
		w.Name = unescapeName.Replace(w.Name)
		if w = w.bounded(); w.Name == "" {
			continue
		}
		if len(all) == MostWanted {
			return nil, ErrManyLines
		}
		all = append(all, w)
	}
	return all, nil
}
